package zktool

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// javaShortLong is DateFormat.getDateTimeInstance(SHORT, LONG) in the locale en_US.
const javaShortLong = "1/2/06, 3:04:05 PM MST"

// txnText is one transaction as TxnLogToolkit prints it, without the end of the line. With digest, the digest of the tree
// that the log has for it is added.
func txnText(body []byte, digest bool) (string, error) {
	d := jute.NewDecoder(body)
	var h zkproto.TxnHeader
	h.Decode(&d)
	if err := d.Err(); err != nil {
		return "", fmt.Errorf("transaction header: %w", err)
	}
	txn, err := zkproto.DecodeTxn(h.Type, &d)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s session 0x%x cxid 0x%x zxid 0x%x %s %s", time.UnixMilli(h.Time).Format(javaShortLong),
		uint64(h.ClientID), uint32(h.Cxid), uint64(h.Zxid), h.Type, bodyText(txn))
	if digest && d.Remaining() > 0 {
		var t zkproto.TxnDigest
		t.Decode(&d)
		if err := d.Err(); err != nil {
			return "", fmt.Errorf("transaction digest: %w", err)
		}
		text = strings.TrimSuffix(text, "\n") + fmt.Sprintf(" digest %d (version %d)", t.Digest, t.Version)
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// bodyText is the body of a transaction. Those that the original prints by toString of the generated record are in its
// CSV notation, and end their line.
func bodyText(txn zkproto.Txn) string {
	switch t := txn.(type) {
	case *zkproto.CreateTxn:
		return fmt.Sprintf("%s,%s,%s,%t,%d", t.Path, utf8Text(t.Data), aclList(t.ACL), t.Ephemeral, t.ParentCVersion)
	case *zkproto.CreateContainerTxn:
		return fmt.Sprintf("%s,%s,%s,%d", t.Path, utf8Text(t.Data), aclList(t.ACL), t.ParentCVersion)
	case *zkproto.CreateTTLTxn:
		return fmt.Sprintf("%s,%s,%s,%d,%d", t.Path, utf8Text(t.Data), aclList(t.ACL), t.ParentCVersion, t.TTL)
	case *zkproto.SetDataTxn:
		return fmt.Sprintf("%s,%s,%d", t.Path, utf8Text(t.Data), t.Version)
	case *zkproto.MultiTxn:
		var parts []string
		for _, op := range t.Ops {
			parts = append(parts, op.Type.String()+":"+utf8Text(op.Txn.AppendTo(nil)))
		}
		return strings.Join(parts, ";")
	case *zkproto.DeleteTxn:
		return csvString(t.Path)
	case *zkproto.SetACLTxn:
		var entries []string
		for _, a := range t.ACL {
			entries = append(entries, "s{"+csvACL(a)+"}")
		}
		return fmt.Sprintf("%s,v{%s},%d", csvString(t.Path), strings.Join(entries, ","), t.Version)
	case *zkproto.CheckVersionTxn:
		return fmt.Sprintf("%s,%d", csvString(t.Path), t.Version)
	case *zkproto.CreateSessionTxn:
		return fmt.Sprint(t.TimeoutMillis)
	case *zkproto.CloseSessionTxn:
		if t.Bare {
			return ""
		}
		var paths []string
		for _, p := range t.PathsToDelete {
			paths = append(paths, csvString(p))
		}
		return "v{" + strings.Join(paths, ",") + "}"
	case *zkproto.ErrorTxn:
		return fmt.Sprint(int32(t.Err))
	default:
		return ""
	}
}

// utf8Text is data as text; what is no UTF-8 becomes the replacement character.
func utf8Text(data []byte) string {
	var b strings.Builder
	for _, r := range string(data) {
		b.WriteRune(r)
	}
	return b.String()
}

// aclList is a Java list of ACL records, each of which ends a line.
func aclList(acls []zkproto.ACL) string {
	if acls == nil {
		return "null"
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, a := range acls {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(csvACL(a) + "\n")
	}
	return b.String() + "]"
}

func csvACL(a zkproto.ACL) string {
	return fmt.Sprintf("%d,s{%s,%s}", a.Perms, csvString(a.Scheme), csvString(a.ID.ID))
}

var csvEscapes = strings.NewReplacer("\x00", "%00", "\n", "%0A", "\r", "%0D", ",", "%2C", "}", "%7D", "%", "%25")

// csvString is a text in jute's CSV notation.
func csvString(s string) string { return "'" + csvEscapes.Replace(s) }

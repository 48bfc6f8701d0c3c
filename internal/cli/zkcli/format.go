package zkcli

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// javaDate is the layout of java.util.Date.toString.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// formatStat is a Stat as StatPrinter prints it, without the last line's end.
func formatStat(st zkproto.Stat) string {
	date := func(ms int64) string { return time.UnixMilli(ms).Format(javaDate) }
	return fmt.Sprintf("cZxid = %s\nctime = %s\nmZxid = %s\nmtime = %s\npZxid = %s\ncversion = %d\ndataVersion = %d\n"+
		"aclVersion = %d\nephemeralOwner = 0x%x\ndataLength = %d\nnumChildren = %d",
		st.Czxid, date(st.Ctime), st.Mzxid, date(st.Mtime), st.Pzxid, st.Cversion, st.Version, st.Aversion,
		uint64(st.EphemeralOwner), st.DataLength, st.NumChildren)
}

// formatACL is an ACL entry as getAcl prints it: the identity, which ends its own line, and the permissions.
func formatACL(a zkproto.ACL) string {
	return fmt.Sprintf("'%s,'%s\n: %s", a.Scheme, a.ID.ID, permString(a.Perms))
}

func permString(perms int32) string {
	var b strings.Builder
	for _, p := range permissions {
		if perms&p.bit != 0 {
			b.WriteByte(p.letter)
		}
	}
	return b.String()
}

// permissions in the order in which they are printed.
var permissions = []struct {
	letter byte
	bit    int32
}{
	{'c', zkproto.PermCreate}, {'d', zkproto.PermDelete}, {'r', zkproto.PermRead}, {'w', zkproto.PermWrite}, {'a', zkproto.PermAdmin},
}

// parseACL reads scheme:id:perms,… as AclParser does: what it cannot read it reports and leaves out.
func (s *shell) parseACL(text string) []zkproto.ACL {
	var acls []zkproto.ACL
	for part := range strings.SplitSeq(text, ",") {
		first, last := strings.IndexByte(part, ':'), strings.LastIndexByte(part, ':')
		if first == last {
			s.warn(part + " does not have the form scheme:id:perm")
			continue
		}
		a := zkproto.ACL{ID: zkproto.ID{Scheme: part[:first], ID: part[first+1 : last]}}
	letters:
		for _, c := range part[last+1:] {
			for _, p := range permissions {
				if c == rune(p.letter) {
					a.Perms |= p.bit
					continue letters
				}
			}
			s.warn("Unknown perm type: " + string(c))
		}
		acls = append(acls, a)
	}
	return acls
}

// stateClosed is the state of a session that the client has closed; it never travels.
const stateClosed zkproto.KeeperState = 7

var stateNames = map[zkproto.KeeperState]string{
	zkproto.StateDisconnected: "Disconnected", zkproto.StateSyncConnected: "SyncConnected",
	zkproto.StateAuthFailed: "AuthFailed", zkproto.StateConnectedReadOnly: "ConnectedReadOnly",
	zkproto.StateSASLAuthenticated: "SaslAuthenticated", zkproto.StateExpired: "Expired",
	stateClosed: "Closed",
}

// formatEvent is WatchedEvent.toString.
func formatEvent(e zkclient.Event) string {
	path := e.Path
	if e.Type == zkproto.EventNone {
		path = "null"
	}
	return fmt.Sprintf("WatchedEvent state:%s type:%s path:%s zxid: %d", stateNames[e.State], e.Type, path, int64(e.Zxid))
}

// hexdump is data as Netty's prettyHexDump shows it; nothing for no data.
func hexdump(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	const line = "+--------+-------------------------------------------------+----------------+"
	var b strings.Builder
	b.WriteString("         +-------------------------------------------------+\n")
	b.WriteString("         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n" + line)
	for at := 0; at < len(data); at += 16 {
		fmt.Fprintf(&b, "\n|%08x|", at)
		var text strings.Builder
		for i := range 16 {
			if at+i >= len(data) {
				b.WriteString("   ")
				text.WriteByte(' ')
				continue
			}
			c := data[at+i]
			fmt.Fprintf(&b, " %02x", c)
			if c <= 0x1f || c >= 0x7f {
				c = '.'
			}
			text.WriteByte(c)
		}
		fmt.Fprintf(&b, " |%s|", text.String())
	}
	b.WriteString("\n" + line)
	return b.String()
}

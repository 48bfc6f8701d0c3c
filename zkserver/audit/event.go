// Package audit is the audit log: who changed what, when and with what result. Its lines are those that the original
// writes with the audit logger and the logback.xml it comes with, so that what reads those reads these:
//
//	2026-11-21 23:50:06,852 INFO o.a.z.a.Slf4jAuditLogger: session=0x1⇥user=bob,127.0.0.1⇥ip=127.0.0.1⇥operation=create⇥znode=/a⇥znode_type=persistent⇥result=success
//	----------------------- ----                           --------------------------------- key=value, apart by tabs (⇥) -----------------------------------------
//	local time              ERROR for result=failure       session user ip operation znode znode_type acl result; what there is not is left out
//
// Unlike the original's, no value can make up a line or a field: control characters in it are written as \u000a.
//
// The format (this file) is pure; Writer puts lines into a file without ever making its callers wait for the disk.
package audit

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The operations that are logged.
const (
	ServerStart    = "serverStart"
	ServerStop     = "serverStop"
	Create         = "create"
	Delete         = "delete"
	SetData        = "setData"
	SetACL         = "setAcl"
	MultiOperation = "multiOperation" // one that was refused; of one that was done, each part is logged
	Reconfig       = "reconfig"
	// EphemeralDeletion is the end of a znode whose session was closed or has expired.
	EphemeralDeletion = "ephemeralZNodeDeletionOnSessionCloseOrExpire"
)

// Result is how an operation ended.
type Result string

// The results. Invoked is that of ServerStop.
const (
	Success Result = "success"
	Failure Result = "failure"
	Invoked Result = "invoked"
)

// Event is one line. Fields that are empty are left out.
type Event struct {
	Session   zkproto.SessionID
	User      string // see Users; the user who runs the server where no client asked
	IP        string // of the client
	Operation string
	Path      string
	NodeType  string // of Create, see NodeType
	ACL       string // of SetACL, see ACLText
	Result    Result
}

const (
	timeLayout = "2006-01-02 15:04:05,000"
	logger     = " o.a.z.a.Slf4jAuditLogger: "
)

// AppendLine appends the event as a line with its newline.
func (e *Event) AppendLine(b []byte, at time.Time) []byte {
	b = at.AppendFormat(b, timeLayout)
	if e.Result == Failure {
		b = append(b, " ERROR"+logger...)
	} else {
		b = append(b, " INFO"+logger...)
	}
	if e.Session != 0 {
		b = appendField(b, "session", e.Session.String())
	}
	b = appendField(b, "user", e.User)
	b = appendField(b, "ip", e.IP)
	b = appendField(b, "operation", e.Operation)
	b = appendField(b, "znode", e.Path)
	b = appendField(b, "znode_type", e.NodeType)
	b = appendField(b, "acl", e.ACL)
	b = append(b, "result="...)
	return append(append(b, e.Result...), '\n')
}

func appendField(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(b, key...), '=')
	for _, r := range value {
		if isControl(r) {
			b = fmt.Appendf(b, `\u%04x`, r)
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return append(b, '\t')
}

// isControl tells whether something that reads lines may take r for the end of one, or worse.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// Users are the names of a connection's ids, apart by commas, in the order in which the connection got them.
func Users(ids []zkproto.ID) string {
	var names []string
	for _, id := range ids {
		name := id.ID
		switch id.Scheme {
		case "digest":
			name, _, _ = strings.Cut(name, ":")
		case "ip":
		default: // "super" names nobody: the id of scheme digest beside it does
			continue
		}
		if strings.TrimFunc(name, func(r rune) bool { return r <= ' ' }) != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// NodeType is the name of a mode as the log has it; empty for a mode that does not exist.
func NodeType(m zkproto.CreateMode) string {
	names := [...]string{
		"persistent", "ephemeral", "persistent_sequential", "ephemeral_sequential", "container", "persistent_with_ttl",
		"persistent_sequential_with_ttl",
	}
	if m < 0 || int(m) >= len(names) {
		return ""
	}
	return names[m]
}

// ACLText is an access list as the log has it: scheme:id:permissions, one after the other with nothing between.
func ACLText(acl []zkproto.ACL) string {
	var b strings.Builder
	for _, a := range acl {
		b.WriteString(a.Scheme + ":" + a.ID.ID + ":")
		for _, p := range []struct {
			bit  int32
			name byte
		}{
			{zkproto.PermCreate, 'c'}, {zkproto.PermDelete, 'd'}, {zkproto.PermRead, 'r'}, {zkproto.PermWrite, 'w'}, {zkproto.PermAdmin, 'a'},
		} {
			if a.Perms&p.bit != 0 {
				b.WriteByte(p.name)
			}
		}
	}
	return b.String()
}

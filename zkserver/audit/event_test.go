package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

var at = time.Date(2026, 11, 21, 23, 50, 6, 852_000_000, time.UTC)

// The lines were written by ZooKeeper 3.9.5 with its logback.xml.
func TestLines(t *testing.T) {
	const info, failed = "2026-11-21 23:50:06,852 INFO o.a.z.a.Slf4jAuditLogger: ", "2026-11-21 23:50:06,852 ERROR o.a.z.a.Slf4jAuditLogger: "
	who := Event{Session: 0x100007896a20000, User: "127.0.0.1", IP: "127.0.0.1"}
	with := func(change func(*Event)) Event {
		e := who
		change(&e)
		return e
	}
	for want, e := range map[string]Event{
		info + "user=root\toperation=serverStart\tresult=success": {User: "root", Operation: ServerStart, Result: Success},
		info + "user=root\toperation=serverStop\tresult=invoked":  {User: "root", Operation: ServerStop, Result: Invoked},
		info + "session=0x100007896a20000\tuser=127.0.0.1\tip=127.0.0.1\toperation=create\tznode=/a/s-0000000001\tznode_type=persistent_sequential\tresult=success": with(func(e *Event) {
			e.Operation, e.Path, e.NodeType, e.Result = Create, "/a/s-0000000001", NodeType(zkproto.ModePersistentSequential), Success
		}),
		failed + "session=0x100007896a20000\tuser=127.0.0.1\tip=127.0.0.1\toperation=setAcl\tznode=/none\tacl=world:anyone:cdrwadigest:bob:abc=:r\tresult=failure": with(func(e *Event) {
			e.Operation, e.Path, e.Result = SetACL, "/none", Failure
			e.ACL = ACLText([]zkproto.ACL{
				{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "world", ID: "anyone"}},
				{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "digest", ID: "bob:abc="}},
			})
		}),
		failed + "session=0x100007896a20000\tuser=127.0.0.1\tip=127.0.0.1\toperation=reconfig\tresult=failure": with(func(e *Event) { e.Operation, e.Result = Reconfig, Failure }),
		info + "session=0x100007896a20000\tuser=root\toperation=ephemeralZNodeDeletionOnSessionCloseOrExpire\tznode=/a/e\tresult=success": {
			Session: who.Session, User: "root", Operation: EphemeralDeletion, Path: "/a/e", Result: Success,
		},
	} {
		require.Equal(t, want+"\n", string(e.AppendLine(nil, at)))
	}
}

func TestNoValueMakesALineOrAField(t *testing.T) {
	e := Event{User: "a\tresult=success\nb", Operation: Delete, Path: "/ü\u0085\u2028\x7f=", Result: Failure}
	require.Equal(t, "2026-11-21 23:50:06,852 ERROR o.a.z.a.Slf4jAuditLogger: "+
		`user=a\u0009result=success\u000ab`+"\toperation=delete\t"+`znode=/ü\u0085\u2028\u007f=`+"\tresult=failure\n", string(e.AppendLine(nil, at)))
}

func TestUsers(t *testing.T) {
	require.Empty(t, Users(nil))
	require.Equal(t, "127.0.0.1,bob,super", Users([]zkproto.ID{
		{Scheme: "ip", ID: "127.0.0.1"},
		{Scheme: "digest", ID: "bob:hash"},
		{Scheme: "digest", ID: " :hash"},
		{Scheme: "super"},
		{Scheme: "digest", ID: "super:hash"},
	}))
}

func TestNodeTypes(t *testing.T) {
	require.Equal(t, "container", NodeType(zkproto.ModeContainer))
	require.Equal(t, "persistent_sequential_with_ttl", NodeType(zkproto.ModePersistentSequentialWithTTL))
	require.Empty(t, NodeType(7))
	require.Empty(t, NodeType(-1))
}

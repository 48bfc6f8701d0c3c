package zkserver

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// auditLines are the lines of the audit log without time and class: level, then the fields.
func auditLines(t *testing.T, file string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|ERROR) o\.a\.z\.a\.Slf4jAuditLogger: `, line)
		head, fields, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " o.a.z.a.Slf4jAuditLogger: ")
		lines = append(lines, head[strings.LastIndexByte(head, ' ')+1:]+" "+strings.ReplaceAll(fields, "\t", " "))
	}
	return lines
}

func TestAuditLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	r := start(t, func(c *config.Config) {
		c.AuditEnabled, c.AuditDir, c.ExtendedTypes = true, dir, true
	})
	c := r.raw(zkclient.Handshake{})
	acl := []zkproto.ACL{{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}
	create := func(op zkproto.OpCode, path string, mode zkproto.CreateMode) zkproto.Error {
		req := zkproto.CreateRequest{Path: path, ACL: acl, Mode: mode, TTL: 1000_000}
		return c.ask(op, req.AppendTo(nil, op)).Err
	}
	require.Equal(t, zkproto.ErrOK, create(zkproto.OpCreate, "/a", 0))
	require.Equal(t, zkproto.ErrOK, create(zkproto.OpCreate2, "/a/e", zkproto.ModeEphemeral))
	require.Equal(t, zkproto.ErrOK, create(zkproto.OpCreate, "/a/s-", zkproto.ModePersistentSequential))
	require.Equal(t, zkproto.ErrOK, create(zkproto.OpCreateContainer, "/c", zkproto.ModeContainer))
	require.Equal(t, zkproto.ErrOK, create(zkproto.OpCreateTTL, "/ttl", zkproto.ModePersistentWithTTL))
	require.Equal(t, zkproto.ErrNodeExists, create(zkproto.OpCreate, "/a", 0))
	require.NotEqual(t, zkproto.ErrOK, create(zkproto.OpCreate, "/a\n2026 INFO forged", 0))
	require.NotEqual(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, []byte{0, 0}).Err, "cut off")
	login := zkproto.AuthRequest{Scheme: "digest", Auth: []byte("bob:secret")}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAuth, login.AppendTo(nil)).Err)
	set := zkproto.SetDataRequest{Path: "/a", Version: -1}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, set.AppendTo(nil)).Err)
	set.Version = 77
	require.Equal(t, zkproto.ErrBadVersion, c.ask(zkproto.OpSetData, set.AppendTo(nil)).Err)
	setACL := zkproto.SetACLRequest{Path: "/a", ACL: acl, Version: -1}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetACL, setACL.AppendTo(nil)).Err)
	del := zkproto.PathVersionRequest{Path: "/ttl", Version: -1}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpDelete, del.AppendTo(nil)).Err)
	require.Equal(t, zkproto.ErrNoNode, c.ask(zkproto.OpDelete, del.AppendTo(nil)).Err)
	reconfig := zkproto.ReconfigRequest{Leaving: "3", CurConfigID: -1}
	require.NotEqual(t, zkproto.ErrOK, c.ask(zkproto.OpReconfig, reconfig.AppendTo(nil)).Err)
	multi := zkproto.MultiRequest{Ops: []zkproto.MultiOp{
		{Type: zkproto.OpCheck, PathVersion: zkproto.PathVersionRequest{Path: "/a", Version: -1}},
		{Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: "/m", ACL: acl}},
		{Type: zkproto.OpSetData, SetData: zkproto.SetDataRequest{Path: "/m", Version: -1}},
		{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: "/m", Version: -1}},
	}}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpMulti, multi.AppendTo(nil)).Err)
	multi.Ops[3].PathVersion.Version = 9
	c.ask(zkproto.OpMulti, multi.AppendTo(nil))
	c.ask(zkproto.OpSync, del.AppendTo(nil)) // no operation of the log
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCloseSession, nil).Err)
	r.stop()

	me := serverUser()
	session := "session=" + c.Session.ID.String()
	ip, both := session+" user=127.0.0.1 ip=127.0.0.1 operation=", session+" user=127.0.0.1,bob ip=127.0.0.1 operation="
	require.Equal(t, []string{
		"INFO user=" + me + " operation=serverStart result=success",
		"INFO " + ip + "create znode=/a znode_type=persistent result=success",
		"INFO " + ip + "create znode=/a/e znode_type=ephemeral result=success",
		"INFO " + ip + "create znode=/a/s-0000000001 znode_type=persistent_sequential result=success",
		"INFO " + ip + "create znode=/c znode_type=container result=success",
		"INFO " + ip + "create znode=/ttl znode_type=persistent_with_ttl result=success",
		"ERROR " + ip + "create znode=/a znode_type=persistent result=failure",
		"ERROR " + ip + `create znode=/a\u000a2026 INFO forged znode_type=persistent result=failure`,
		"ERROR " + ip + "create znode_type=persistent result=failure",
		"INFO " + both + "setData znode=/a result=success",
		"ERROR " + both + "setData znode=/a result=failure",
		"INFO " + both + "setAcl znode=/a acl=world:anyone:cdrwa result=success",
		"INFO " + both + "delete znode=/ttl result=success",
		"ERROR " + both + "delete znode=/ttl result=failure",
		"ERROR " + both + "reconfig result=failure",
		"INFO " + both + "create znode=/m znode_type=persistent result=success",
		"INFO " + both + "setData znode=/m result=success",
		"INFO " + both + "delete znode=/m result=success",
		"ERROR " + both + "multiOperation result=failure",
		"INFO " + session + " user=" + me + " operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/a/e result=success",
		"INFO user=" + me + " operation=serverStop result=invoked",
	}, auditLines(t, filepath.Join(dir, "zookeeper_audit.log")))
}

// Sessions that expire; the next run adds to the file of the last one.
func TestAuditLogOfAnExpiry(t *testing.T) {
	r := start(t, func(c *config.Config) { c.AuditEnabled = true })
	c := r.raw(zkclient.Handshake{Timeout: 200 * time.Millisecond})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	await(t, func() bool {
		r.treeMu.RLock()
		defer r.treeMu.RUnlock()
		_, _, ok := r.tree.Exists("/e")
		return !ok
	})
	r = r.restart()
	r.stop()
	lines := auditLines(t, filepath.Join(r.cfg.DataDir, "zookeeper_audit.log"))
	require.Len(t, lines, 6)
	require.Equal(t, "INFO session="+c.Session.ID.String()+" user="+serverUser()+
		" operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/e result=success", lines[2])
}

func TestAuditLogOfAStartThatFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	cfg := testConfig(t)
	cfg.AuditEnabled, cfg.ClientPort = true, taken.Addr().(*net.TCPAddr).Port
	s, err := New(cfg)
	require.NoError(t, err)
	require.Error(t, s.Start())
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, []string{"ERROR user=" + serverUser() + " operation=serverStart result=failure"}, auditLines(t, cfg.AuditPath()))

	cfg.AuditFile = "version-2" // a directory
	s, err = New(cfg)
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(), "the audit log cannot be written")
}

// A disk that takes no audit log does not keep the server from serving.
func TestAuditLogOnAFullDisk(t *testing.T) {
	cfg := testConfig(t)
	cfg.AuditEnabled = true
	full := vfs.Inject(vfs.OS(), vfs.FailNth(vfs.OpWrite, "zookeeper_audit.log", 1, os.ErrPermission))
	r := startWith(t, cfg, WithFS(full))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	r.audit.log.Flush()
	r.awaitLog("the audit log cannot be written")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/b", nil, 0)).Err)
	r.stop()
	require.EqualValues(t, 4, r.audit.log.Lost())
	r.awaitLog("lines of the audit log are lost")
}

func TestNoAuditLogByDefault(t *testing.T) {
	r := start(t)
	require.Nil(t, r.audit)
	r.fill(1)
	r.stop()
	require.NoFileExists(t, r.cfg.AuditPath())
}

package prep

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

const (
	alice zkproto.SessionID = 0xa
	bob   zkproto.SessionID = 0xb
	gone  zkproto.SessionID = 0xdead
)

type env struct {
	tree    *tree.Tree
	session *session.Table
	*Prep
	zxid zkproto.Zxid
	ids  []zkproto.ID
	wait []prepared
}

type prepared struct {
	h      zkproto.TxnHeader
	txn    zkproto.Txn
	digest zkproto.TxnDigest // none for a refused request
}

func newEnv(c Config) *env {
	var opts []tree.Option
	if c.ExtendedTypes {
		opts = append(opts, tree.WithExtendedTypes())
	}
	e := &env{tree: tree.New(opts...), session: session.New(1000, 0), ids: []zkproto.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
	reg, err := auth.New(auth.Config{})
	if err != nil {
		panic(err)
	}
	for _, s := range []zkproto.SessionID{alice, bob} {
		e.session.Add(s, 1000, 0)
	}
	e.Prep = New(e.tree, e.session, reg, c)
	return e
}

// prepare decides a request without applying it.
func (e *env) prepare(s zkproto.SessionID, op zkproto.OpCode, body []byte) (zkproto.TxnHeader, zkproto.Txn) {
	e.zxid++
	h, txn := e.Prepare(&Request{Session: s, Owner: 1, Cxid: 5, Op: op, Body: body, IDs: e.ids}, e.zxid, 1000+int64(e.zxid))
	for i := range body {
		body[i] = 0xff // nothing may alias the frame
	}
	if txn == nil {
		e.zxid--
	} else {
		w := prepared{h: h, txn: txn}
		if h.Type != zkproto.OpError {
			w.digest, _ = e.Digest()
		}
		e.wait = append(e.wait, w)
	}
	return h, txn
}

// flush applies everything prepared and returns the last result.
func (e *env) flush() (r tree.Result) {
	for _, w := range e.wait {
		r = e.tree.Apply(&w.h, w.txn, nil)
		e.Applied(w.h.Zxid)
		if e.tree.Verify(w.digest) {
			panic("prep expected another digest than the tree has")
		}
	}
	e.wait = e.wait[:0]
	return r
}

func (e *env) do(s zkproto.SessionID, op zkproto.OpCode, body []byte) tree.Result {
	if _, txn := e.prepare(s, op, body); txn == nil {
		return tree.Result{Err: zkproto.ErrMarshallingError}
	}
	return e.flush()
}

func createBody(op zkproto.OpCode, path string, mode zkproto.CreateMode, acl []zkproto.ACL, ttl int64) []byte {
	q := zkproto.CreateRequest{Path: path, Data: []byte("d"), ACL: acl, Mode: mode, TTL: ttl}
	return q.AppendTo(nil, op)
}

func (e *env) create(path string, mode zkproto.CreateMode) tree.Result {
	return e.do(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, path, mode, zkproto.WorldAll(), 0))
}

func pathVersion(path string, v int32) []byte {
	return (&zkproto.PathVersionRequest{Path: path, Version: v}).AppendTo(nil)
}

func setData(path, data string, v int32) []byte {
	return (&zkproto.SetDataRequest{Path: path, Data: []byte(data), Version: v}).AppendTo(nil)
}

func setACL(path string, acl []zkproto.ACL, v int32) []byte {
	return (&zkproto.SetACLRequest{Path: path, ACL: acl, Version: v}).AppendTo(nil)
}

func only(perms int32) []zkproto.ACL {
	return []zkproto.ACL{{Perms: perms, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}
}

// world is what the error tables start from.
func world(t *testing.T, c Config) *env {
	t.Helper()
	e := newEnv(c)
	for _, p := range []string{"/a", "/a/b", "/closed", "/closed/x", "/full", "/full/x", "/leaf"} {
		require.Equal(t, zkproto.ErrOK, e.create(p, zkproto.ModePersistent).Err, p)
	}
	require.Equal(t, zkproto.ErrOK, e.create("/e", zkproto.ModeEphemeral).Err)
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpSetData, setData("/leaf", "1", 0)).Err)
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpSetACL, setACL("/closed", only(0), -1)).Err)
	require.Zero(t, e.Outstanding())
	return e
}

// TestErrors also shows which error wins when several apply.
func TestErrors(t *testing.T) {
	const (
		cr, cr2, cc, ct  = zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL
		del, set, sa, ck = zkproto.OpDelete, zkproto.OpSetData, zkproto.OpSetACL, zkproto.OpCheck
	)
	open := zkproto.WorldAll()
	mk := func(op zkproto.OpCode, path string, mode zkproto.CreateMode) []byte {
		return createBody(op, path, mode, open, -1)
	}
	bad := []zkproto.ACL{{Perms: 1, ID: zkproto.ID{Scheme: "nosuch", ID: "x"}}}
	for _, c := range []struct {
		name string
		s    zkproto.SessionID
		op   zkproto.OpCode
		body []byte
		want zkproto.Error
	}{
		{"create", alice, cr, mk(cr, "/new", 0), 0},
		{"create below", alice, cr2, mk(cr2, "/a/b/c", 0), 0},
		{"create container", alice, cc, mk(cc, "/new", zkproto.ModeContainer), 0},
		{"create exists", alice, cr, mk(cr, "/a", 0), zkproto.ErrNodeExists},
		{"create root", alice, cr, mk(cr, "/", 0), zkproto.ErrNodeExists},
		{"create without parent", alice, cr, mk(cr, "/no/new", 0), zkproto.ErrNoNode},
		{"create relative", alice, cr, mk(cr, "new", 0), zkproto.ErrBadArguments},
		{"create empty", alice, cr, mk(cr, "", 0), zkproto.ErrBadArguments},
		{"create with a nul", alice, cr, mk(cr, "/n\x00", 0), zkproto.ErrBadArguments},
		{"create trailing slash", alice, cr, mk(cr, "/a/", 0), zkproto.ErrBadArguments},
		{"create trailing slash, no parent", alice, cr, mk(cr, "/no/", 0), zkproto.ErrNoNode},
		{"create sequential in", alice, cr, mk(cr, "/a/", zkproto.ModePersistentSequential), 0},
		{"create double slash", alice, cr, mk(cr, "/a//b", 0), zkproto.ErrNoNode},
		{"create dots", alice, cr, mk(cr, "/a/..", 0), zkproto.ErrBadArguments},
		{"create bad mode", alice, cr, mk(cr, "", 9), zkproto.ErrBadArguments},
		{"create bad mode, no session", gone, cr, mk(cr, "", 9), zkproto.ErrBadArguments},
		{"create no session", gone, cr, mk(cr, "", 0), zkproto.ErrUnknownSession},
		{"create ephemeral, no session", gone, cr, mk(cr, "", 1), zkproto.ErrSessionExpired},
		{"create ttl", alice, ct, createBody(ct, "/t", 5, open, 1000), zkproto.ErrUnimplemented},
		{"create with ttl mode", alice, cr, mk(cr, "/t", 5), zkproto.ErrUnimplemented},
		{"create ttl without ttl mode", alice, ct, createBody(ct, "/t", 0, open, -1), zkproto.ErrBadArguments},
		{"create empty acl", alice, cr, createBody(cr, "/no/new", 0, []zkproto.ACL{}, 0), zkproto.ErrInvalidACL},
		{"create null acl", alice, cr, createBody(cr, "/no/new", 0, nil, 0), zkproto.ErrInvalidACL},
		{"create bad acl", alice, cr, createBody(cr, "/closed/new", 0, bad, 0), zkproto.ErrInvalidACL},
		{"create in closed", alice, cr, mk(cr, "/closed/x", 0), zkproto.ErrNoAuth},
		{"create in closed, bad path", alice, cr, mk(cr, "/closed/.", 0), zkproto.ErrNoAuth},
		{"create in ephemeral", alice, cr, mk(cr, "/e/x", 0), zkproto.ErrNoChildrenForEphemerals},
		{"create emoji", alice, cr, mk(cr, "/\U0001F600", 0), zkproto.ErrBadArguments},
		{"create in zookeeper", alice, cr, mk(cr, "/zookeeper/quota/a", 0), 0},
		{"create in config", alice, cr, mk(cr, "/zookeeper/config/a", 0), zkproto.ErrNoAuth},

		{"delete", alice, del, pathVersion("/leaf", -1), 0},
		{"delete version", alice, del, pathVersion("/leaf", 1), 0},
		{"delete wrong version", alice, del, pathVersion("/leaf", 0), zkproto.ErrBadVersion},
		{"delete full", alice, del, pathVersion("/full", -1), zkproto.ErrNotEmpty},
		{"delete full, wrong version", alice, del, pathVersion("/full", 5), zkproto.ErrBadVersion},
		{"delete missing", alice, del, pathVersion("/no", -1), zkproto.ErrNoNode},
		{"delete missing parent", alice, del, pathVersion("/no/no", -1), zkproto.ErrNoNode},
		{"delete in closed", alice, del, pathVersion("/closed/x", -1), zkproto.ErrNoAuth},
		{"delete missing in closed", alice, del, pathVersion("/closed/no", -1), zkproto.ErrNoAuth},
		{"delete closed itself", alice, del, pathVersion("/closed", -1), zkproto.ErrNotEmpty},
		{"delete root", alice, del, pathVersion("/", -1), zkproto.ErrBadArguments},
		{"delete zookeeper", alice, del, pathVersion("/zookeeper", -1), zkproto.ErrBadArguments},
		{"delete quota", alice, del, pathVersion("/zookeeper/quota", -1), zkproto.ErrBadArguments},
		{"delete config", alice, del, pathVersion("/zookeeper/config", -1), zkproto.ErrBadArguments},
		{"delete empty", alice, del, pathVersion("", -1), zkproto.ErrBadArguments},
		{"delete trailing slash", alice, del, pathVersion("/a/", -1), zkproto.ErrNoNode},
		{"delete no session", gone, del, pathVersion("", -1), zkproto.ErrUnknownSession},
		{"delete another's ephemeral", bob, del, pathVersion("/e", -1), 0},

		{"set", alice, set, setData("/leaf", "x", 1), 0},
		{"set root", alice, set, setData("/", "x", 0), 0},
		{"set wrong version", alice, set, setData("/leaf", "x", 0), zkproto.ErrBadVersion},
		{"set missing", alice, set, setData("/no", "x", 0), zkproto.ErrNoNode},
		{"set bad path", alice, set, setData("/no/", "x", 0), zkproto.ErrBadArguments},
		{"set empty path", alice, set, setData("", "x", 0), zkproto.ErrBadArguments},
		{"set closed", alice, set, setData("/closed", "x", 9), zkproto.ErrNoAuth},
		{"set config", alice, set, setData("/zookeeper/config", "x", -1), zkproto.ErrNoAuth},
		{"set no session", gone, set, setData("", "x", 0), zkproto.ErrUnknownSession},

		{"setACL", alice, sa, setACL("/leaf", open, 0), 0},
		{"setACL wrong version", alice, sa, setACL("/leaf", open, 1), zkproto.ErrBadVersion},
		{"setACL missing, invalid", alice, sa, setACL("/no", bad, 0), zkproto.ErrInvalidACL},
		{"setACL missing", alice, sa, setACL("/no", open, 0), zkproto.ErrNoNode},
		{"setACL bad path", alice, sa, setACL("/no/", bad, 0), zkproto.ErrBadArguments},
		{"setACL closed", alice, sa, setACL("/closed", open, 9), zkproto.ErrNoAuth},
		{"setACL no session", gone, sa, setACL("", open, 0), zkproto.ErrUnknownSession},

		{"check", alice, ck, pathVersion("/leaf", 1), 0},
		{"check any", alice, ck, pathVersion("/leaf", -1), 0},
		{"check wrong", alice, ck, pathVersion("/leaf", 0), zkproto.ErrBadVersion},
		{"check missing", alice, ck, pathVersion("/no", 0), zkproto.ErrNoNode},
		{"check closed", alice, ck, pathVersion("/closed", 9), zkproto.ErrNoAuth},
		{"check bad path", alice, ck, pathVersion("x", 0), zkproto.ErrBadArguments},
		{"check no session", gone, ck, pathVersion("x", 0), zkproto.ErrUnknownSession},

		{"deleteContainer of a persistent one", gone, zkproto.OpDeleteContainer, []byte("\x00\x00\x00\x05/leaf"), zkproto.ErrBadVersion},
		{"deleteContainer of an ephemeral", gone, zkproto.OpDeleteContainer, []byte("\x00\x00\x00\x02/e"), zkproto.ErrBadVersion},
		{"deleteContainer full", gone, zkproto.OpDeleteContainer, []byte("\x00\x00\x00\x05/full"), zkproto.ErrNotEmpty},
		{"deleteContainer missing", gone, zkproto.OpDeleteContainer, []byte("\x00\x00\x00\x03/no"), zkproto.ErrNoNode},
		{"deleteContainer root", gone, zkproto.OpDeleteContainer, []byte("\x00\x00\x00\x01/"), zkproto.ErrBadArguments},

		{"reconfig", alice, zkproto.OpReconfig, (&zkproto.ReconfigRequest{}).AppendTo(nil), zkproto.ErrReconfigDisabled},
		{"create session", bob, zkproto.OpCreateSession, []byte{0, 0, 1, 0}, 0},
		{"create session, not tracked", gone, zkproto.OpCreateSession, []byte{0, 0, 1, 0}, zkproto.ErrSessionExpired},
		{"close session", alice, zkproto.OpCloseSession, nil, 0},
		{"close session, unknown", gone, zkproto.OpCloseSession, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := world(t, Config{})
			zxid := e.zxid
			h, txn := e.prepare(c.s, c.op, c.body)
			require.NotNil(t, txn)
			require.Equal(t, zxid+1, h.Zxid)
			require.Equal(t, 1000+int64(zxid+1), h.Time)
			require.Equal(t, int32(5), h.Cxid)
			if c.want == zkproto.ErrOK {
				require.Equal(t, c.op, h.Type)
				require.Equal(t, zkproto.ErrOK, e.flush().Err)
				return
			}
			require.Equal(t, zkproto.OpError, h.Type)
			require.Equal(t, &zkproto.ErrorTxn{Err: c.want}, txn)
			require.Zero(t, e.Outstanding(), "a refused request leaves nothing behind")
			require.Equal(t, c.want, e.flush().Err)
			require.Equal(t, zxid+1, e.tree.LastZxid(), "it has a zxid all the same")
		})
	}
}

func TestMalformedBodiesTakeNoZxid(t *testing.T) {
	e := newEnv(Config{})
	for _, op := range []zkproto.OpCode{
		zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateTTL, zkproto.OpCreateContainer,
		zkproto.OpDelete, zkproto.OpSetData, zkproto.OpSetACL, zkproto.OpCheck, zkproto.OpDeleteContainer,
		zkproto.OpCreateSession, zkproto.OpReconfig, zkproto.OpGetData, 77,
	} {
		for _, body := range [][]byte{nil, {0}, {0, 0, 0, 9, '/'}, {0, 0, 0, 1, '/', 0}} {
			if op == zkproto.OpDeleteContainer && len(body) > 5 || op == zkproto.OpCreateSession && len(body) >= 4 {
				continue
			}
			_, txn := e.prepare(alice, op, append([]byte(nil), body...))
			require.Nil(t, txn, "%v %v", op, body)
		}
	}
	h, txn := e.prepare(alice, zkproto.OpMulti, []byte{0})
	require.Equal(t, zkproto.OpError, h.Type, "a multi does take one")
	require.Equal(t, &zkproto.ErrorTxn{Err: zkproto.ErrMarshallingError}, txn)
	read := zkproto.MultiRequest{Ops: []zkproto.MultiOp{{Type: zkproto.OpGetData}}}
	_, txn = e.prepare(alice, zkproto.OpMulti, read.AppendTo(nil))
	require.Equal(t, &zkproto.ErrorTxn{Err: zkproto.ErrMarshallingError}, txn)
}

func TestDeleteContainer(t *testing.T) {
	e := newEnv(Config{})
	body := func() []byte { return (&zkproto.PathRequest{Path: "/c"}).AppendTo(nil) }
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpCreateContainer,
		createBody(zkproto.OpCreateContainer, "/c", zkproto.ModeContainer, only(0), 0)).Err)
	h, txn := e.prepare(0, zkproto.OpDeleteContainer, body())
	require.Equal(t, zkproto.OpDeleteContainer, h.Type, "neither session nor permission is asked for")
	require.Equal(t, &zkproto.DeleteTxn{Path: "/c"}, txn)
	require.Equal(t, zkproto.ErrOK, e.flush().Err)
	require.Equal(t, 5, e.tree.NodeCount())
	e.create("/c", zkproto.ModePersistent)
	require.Equal(t, zkproto.ErrBadVersion, e.do(0, zkproto.OpDeleteContainer, body()).Err, "made anew as another kind")
}

func TestReconfigEnabled(t *testing.T) {
	e := newEnv(Config{ReconfigEnabled: true})
	body := func() []byte { return (&zkproto.ReconfigRequest{}).AppendTo(nil) }
	require.Equal(t, zkproto.ErrUnimplemented, e.do(alice, zkproto.OpReconfig, body()).Err)
	require.Equal(t, zkproto.ErrUnknownSession, e.do(gone, zkproto.OpReconfig, body()).Err)
}

func TestTTL(t *testing.T) {
	e := newEnv(Config{ExtendedTypes: true})
	mk := func(path string, mode zkproto.CreateMode, ttl int64) tree.Result {
		return e.do(alice, zkproto.OpCreateTTL, createBody(zkproto.OpCreateTTL, path, mode, zkproto.WorldAll(), ttl))
	}
	require.Equal(t, zkproto.ErrOK, mk("/t", zkproto.ModePersistentWithTTL, 1000).Err)
	require.Equal(t, "/t0000000001", mk("/t", zkproto.ModePersistentSequentialWithTTL, 1000).Path)
	for _, ttl := range []int64{0, -1, tree.MaxTTL + 1} {
		require.Equal(t, zkproto.ErrBadArguments, mk("/u", zkproto.ModePersistentWithTTL, ttl).Err)
	}
	require.Equal(t, zkproto.ErrBadArguments, mk("/u", zkproto.ModePersistent, 5).Err)
	require.Equal(t, zkproto.ErrBadArguments, e.create("/u", zkproto.ModePersistentWithTTL).Err)
	require.Equal(t, zkproto.ErrOK, mk("/t/child", zkproto.ModePersistentWithTTL, 1).Err, "may have children")
}

func TestSequenceNumbers(t *testing.T) {
	e := newEnv(Config{})
	require.Equal(t, "/s0000000000", e.create("/s", zkproto.ModePersistentSequential).Path)
	require.Equal(t, "/s0000000001", e.create("/s", zkproto.ModeEphemeralSequential).Path)
	e.create("/x", zkproto.ModePersistent)
	e.do(alice, zkproto.OpDelete, pathVersion("/x", -1))
	require.Equal(t, "/0000000003", e.create("/", zkproto.ModePersistentSequential).Path, "deletes do not count, creates do")
	_, txn := e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/s", 2, zkproto.WorldAll(), 0))
	require.Equal(t, "/s0000000004", txn.(*zkproto.CreateTxn).Path)
	require.Equal(t, int32(5), txn.(*zkproto.CreateTxn).ParentCVersion)
	_, txn = e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/s", 2, zkproto.WorldAll(), 0))
	require.Equal(t, "/s0000000005", txn.(*zkproto.CreateTxn).Path, "what is outstanding counts")
}

func TestOutstandingChangesAreSeen(t *testing.T) {
	e := newEnv(Config{})
	mk := func(path string, mode zkproto.CreateMode) zkproto.Txn {
		_, txn := e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, path, mode, zkproto.WorldAll(), 0))
		return txn
	}
	do := func(op zkproto.OpCode, body []byte) zkproto.Txn { _, txn := e.prepare(alice, op, body); return txn }
	fails := func(err zkproto.Error) zkproto.Txn { return &zkproto.ErrorTxn{Err: err} }
	require.IsType(t, &zkproto.CreateTxn{}, mk("/a", 0))
	require.Equal(t, fails(zkproto.ErrNodeExists), mk("/a", 0))
	require.IsType(t, &zkproto.CreateTxn{}, mk("/a/b", 0))
	require.Equal(t, fails(zkproto.ErrNotEmpty), do(zkproto.OpDelete, pathVersion("/a", -1)))
	require.Equal(t, int32(1), do(zkproto.OpSetData, setData("/a", "x", 0)).(*zkproto.SetDataTxn).Version)
	require.Equal(t, fails(zkproto.ErrBadVersion), do(zkproto.OpSetData, setData("/a", "x", 0)))
	require.Equal(t, int32(2), do(zkproto.OpSetData, setData("/a", "x", 1)).(*zkproto.SetDataTxn).Version)
	require.IsType(t, &zkproto.DeleteTxn{}, do(zkproto.OpDelete, pathVersion("/a/b", -1)))
	require.IsType(t, &zkproto.SetACLTxn{}, do(zkproto.OpSetACL, setACL("/a", only(zkproto.PermRead), 0)))
	require.Equal(t, fails(zkproto.ErrNoAuth), mk("/a/c", 0))
	require.IsType(t, &zkproto.SetACLTxn{}, do(zkproto.OpSetACL, setACL("/", only(zkproto.PermDelete), 0)))
	require.Equal(t, fails(zkproto.ErrNoAuth), mk("/z", 0), "the root is one znode under both its names")
	require.IsType(t, &zkproto.DeleteTxn{}, do(zkproto.OpDelete, pathVersion("/a", -1)))
	require.Equal(t, fails(zkproto.ErrNoNode), do(zkproto.OpSetData, setData("/a", "x", -1)))
	e.flush()
	require.Zero(t, e.Outstanding())
	require.Equal(t, 5, e.tree.NodeCount())
}

func TestCloseSession(t *testing.T) {
	e := newEnv(Config{})
	e.create("/p", zkproto.ModePersistent)
	e.create("/p/old", zkproto.ModeEphemeral)
	e.create("/p/dying", zkproto.ModeEphemeral)
	mk := func(s zkproto.SessionID, path string) {
		_, _ = e.prepare(s, zkproto.OpCreate, createBody(zkproto.OpCreate, path, zkproto.ModeEphemeral, zkproto.WorldAll(), 0))
	}
	_, _ = e.prepare(alice, zkproto.OpDelete, pathVersion("/p/dying", -1))
	mk(alice, "/p/new")
	mk(alice, "/p/short")
	mk(bob, "/p/bob")
	_, _ = e.prepare(alice, zkproto.OpDelete, pathVersion("/p/short", -1))
	_, txn := e.prepare(alice, zkproto.OpCloseSession, nil)
	require.Equal(t, &zkproto.CloseSessionTxn{PathsToDelete: []string{"/p/new", "/p/old"}}, txn)
	_, txn = e.prepare(alice, zkproto.OpSetData, setData("/p", "x", -1))
	require.Equal(t, &zkproto.ErrorTxn{Err: zkproto.ErrSessionExpired}, txn, "closing")
	_, txn = e.prepare(bob, zkproto.OpDelete, pathVersion("/p", -1))
	require.Equal(t, &zkproto.ErrorTxn{Err: zkproto.ErrNotEmpty}, txn)
	_, _ = e.prepare(bob, zkproto.OpDelete, pathVersion("/p/bob", -1))
	_, txn = e.prepare(bob, zkproto.OpDelete, pathVersion("/p", -1))
	require.IsType(t, &zkproto.DeleteTxn{}, txn)
	e.flush()
	require.Equal(t, 5, e.tree.NodeCount())
	require.Zero(t, e.tree.EphemeralCount())
	_, txn = e.prepare(alice, zkproto.OpCloseSession, nil)
	require.Equal(t, &zkproto.CloseSessionTxn{PathsToDelete: []string{}}, txn)
}

func TestMovedSession(t *testing.T) {
	e := newEnv(Config{})
	e.create("/a", 0)
	require.Equal(t, zkproto.ErrOK, e.session.SetOwner(alice, 2))
	require.Equal(t, zkproto.ErrSessionMoved, e.create("/b", 0).Err)
	require.Equal(t, zkproto.ErrSessionMoved, e.create("/b", zkproto.ModeEphemeral).Err)
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "/": true, "/a": true, "a": false, "/a/": false, "//": false, "/a//b": false, "/.": false, "/..": false,
		"/a/.": false, "/a/..": false, "/./a": false, "/../a": false, "/...": true, "/.a": true, "/a.": true, "/a..": true,
		"/..a": true, "/a\x00": false, "/a\x01": false, "/a\x1f": false, "/a\x7f": false, "/a\u009f": false, "/a\u00a0": true,
		"/\uf8ff": false, "/\uf900": true, "/\uffef": true, "/\ufff0": false, "/\U00010000": false, "/ü": true, "/\xff": false,
		"/a b": true, "/" + strings.Repeat("x", 5000): true,
	} {
		require.Equal(t, want, validPath(path), "%q", path)
	}
}

func TestSetDataAllocatesTxnAndDataOnly(t *testing.T) {
	e := newEnv(Config{})
	e.create("/some/path/that/does/not/exist", 0)
	e.create("/node", 0)
	body := setData("/node", strings.Repeat("x", 1024), -1)
	r := &Request{Session: alice, Owner: 1, Op: zkproto.OpSetData, Body: body, IDs: e.ids}
	allocs := testing.AllocsPerRun(100, func() {
		e.zxid++
		h, txn := e.Prepare(r, e.zxid, 1)
		e.tree.Apply(&h, txn, nil)
		e.Applied(e.zxid)
	})
	require.LessOrEqual(t, allocs, 3.0, "header, txn, data")
}

// Short data has no memory of its own until it is in the tree.
func TestShortDataIsCopiedTogether(t *testing.T) {
	e := newEnv(Config{})
	e.create("/node", 0)
	r := &Request{Session: alice, Owner: 1, Op: zkproto.OpSetData, Body: setData("/node", strings.Repeat("x", tree.Copied), -1), IDs: e.ids}
	var data []byte
	allocs := testing.AllocsPerRun(1000, func() {
		e.zxid++
		_, txn := e.Prepare(r, e.zxid, 1)
		data = txn.(*zkproto.SetDataTxn).Data
		e.Applied(e.zxid)
	})
	require.Len(t, data, tree.Copied)
	require.Equal(t, len(data), cap(data))
	require.Less(t, allocs, 3.0, "header and txn")
}

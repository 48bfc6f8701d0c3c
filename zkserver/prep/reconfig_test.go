package prep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
)

func TestReconfigWritesTheConfigZnode(t *testing.T) {
	var asked zkproto.ReconfigRequest
	var refuse zkproto.Error
	e := newEnv(Config{ReconfigEnabled: true, Reconfigure: func(q *zkproto.ReconfigRequest, z zkproto.Zxid) ([]byte, zkproto.Error) {
		asked = *q
		return []byte("version=" + z.String()), refuse
	}})
	body := func() []byte { return (&zkproto.ReconfigRequest{Joining: "server.4=a", CurConfigID: -1}).AppendTo(nil) }
	require.Equal(t, zkproto.ErrNoAuth, e.do(alice, zkproto.OpReconfig, body()).Err)
	e.ids = append(e.ids, zkproto.ID{Scheme: "super"})
	before := e.tree.Digest()
	res := e.do(alice, zkproto.OpReconfig, body())
	require.Equal(t, zkproto.ErrOK, res.Err)
	require.Equal(t, "server.4=a", asked.Joining)
	require.Equal(t, int32(-1), res.Stat.Version)
	require.Equal(t, e.zxid, res.Stat.Mzxid)
	data, _, _, _ := e.tree.Get("/zookeeper/config")
	require.Equal(t, "version="+e.zxid.String(), string(data))
	require.Equal(t, before, e.tree.Digest(), "the digest does not cover it")
	refuse = zkproto.ErrNewConfigNoQuorum
	require.Equal(t, refuse, e.do(alice, zkproto.OpReconfig, body()).Err)
	_, txn := e.prepare(alice, zkproto.OpReconfig, []byte{1})
	require.Nil(t, txn)
}

// A body that cannot be decoded takes no zxid, whether or not it would be refused for another reason.
func TestMalformedReconfigTakesNoZxid(t *testing.T) {
	body := func() []byte {
		return (&zkproto.ReconfigRequest{Joining: "server.4=a:1:2;3", CurConfigID: -1}).AppendTo(nil)
	}
	for _, config := range []Config{{}, {ReconfigEnabled: true}} {
		e := newEnv(config)
		_, txn := e.prepare(alice, zkproto.OpReconfig, body())
		require.NotNil(t, txn)
		_, txn = e.prepare(77, zkproto.OpReconfig, body())
		require.NotNil(t, txn, "no such session")
		for n := range len(body()) {
			_, txn = e.prepare(alice, zkproto.OpReconfig, body()[:n])
			require.Nil(t, txn, "%d bytes of it", n)
			_, txn = e.prepare(77, zkproto.OpReconfig, body()[:n])
			require.Nil(t, txn, "%d bytes of it, no such session", n)
		}
	}
}

// WellFormed says of every body what Prepare says.
func FuzzWellFormed(f *testing.F) {
	ops := []zkproto.OpCode{
		zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL, zkproto.OpDelete, zkproto.OpDeleteContainer,
		zkproto.OpSetData, zkproto.OpSetACL, zkproto.OpCheck, zkproto.OpCreateSession, zkproto.OpCloseSession, zkproto.OpGetData,
		zkproto.OpReconfig,
	}
	create := zkproto.CreateRequest{Path: "/a", Data: []byte("x"), ACL: zkproto.WorldAll(), Mode: zkproto.ModeEphemeral}
	f.Add(uint8(0), create.AppendTo(nil, zkproto.OpCreate))
	f.Add(uint8(3), create.AppendTo(nil, zkproto.OpCreateTTL))
	f.Add(uint8(4), (&zkproto.PathVersionRequest{Path: "/a"}).AppendTo(nil))
	f.Add(uint8(6), (&zkproto.SetDataRequest{Path: "/a"}).AppendTo(nil))
	f.Add(uint8(7), (&zkproto.SetACLRequest{Path: "/a", ACL: zkproto.WorldAll()}).AppendTo(nil))
	f.Add(uint8(9), []byte{0, 0, 0, 1})
	f.Add(uint8(12), (&zkproto.ReconfigRequest{Joining: "server.4=a:1:2;3", CurConfigID: -1}).AppendTo(nil))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		op := ops[int(which)%len(ops)]
		want := WellFormed(op, body)
		CreatesEphemeral(op, body)
		CreatesEphemeral(zkproto.OpMulti, body)
		WellFormed(zkproto.OpMulti, body)
		_, txn := newEnv(Config{}).prepare(alice, op, body)
		require.Equal(t, want, txn != nil, "%s", op)
	})
}

func TestCreatesEphemeral(t *testing.T) {
	create := func(mode zkproto.CreateMode) []byte {
		return (&zkproto.CreateRequest{Path: "/a", ACL: zkproto.WorldAll(), Mode: mode}).AppendTo(nil, zkproto.OpCreate)
	}
	multi := func(mode zkproto.CreateMode) []byte {
		return (&zkproto.MultiRequest{Ops: []zkproto.MultiOp{
			{Type: zkproto.OpCheck, PathVersion: zkproto.PathVersionRequest{Path: "/"}},
			{Type: zkproto.OpCreate2, Create: zkproto.CreateRequest{Path: "/a", ACL: zkproto.WorldAll(), Mode: mode}},
		}}).AppendTo(nil)
	}
	for mode := zkproto.ModePersistent; mode <= zkproto.ModePersistentSequentialWithTTL; mode++ {
		require.Equal(t, mode.Ephemeral(), CreatesEphemeral(zkproto.OpCreate, create(mode)), "%d", mode)
		require.Equal(t, mode.Ephemeral(), CreatesEphemeral(zkproto.OpCreate2, create(mode)), "%d", mode)
		require.Equal(t, mode.Ephemeral(), CreatesEphemeral(zkproto.OpMulti, multi(mode)), "%d", mode)
	}
	require.False(t, CreatesEphemeral(zkproto.OpCreate, []byte{1}))
	require.False(t, CreatesEphemeral(zkproto.OpSetData, create(zkproto.ModeEphemeral)))
}

// judge is a leader's view where sessions may be another server's own: they may act, but own no ephemeral znodes.
type judge struct{ Sessions }

func (j judge) Check(zkproto.SessionID, Owner) zkproto.Error { return zkproto.ErrOK }

func TestEphemeralsNeedAGlobalSession(t *testing.T) {
	e := newEnv(Config{})
	reg, err := auth.New(auth.Config{})
	require.NoError(t, err)
	e.Prep = New(e.tree, judge{e.session}, reg, Config{})
	mk := func(mode zkproto.CreateMode) []byte {
		return (&zkproto.CreateRequest{Path: "/x", ACL: zkproto.WorldAll(), Mode: mode}).AppendTo(nil, zkproto.OpCreate)
	}
	require.Equal(t, zkproto.ErrSessionExpired, e.do(gone, zkproto.OpCreate, mk(zkproto.ModeEphemeral)).Err)
	require.Equal(t, zkproto.ErrOK, e.do(gone, zkproto.OpCreate, mk(zkproto.ModePersistent)).Err)
}

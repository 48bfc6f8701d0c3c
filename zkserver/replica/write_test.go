package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func standalone(c *Config) {
	c.Zab.Standalone = true
	c.Zab.Quorum, _ = quorum.NewMajority(c.Zab.ID)
	c.Zab.AcceptedEpoch, c.Zab.CurrentEpoch = 0, 0
}

func multiBody(ops ...zkproto.MultiOp) []byte { return (&zkproto.MultiRequest{Ops: ops}).AppendTo(nil) }

// everyWrite does one of each, and checks the answers.
func everyWrite(t *testing.T, w *client, root string) {
	t.Helper()
	a := w.do(zkproto.OpCreate, createBody(root, "x", zkproto.ModePersistent))
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	require.Equal(t, root, a.Result.Path)
	require.Equal(t, "note", a.Note)
	require.Equal(t, int64(7), a.Arrived)
	require.Equal(t, w.session, a.Header.ClientID)
	a = w.do(zkproto.OpCreate2, createBody(root+"/s-", "", zkproto.ModePersistentSequential))
	require.Equal(t, root+"/s-0000000000", a.Result.Path)
	require.Equal(t, a.Header.Zxid, a.Result.Stat.Czxid)
	a = w.do(zkproto.OpSetData, setBody(root, "yy"))
	require.Equal(t, int32(1), a.Result.Stat.Version)
	a = w.do(zkproto.OpCreateContainer, createBody(root+"/c", "", zkproto.ModeContainer))
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	acl := zkproto.SetACLRequest{Path: root, ACL: zkproto.WorldAll(), Version: -1}
	a = w.do(zkproto.OpSetACL, acl.AppendTo(nil))
	require.Equal(t, int32(1), a.Result.Stat.Aversion)
	a = w.do(zkproto.OpMulti, multiBody(
		zkproto.MultiOp{Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: root + "/m", ACL: zkproto.WorldAll()}},
		zkproto.MultiOp{Type: zkproto.OpCheck, PathVersion: zkproto.PathVersionRequest{Path: root, Version: 1}},
		zkproto.MultiOp{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: root + "/c", Version: -1}}))
	require.Len(t, a.Result.Multi, 3)
	require.Equal(t, root+"/m", a.Result.Multi[0].Path)
	a = w.do(zkproto.OpMulti, multiBody(
		zkproto.MultiOp{Type: zkproto.OpSetData, SetData: zkproto.SetDataRequest{Path: root, Data: []byte("no"), Version: -1}},
		zkproto.MultiOp{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: root + "/none", Version: -1}}))
	require.Equal(t, zkproto.ErrNoNode, a.Result.Multi[1].Err)
	a = w.do(zkproto.OpDelete, (&zkproto.PathVersionRequest{Path: root + "/m", Version: -1}).AppendTo(nil))
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	a = w.do(zkproto.OpDelete, (&zkproto.PathVersionRequest{Path: root + "/m", Version: -1}).AppendTo(nil))
	require.Equal(t, zkproto.ErrNoNode, a.Result.Err)
	a = w.do(zkproto.OpCreate, []byte{0, 0})
	require.Equal(t, zkproto.ErrMarshallingError, a.Result.Err)
	require.Nil(t, a.Txn)
	a = w.do(zkproto.OpSync, pathBody(root))
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	require.Equal(t, root, a.Path)
	a = w.do(zkproto.OpReconfig, (&zkproto.ReconfigRequest{CurConfigID: -1}).AppendTo(nil))
	require.Equal(t, zkproto.ErrReconfigDisabled, a.Result.Err)
	require.Equal(t, "yy", w.at.data(root))
}

func TestStandaloneAnswersEveryWrite(t *testing.T) {
	c := newCluster(t, 1, standalone)
	s := c.servers[1]
	require.True(t, s.r.Leading())
	w := s.connect()
	require.Equal(t, zkproto.Zxid(1), s.tree.LastZxid())
	everyWrite(t, w, "/a")
	a := w.do(zkproto.OpCloseSession, nil)
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	require.Empty(t, s.r.Sessions())
	require.Zero(t, s.r.Clients())
	require.NoError(t, w.closed, "who asks for it closes after the answer")
}

func TestLeaderAndLearnersAnswerEveryWrite(t *testing.T) {
	for _, n := range []int{3, 5} {
		c := newCluster(t, n, nil)
		leader := c.leader()
		everyWrite(t, leader.connect(), "/leader")
		for i := range n - 1 {
			everyWrite(t, c.learner(i).connect(), fmt.Sprintf("/learner%d", i))
		}
		c.tick(1)
		c.same()
		require.Equal(t, "yy", c.learner(1).data("/leader"))
	}
}

func TestObserverForwardsAndApplies(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) {
		cfg.Zab.Observer = cfg.Zab.ID == 3
		cfg.Zab.Quorum, _ = quorum.NewMajority(1, 2)
	})
	c.leader()
	o := c.servers[3]
	require.Equal(t, zab.Observing, o.r.Node().Status().Role)
	everyWrite(t, o.connect(), "/o")
	everyWrite(t, c.servers[1].connect(), "/p")
	c.tick(1)
	c.same()
	require.Equal(t, "yy", o.data("/p"))
}

// pipelined requests of several clients on several servers: each client's answers come in its order (the harness checks
// that), and every request is done once.
func TestPipelinedRequestsKeepOrder(t *testing.T) {
	for _, batch := range []bool{false, true} {
		t.Run(fmt.Sprint("batch=", batch), func(t *testing.T) { pipelined(t, batch) })
	}
}

func pipelined(t *testing.T, batch bool) {
	c := newCluster(t, 3, nil)
	c.batch = batch
	leader := c.leader()
	var clients []*client
	for _, s := range []*server{leader, c.learner(0), c.learner(1), c.learner(0)} {
		clients = append(clients, s.connect())
	}
	for i, w := range clients {
		require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody(fmt.Sprintf("/%d", i), "", 0)).Result.Err)
	}
	const each = 50
	for n := range each {
		for i, w := range clients {
			switch n % 5 {
			case 3:
				w.submit(zkproto.OpSync, pathBody("/"))
			case 4:
				w.submit(zkproto.OpSetData, []byte{1})
			default:
				w.submit(zkproto.OpCreate, createBody(fmt.Sprintf("/%d/s", i), "", zkproto.ModePersistentSequential))
			}
		}
		if n%7 == 0 {
			c.tick(1)
		}
	}
	c.tick(2)
	for i, w := range clients {
		require.Empty(t, w.sent, "client %d", i)
		require.Equal(t, each*3/5, leader.tree.NumDescendants(fmt.Sprintf("/%d", i)))
	}
	c.same()
}

func TestWatchEventsComeBeforeTheAnswer(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	s := c.learner(0)
	w := s.connect()
	s.watched = nil
	seen := -1
	check := func() {
		if _, ok := w.answer(w.xid); ok && seen < 0 {
			seen = len(s.watched)
		}
	}
	w.submit(zkproto.OpCreate, createBody("/a", "", 0))
	for len(c.wire) > 0 {
		p := c.wire[0]
		c.wire = c.wire[1:]
		c.deliver(p)
		check()
	}
	require.Equal(t, 2, seen, "created, children changed")
}

func TestUnreadableTransactionStopsTheServer(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	s := c.learner(0)
	require.Error(t, s.r.Apply([]zab.Entry{{Zxid: 5, Data: []byte("garbage")}}))
	require.Error(t, c.leader().r.Apply([]zab.Entry{{Zxid: 5, Data: []byte("garbage")}}), "not proposed")
}

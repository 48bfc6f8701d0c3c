package replica

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

func serverLine(id int) string {
	return fmt.Sprintf("server.%d=10.0.0.%d:2888:3888:participant;0.0.0.0:2181", id, id)
}

// members configures the servers with the given ids; the others join as observers of that configuration.
func members(t *testing.T, ids ...int) func(*Config) {
	var lines []string
	for _, id := range ids {
		lines = append(lines, serverLine(id))
	}
	return func(c *Config) {
		m, err := quorum.ParseMembership([]byte(strings.Join(lines, "\n") + "\n"))
		require.NoError(t, err)
		c.Zab.Active, c.Zab.Quorum, c.Zab.ReconfigEnabled, c.Prep.ReconfigEnabled = m, nil, true, true
	}
}

func reconfigBody(q zkproto.ReconfigRequest) []byte {
	q.CurConfigID = -1
	return q.AppendTo(nil)
}

func TestReconfigThroughEveryServer(t *testing.T) {
	c := newCluster(t, 3, members(t, 1, 2, 3))
	leader := c.leader()
	for _, s := range []*server{leader, c.learner(0)} {
		w := s.connect()
		a := w.do(zkproto.OpReconfig, reconfigBody(zkproto.ReconfigRequest{Leaving: "3"}))
		require.Equal(t, zkproto.ErrNoAuth, a.Result.Err, "only an administrator")
		w.ids = []zkproto.ID{{Scheme: "super", ID: ""}}
		a = w.do(zkproto.OpReconfig, reconfigBody(zkproto.ReconfigRequest{Joining: "server.9=10.0.0.9:1:2;3,server.8=10.0.0.8:1:2;3,server.7=10.0.0.7:1:2;3"}))
		require.Equal(t, zkproto.ErrNewConfigNoQuorum, a.Result.Err)
		a = w.do(zkproto.OpReconfig, reconfigBody(zkproto.ReconfigRequest{Joining: "nonsense"}))
		require.Equal(t, zkproto.ErrBadArguments, a.Result.Err)
		a = w.do(zkproto.OpReconfig, []byte{1})
		require.Equal(t, zkproto.ErrMarshallingError, a.Result.Err)
	}
	require.Equal(t, 4, leader.saw(EventReconfigRefused))
	w := c.learner(0).connect()
	w.ids = []zkproto.ID{{Scheme: "super", ID: ""}}
	gone := c.learner(1)
	a := w.do(zkproto.OpReconfig, reconfigBody(zkproto.ReconfigRequest{Leaving: fmt.Sprint(gone.id)}))
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	require.Equal(t, int32(-1), a.Result.Stat.Version)
	require.Equal(t, "/zookeeper/config", a.Result.Path)
	text := leader.data("/zookeeper/config")
	require.Contains(t, text, fmt.Sprintf("version=%x", int64(a.Header.Zxid)))
	require.NotContains(t, text, fmt.Sprintf("server.%d=", gone.id))
	require.Positive(t, leader.saw(EventReconfig))
	require.Equal(t, int64(a.Header.Zxid), leader.r.Node().Active().Version)
	c.tick(5)
	require.Equal(t, zkproto.ErrOK, w.do(zkproto.OpCreate, createBody("/after", "", 0)).Result.Err)
}

// The leader removes itself: its clients and those of the others feel a pause.
func TestLeaderLeavesUnderLoad(t *testing.T) {
	c := newCluster(t, 3, members(t, 1, 2, 3))
	leader := c.leader()
	w := c.learner(0).connect()
	w.do(zkproto.OpCreate, createBody("/q", "", 0))
	admin := c.learner(1).connect()
	admin.ids = []zkproto.ID{{Scheme: "super", ID: ""}}
	creates(w, 3)
	xid := admin.submit(zkproto.OpReconfig, reconfigBody(zkproto.ReconfigRequest{Leaving: fmt.Sprint(leader.id)}))
	creates(w, 3)
	c.tick(100)
	c.drain(w, admin)
	require.NoError(t, w.closed)
	a, ok := admin.answer(xid)
	require.True(t, ok)
	require.Equal(t, zkproto.ErrOK, a.Result.Err)
	next := c.leaderNow()
	require.NotEqual(t, leader.id, next.id)
	require.Equal(t, 6, next.tree.NumDescendants("/q"))
}

func TestPeekMembership(t *testing.T) {
	text := serverLine(1) + "\nversion=100000005\n"
	h := zkproto.TxnHeader{Zxid: 0x100000005, Type: zkproto.OpReconfig}
	data := AppendTxn(nil, &h, &zkproto.SetDataTxn{Path: "/zookeeper/config", Data: []byte(text), Version: -1}, zkproto.TxnDigest{})
	m, ok := PeekMembership(data)
	require.True(t, ok)
	require.Equal(t, int64(0x100000005), m.Version)
	for i := range data {
		PeekMembership(data[:i])
	}
	h.Type = zkproto.OpSetData
	_, ok = PeekMembership(AppendTxn(nil, &h, &zkproto.SetDataTxn{Data: []byte(text)}, zkproto.TxnDigest{}))
	require.False(t, ok)
	h.Type = zkproto.OpReconfig
	_, ok = PeekMembership(AppendTxn(nil, &h, &zkproto.SetDataTxn{Data: []byte("no configuration")}, zkproto.TxnDigest{}))
	require.False(t, ok)
	require.Zero(t, testing.AllocsPerRun(10, func() { PeekMembership(data[:8]) }))
}

package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

func two(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, 2, 0)
	c.cfg.Oracle = true
	c.startAll()
	c.elect()
	require.NoError(t, c.propose(2, "a"))
	c.settle()
	require.Len(t, c.history, 1)
	return c
}

func (c *cluster) oracle(id Sid, yes bool) {
	c.servers[id].node.SetOracle(yes)
	c.process(c.servers[id])
}

// Of two servers the one that the oracle names goes on when the other dies, with what was outstanding; without its word it
// gives up.
func TestOracleKeepsTheLeader(t *testing.T) {
	c := two(t)
	c.oracle(2, true)
	require.NoError(t, c.propose(2, "b"))
	c.sync(2)
	require.Len(t, c.history, 1, "the other is there, so it is asked")
	c.crash(1, 0)
	c.settle()
	require.Len(t, c.history, 2)
	require.Equal(t, Sid(2), c.leader())
	require.NoError(t, c.propose(2, "c"))
	c.settle()
	require.Len(t, c.history, 3)
	c.oracle(2, false)
	require.Equal(t, quorum.None, c.leader())
	c.restart(1)
	c.elect()
	c.allEqual()

	c = two(t)
	c.crash(1, 0)
	c.settle()
	require.Equal(t, quorum.None, c.leader())
}

// A follower whose leader dies leads alone by the oracle's word; the dead one comes back and follows it.
func TestOracleMakesALeader(t *testing.T) {
	c := two(t)
	c.crash(2, 0)
	c.run(20)
	require.Equal(t, quorum.None, c.leader())
	c.oracle(1, true)
	c.run(20)
	require.Equal(t, Sid(1), c.leader())
	require.NoError(t, c.propose(1, "alone"))
	c.settle()
	require.Len(t, c.history, 2)
	c.restart(2)
	c.run(12)
	require.Equal(t, Following, c.servers[2].node.Status().Role)
	c.allEqual()
}

// With three servers the oracle is not heard.
func TestOracleIsForTwo(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.cfg.Oracle = true
	c.startAll()
	c.elect()
	c.oracle(3, true)
	c.crash(1, 0)
	c.crash(2, 0)
	c.run(30)
	require.Equal(t, quorum.None, c.leader())
}

// Who has just become an observer, and still follows, is not counted on: it is about to leave, and would get no proposals.
func TestObserverThatStillFollowsIsNotCountedOn(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.dynamic = true
	c.startAll()
	c.elect()
	n := c.servers[3].node
	require.NoError(t, c.reconfig(3, zkproto.ReconfigRequest{Joining: "1=h1:1:2:observer;3,2=h2:1:2:observer;3", CurConfigID: -1}))
	for range 2 {
		c.deliver(3, 1, false)
		c.sync(1)
		c.deliver(1, 3, false)
		c.sync(3)
	}
	require.Equal(t, n.LastSeen(), n.Active())
	missing, ok := n.synced(testConfig(t, 3, 0))
	require.False(t, ok)
	require.Equal(t, []Sid{1, 2}, missing)
}

func TestReconfigureRefuses(t *testing.T) {
	type req = zkproto.ReconfigRequest
	code := func(n *Node, r req) zkproto.Error {
		_, err := n.Reconfigure(&r, n.NextZxid())
		var e *quorum.ReconfigError
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Reason)
		return e.Code
	}
	c := newCluster(t, 3, 1)
	c.dynamic = true
	c.startAll()
	c.elect()
	n := c.servers[3].node
	require.Equal(t, zkproto.ErrBadVersion, code(n, req{Leaving: "1", CurConfigID: 7}))
	require.Equal(t, zkproto.ErrBadArguments, code(n, req{Leaving: "1,2", Joining: "nonsense", CurConfigID: -1}))
	require.Equal(t, zkproto.ErrNewConfigNoQuorum, code(n, req{Joining: "4=h4:1:2;3,5=h5:1:2;3", Leaving: "1,2", CurConfigID: -1}), "an observer is not asked")
	require.Equal(t, zkproto.ErrReconfigInProgress, code(c.servers[1].node, req{Leaving: "1", CurConfigID: -1}), "no leader")
	c.crash(1, 0)
	c.settle()
	require.Equal(t, zkproto.ErrNewConfigNoQuorum, code(n, req{Leaving: "2", CurConfigID: -1}))
	require.NoError(t, c.reconfig(3, req{Leaving: "4", CurConfigID: int64(z(1, 0))}))
	require.Equal(t, zkproto.ErrReconfigInProgress, code(n, req{Leaving: "1", CurConfigID: -1}))
	require.Greater(t, n.LastSeen().Version, n.Active().Version)
	require.IsType(t, &quorum.Majority{}, n.Active().Quorum)
	require.Contains(t, n.Quorum().Voters(), Sid(1))

	require.Equal(t, zkproto.ErrReconfigDisabled, code(ensemble(t, 0).servers[3].node, req{CurConfigID: -1}))
	require.Equal(t, zkproto.ErrUnimplemented, code(standalone(t, 0), req{CurConfigID: -1}))
}

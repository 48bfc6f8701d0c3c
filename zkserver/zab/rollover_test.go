package zab

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// 31. The counter of an epoch comes to its end under load: what is outstanding commits, the leader steps down, a new epoch
// begins, and no zxid is used twice. (ZOOKEEPER-1277: the lower half must not run over into the epoch.)
func TestZOOKEEPER2789CounterRollover(t *testing.T) {
	c := ensemble(t, 0)
	l := c.leader()
	n := c.servers[l].node
	c.crash(1, 0)                            // one is away meanwhile
	n.lead.lastProposed = z(1, maxCounter-5) // as zookeeper.testingonly.initialZxid does
	require.Equal(t, uint64(5), n.ZxidsLeft())
	for i := range 5 {
		require.NoError(t, c.propose(l, fmt.Sprint("near the end ", i)))
	}
	require.Zero(t, n.ZxidsLeft())
	require.Zero(t, n.NextZxid())
	require.ErrorIs(t, c.propose(l, "one too many"), ErrEpochExhausted)
	require.Equal(t, Leading, n.Status().Role, "the driver decides when")
	c.settle()
	require.Equal(t, z(1, maxCounter), n.CommittedZxid())
	n.StepDown("the zxids of this epoch are used up")
	c.process(c.servers[l])
	c.run(3)
	require.NotEqual(t, quorum.None, c.leader())
	n = c.servers[c.leader()].node
	require.Equal(t, z(2, 1), n.NextZxid())
	require.Equal(t, uint64(maxCounter), n.ZxidsLeft())
	c.allEqual()
	require.Len(t, c.history, 5+1)
	for i := 1; i < len(c.history); i++ {
		require.Greater(t, c.history[i].Zxid, c.history[i-1].Zxid)
	}
}

// With all servers there, the new epoch begins without a tick passing.
func TestSteppingDownTakesNoTick(t *testing.T) {
	c := ensemble(t, 2)
	c.run(2)
	c.servers[3].node.StepDown("for the test")
	c.process(c.servers[3])
	c.settle()
	require.Equal(t, Sid(3), c.leader())
	require.Equal(t, uint32(2), c.servers[3].node.Status().Epoch)
	require.True(t, c.allServe())
}

// After a kill -9 of the leader the survivors have another without a tick passing: links that end are acted on at once, and
// the dead one's vote is not waited for.
func TestSurvivorsElectWithoutATick(t *testing.T) {
	for _, voters := range []int{3, 5, 7} {
		c := newCluster(t, voters, 1)
		c.startAll()
		c.elect()
		c.run(2)
		require.NoError(t, c.propose(c.leader(), "a"))
		c.settle()
		dead := c.leader()
		c.crash(dead, 0)
		c.settle()
		require.Equal(t, Sid(voters-1), c.leader(), "%d servers", voters)
		require.NoError(t, c.propose(c.leader(), "b"))
		c.settle()
		require.Len(t, c.history, 2)
	}
}

// In an order of events in which one survivor hears of the death late, it still takes no tick.
func TestSurvivorThatHearsLateElectsWithoutATick(t *testing.T) {
	for _, late := range []Sid{1, 2} {
		c := ensemble(t, 1)
		c.run(2)
		c.crash(3, 0)
		early := 3 - late
		for c.deliver(3, early, false) || c.deliver(early, late, false) || c.deliver(late, early, false) {
			continue
		}
		require.Equal(t, Looking, c.servers[early].node.Status().Role)
		require.Equal(t, Following, c.servers[late].node.Status().Role)
		c.settle()
		require.Equal(t, Sid(2), c.leader(), "server %d hears last", late)
	}
}

// There is no epoch behind the last one: the server says so and does not serve.
func TestLastEpoch(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: maxEpoch - 1, CurrentEpoch: maxEpoch - 1})
	require.NoError(t, err)
	require.Equal(t, uint32(maxEpoch), n.Status().Epoch)
	require.Equal(t, z(maxEpoch, 1), n.NextZxid())
	n, err = New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: maxEpoch, CurrentEpoch: maxEpoch})
	require.NoError(t, err)
	require.False(t, n.Status().Serving())
	require.Contains(t, n.Ready().Events[1].Reason, "no epoch is left")
}

func TestZxidsLeft(t *testing.T) {
	require.Zero(t, follower1(t, HardState{}, 0).ZxidsLeft())
	n := standalone(t, z(3, 7))
	require.Equal(t, uint64(maxCounter-7)+uint64(maxEpoch-3)*maxCounter, n.ZxidsLeft(), "a standalone goes on by itself")
}

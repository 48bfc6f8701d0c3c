package zab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func ticksOf(n *Node, ticks int) {
	for range ticks {
		n.Tick()
	}
}

// A learner that takes a snapshot for long does not give its leader up while it comes.
func TestLearnerWaitsWhileASnapshotMovesOn(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	says(t, n, Message{Type: LeaderInfo, Zxid: z(2, 0)})
	leader := Link{Peer: 3, Link: n.link}
	for range 5 {
		ticksOf(n, n.cfg.InitTicks-1)
		n.Progress(leader)
	}
	require.Equal(t, Following, n.Status().Role)
	says(t, n, Message{Type: Snap, Zxid: z(1, 5)})
	for i := range 5 { // so does the log behind it
		ticksOf(n, n.cfg.InitTicks-1)
		says(t, n, Message{Type: Proposal, Zxid: z(1, uint32(6+i))}, Message{Type: Commit, Zxid: z(1, uint32(6+i))})
	}
	require.Equal(t, Following, n.Status().Role)

	ticksOf(n, n.cfg.InitTicks-1)
	n.Progress(Link{Peer: 3, Link: n.link + 1}) // of another link
	says(t, n, Message{Type: Ping})             // no progress either
	n.Tick()
	require.Equal(t, Looking, n.Status().Role)
	n.Progress(leader)
}

func TestNothingMovesOnBeforeASynchronizationBegins(t *testing.T) {
	n := follower1(t, HardState{AcceptedEpoch: 1, CurrentEpoch: 1}, z(1, 1))
	ticksOf(n, n.cfg.InitTicks-1)
	n.Progress(Link{Peer: 3, Link: n.link})
	n.Tick()
	require.Equal(t, Looking, n.Status().Role)
}

// syncing is server 3 of three, leading in epoch 1, whose learner 1 is synchronizing by a new link.
func syncing(t *testing.T) (*Node, *learner) {
	t.Helper()
	c := newCluster(t, 3, 0)
	c.startAll()
	for c.leader() < 0 {
		c.run(1)
	}
	n := c.servers[3].node
	require.Equal(t, Leading, n.Status().Role)
	l := n.lead.find(1)
	l.stage, l.since = stageSyncing, n.now
	return n, l
}

// pongs keep the other learners alive.
func pongs(n *Node) {
	for _, l := range n.lead.learners {
		l.heard = n.now
	}
}

func TestLeaderKeepsALearnerWhileItsSnapshotMovesOn(t *testing.T) {
	n, l := syncing(t)
	limit := n.cfg.InitTicks + n.cfg.SyncTicks
	for i := range 3 * limit {
		pongs(n)
		if i%(limit/2) == 0 {
			n.Progress(Link{Peer: 1, Link: l.link})
		}
		n.Tick()
	}
	require.NotNil(t, n.lead.find(1))
	for i := range limit + 2 {
		pongs(n)
		if i%10 == 0 {
			n.Progress(Link{Peer: 1, Link: l.link + 1}) // of another link
		}
		n.Tick()
	}
	require.Nil(t, n.lead.find(1), "nothing moves")
	require.Equal(t, Leading, n.Status().Role)
}

// Before the epoch is established the leader itself waits for a quorum no longer than initLimit, but for a snapshot's end.
func TestLeaderWaitsForAQuorumWhileItsSnapshotsMoveOn(t *testing.T) {
	n, l := syncing(t)
	n.status.Phase, n.lead.deadline = Synchronization, n.now+uint64(n.cfg.InitTicks)
	for range 5 {
		ticksOf(n, n.cfg.InitTicks-1)
		require.Equal(t, Leading, n.Status().Role)
		n.Progress(Link{Peer: 1, Link: l.link})
	}
	ticksOf(n, n.cfg.InitTicks)
	require.Equal(t, Looking, n.Status().Role)
}

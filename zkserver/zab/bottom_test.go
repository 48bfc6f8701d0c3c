package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/election"
)

// ZOOKEEPER-4837 and beyond: a leader that failed before a quorum had its history left a snapshot with uncommitted entries
// here. The next leader wants them truncated, which cannot be done: nothing is removed, and the leader is asked for a
// snapshot. (Found by internal/sim, seed 418 without clients.)
func TestWhatIsInASnapshotIsNotTruncated(t *testing.T) {
	join := func(current uint32, vote election.Vote) *Node {
		n, err := New(Config{
			ID: 1, Quorum: majority(t, 1, 2, 3), AcceptedEpoch: 5, CurrentEpoch: current, LastZxid: z(1, 0x26), Bottom: z(1, 0x26),
		})
		require.NoError(t, err)
		vote.Leader = 3
		verdict(t, n, vote)
		says(t, n, Message{Type: LeaderInfo, Zxid: z(6, 0)})
		r := n.Ready()
		require.Equal(t, z(1, 0x26), r.Messages[len(r.Messages)-1].Zxid, "the truth at first")
		require.ErrorContains(t, n.Step(Message{Type: Trunc, From: 3, To: 1, Link: n.link, Zxid: z(1, 0x13)}), "snapshot")
		require.Nil(t, n.Ready().Truncate)
		n.Tick()
		verdict(t, n, vote)
		says(t, n, Message{Type: LeaderInfo, Zxid: z(7, 0)})
		return n
	}
	n := join(3, election.Vote{PeerEpoch: 4, Zxid: z(1, 0x13)})
	r := n.Ready()
	ack := r.Messages[len(r.Messages)-1]
	require.Equal(t, AckEpoch, ack.Type)
	require.Equal(t, askSnapshot, ack.Zxid)
	require.Equal(t, appendInt32(3), ack.Data, "the epoch is the true one")
	says(t, n, Message{Type: Snap, Zxid: z(1, 0x13)})
	require.Equal(t, z(1, 0x13), n.Ready().Install.Zxid)

	// A leader whose history is not newer is told the truth, and has to step down.
	n = join(3, election.Vote{PeerEpoch: 3, Zxid: z(1, 0x13)})
	r = n.Ready()
	require.Equal(t, z(1, 0x26), r.Messages[len(r.Messages)-1].Zxid)
}

// verdict makes servers 2 and 3 say that they are with server 3.
func verdict(t testing.TB, n *Node, v election.Vote) {
	t.Helper()
	for sid, st := range map[Sid]Role{2: Following, 3: Leading} {
		require.NoError(t, n.Step(Message{Type: Notification, From: sid, To: 1, Vote: &election.Notification{
			From: sid, To: 1, State: st, Version: 2, Vote: v,
		}}))
	}
	require.Equal(t, Following, n.Status().Role)
	n.Ready()
}

// Such a zxid is answered with a snapshot, also by a leader whose log on disk begins with the very first entry.
func TestAskedForASnapshotALeaderSendsOne(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: 1, CurrentEpoch: 1, LastZxid: z(1, 5), Storage: wholeLog{}})
	require.NoError(t, err)
	require.Equal(t, Snap, n.planSync(askSnapshot, z(1, 5), z(1, 5)).op)
}

// wholeLog is a log that reaches back to the beginning.
type wholeLog struct{}

func (wholeLog) Floor(last Zxid) (Zxid, bool) {
	if last < z(1, 1) {
		return 0, true
	}
	return last, true
}

package election

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// A server that has a vote only in a membership that is proposed, and does not know of it, votes for nobody, in rounds of
// its own. Who needs its vote comes to its round, so that it can take over a vote. (Found by internal/sim, seed 20898 with
// changes of membership.)
func TestWhoseVoteIsNeededIsFollowedToItsRound(t *testing.T) {
	both, err := quorum.NewMajority(2, 3)
	require.NoError(t, err)
	m := New(Config{ID: 3, Quorum: both, NotifyMinTicks: 2, NotifyMaxTicks: 8})
	m.Start(7, 1)
	m.Take(nil)
	nobody := Vote{Leader: Nobody, Zxid: -1 << 63, PeerEpoch: -1 << 63, Round: 4}
	m.Step(Notification{From: 2, To: 3, State: Looking, Version: 2, Vote: nobody})
	require.Equal(t, int64(4), m.Round())
	sent := m.Take(nil)
	require.NotEmpty(t, sent)
	require.Equal(t, Vote{Leader: 3, Zxid: 7, PeerEpoch: 1, Round: 4}, sent[0].Vote)
}

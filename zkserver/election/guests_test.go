package election

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

func rule(t *testing.T, sids ...Sid) quorum.Verifier {
	t.Helper()
	q, err := quorum.NewMajority(sids...)
	require.NoError(t, err)
	return q
}

// A server of a configuration that only others know is elected when it is invited, by the votes that count here.
func TestGuestIsElected(t *testing.T) {
	m := New(Config{ID: 1, Quorum: rule(t, 1, 2), FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12})
	m.Start(5, 1)
	newest := Vote{Leader: 3, Zxid: 9, PeerEpoch: 1, Round: 1}
	hears(m, 2, Looking, newest)
	require.Equal(t, Sid(1), m.vote.Leader, "a stranger")
	m.Take(nil)
	m.Invite(rule(t, 2, 3))
	sent := m.Take(nil)
	require.Len(t, sent, 1, "the guest is asked")
	require.Equal(t, Sid(3), sent[0].To)
	hears(m, 3, Looking, newest)
	require.Equal(t, Sid(3), m.vote.Leader)
	require.False(t, m.decided, "its own vote does not count here")
	hears(m, 2, Looking, newest)
	require.True(t, m.decided)
}

// Votes that came before are kept when guests come and go, whatever places they have.
func TestVotesAreKeptWithGuests(t *testing.T) {
	m := New(Config{ID: 3, Quorum: rule(t, 2, 3, 9), FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12})
	m.Start(5, 1)
	mine := Vote{Leader: 9, Zxid: 5, PeerEpoch: 1, Round: 1}
	hears(m, 9, Looking, mine)
	require.True(t, m.hasQuorum)
	m.Invite(rule(t, 1, 3, 5))
	require.True(t, m.recv[quorum.Index(m.cfg.Quorum, 9)].cast)
	require.Equal(t, 2, m.self)
	hears(m, 2, Looking, mine)
	m.Invite(nil)
	require.Equal(t, 1, m.self)
	m.count()
	require.True(t, m.decided, "all of them have voted for it")
	require.Equal(t, Sid(9), m.vote.Leader)
}

// A server without a vote has none by invitation either.
func TestGuestsDoNotGiveThisServerAVote(t *testing.T) {
	m := New(Config{ID: 7, Quorum: rule(t, 1, 2, 3), NotifyMinTicks: 3, NotifyMaxTicks: 12})
	m.Start(5, 1)
	m.Invite(rule(t, 1, 7))
	require.Equal(t, -1, m.self)
}

// Who has seen a proposal that came to nothing still finds the leader that the others have without it.
func TestDeadProposalDoesNotKeepAServerAway(t *testing.T) {
	home := rule(t, 1, 2, 3)
	both, err := quorum.NewJoint(home, rule(t, 3, 4, 5))
	require.NoError(t, err)
	for _, leader := range []Sid{2, 3} {
		m := New(Config{ID: 3, Quorum: home, FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12})
		m.SetQuorum(both, home, nil, nil)
		m.Start(5, 1)
		old := Vote{Leader: leader, Zxid: 4, PeerEpoch: 2, Round: 8}
		hears(m, 1, Following, old)
		require.False(t, m.decided)
		hears(m, 2, Leading, old)
		require.Equal(t, leader == 2, m.decided, "nobody is made to lead by half of its quorums")
	}
}

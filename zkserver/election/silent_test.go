package election

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A leader that takes nothing in is heard looking, and its vote is the best.
func TestSilentServerIsNotVotedFor(t *testing.T) {
	m := machines(t, 3, false)[0]
	m.Silent(3, true)
	m.Start(5, 1)
	hears(m, 3, Looking, vote(3))
	require.Equal(t, Sid(1), m.vote.Leader)
	hears(m, 2, Looking, vote(2))
	require.Equal(t, Sid(2), m.vote.Leader)
	m.Tick()
	m.Tick()
	require.True(t, m.decided)
	require.Equal(t, Sid(2), m.vote.Leader)
}

// Newer history does not make it a leader that can be followed. The discovery phase sees to what is committed.
func TestSilentServerWithNewerHistoryIsNotVotedFor(t *testing.T) {
	m := machines(t, 3, false)[1]
	m.Silent(3, true)
	m.Start(5, 1)
	hears(m, 3, Looking, Vote{Leader: 3, Zxid: 9, PeerEpoch: 2, Round: m.round + 4})
	require.Equal(t, Sid(2), m.vote.Leader, "but its round counts")
	require.EqualValues(t, 5, m.round)
	hears(m, 1, Looking, vote(2))
	m.Tick()
	m.Tick()
	require.True(t, m.decided)
}

func TestVotesAreReconsideredWhenAServerFallsSilentOrAnswersAgain(t *testing.T) {
	m := started(t, 1, 5)
	hears(m, 5, Looking, vote(5))
	hears(m, 4, Looking, vote(4))
	require.Equal(t, Sid(5), m.vote.Leader)
	m.Take(nil)
	m.Silent(5, true)
	require.Equal(t, Sid(4), m.vote.Leader)
	require.Len(t, m.Take(nil), 4, "all are told")
	m.Silent(5, false)
	require.Equal(t, Sid(5), m.vote.Leader)
	m.Silent(2, true)
	require.Equal(t, Sid(5), m.vote.Leader)
}

// When all look silent for a moment, it is rather this server that is cut off: nothing changes. The same when others are
// dead, and only silent ones are left to choose from.
func TestSilenceOfTooManyIsIgnored(t *testing.T) {
	m := started(t, 1, 3)
	hears(m, 3, Looking, vote(3))
	m.Silent(3, true)
	require.Equal(t, Sid(1), m.vote.Leader)
	m.Unreachable(2, true)
	require.Equal(t, Sid(3), m.vote.Leader, "there is nobody else")
	require.True(t, m.decided)

	m = started(t, 1, 5)
	hears(m, 3, Looking, vote(3))
	m.Silent(3, true)
	m.Unreachable(4, true)
	require.Equal(t, Sid(1), m.vote.Leader)
	m.Silent(2, true)
	require.Equal(t, Sid(3), m.vote.Leader)
}

// Observers have no vote, and servers do not shun themselves.
func TestSilenceIsNothingToObserversAndOneself(t *testing.T) {
	m := machines(t, 3, true)[3]
	m.Silent(3, true)
	m.Start(5, 1)
	hears(m, 3, Looking, vote(3))
	require.Equal(t, Sid(3), m.vote.Leader)
	m = started(t, 3, 3)
	m.Silent(3, true)
	require.Equal(t, Sid(3), m.vote.Leader)
	hears(m, 1, Looking, vote(3))
	hears(m, 2, Looking, vote(3))
	require.True(t, m.decided)
}

// Three of five cannot reach server 5, server 4 can and votes for it: those three follow 4, and when it hears so, it leads.
func TestServerLeadsWhenAQuorumSaysSo(t *testing.T) {
	m := started(t, 4, 5)
	hears(m, 5, Looking, vote(5))
	for id := Sid(1); id <= 3; id++ {
		hears(m, id, Looking, vote(4))
	}
	require.False(t, m.decided)
	for id := Sid(1); id <= 3; id++ {
		hears(m, id, Following, vote(4))
	}
	require.True(t, m.decided)
	require.Equal(t, Sid(4), m.vote.Leader)
}

// The votes for this server were on their way for long: those that cast them are at a later election by now.
func TestLeaderByOldVotesGivesUp(t *testing.T) {
	m := started(t, 3, 3)
	hears(m, 1, Looking, vote(3))
	hears(m, 2, Looking, vote(3))
	require.True(t, m.decided)
	m.Settle(Leading, -1)
	next := func(leader Sid) Vote { v := vote(leader); v.Round = m.round + 1; return v }
	hears(m, 1, Looking, next(3))
	hears(m, 1, Looking, next(1))
	require.False(t, m.Deserted(), "server 2 may still come")
	hears(m, 2, Looking, next(2))
	require.True(t, m.Deserted())
}

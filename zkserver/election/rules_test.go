package election

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// hears steps a notification with a vote of round 1, or that given.
func hears(m *Machine, from Sid, s State, v Vote) string {
	if v.Round == 0 {
		v.Round = m.round
	}
	return m.Step(Notification{From: from, To: m.cfg.ID, State: s, Version: 2, Vote: v})
}

func vote(leader Sid) Vote { return Vote{Leader: leader, Zxid: 5, PeerEpoch: 1} }

// started is server id of three, looking, with zxid 5 of epoch 1; its first notifications are out.
func started(t testing.TB, id Sid, voters int) *Machine {
	t.Helper()
	m := machines(t, voters, false)[id-1]
	m.Start(5, 1)
	m.Take(nil)
	return m
}

// The dead leader's vote is not waited for: its link has been closed by its end. That is the whole wait after a kill -9.
func TestDeadLeaderIsNotWaitedFor(t *testing.T) {
	m := started(t, 1, 3)
	hears(m, 2, Looking, vote(2))
	require.False(t, m.decided, "server 3 may have a better vote")
	m = machines(t, 3, false)[0]
	m.Absent(3)
	m.Start(5, 1)
	hears(m, 2, Looking, vote(2))
	require.True(t, m.decided)
	require.Equal(t, Sid(2), m.vote.Leader)
}

// An absent leader that speaks counts again, and absence ends with the verdict.
func TestAbsenceEnds(t *testing.T) {
	m := machines(t, 3, false)[0]
	m.Absent(3)
	m.Start(5, 1)
	hears(m, 3, Observing, vote(3))
	hears(m, 2, Looking, vote(2))
	require.False(t, m.decided)
	for range 2 {
		m.Tick()
	}
	require.True(t, m.decided)
	m.Absent(3)
	m.decide(m.vote)
	require.Equal(t, quorum.None, m.absent)
}

func TestUnreachableIsNotWaitedFor(t *testing.T) {
	m := started(t, 1, 5)
	m.Unreachable(4, true)
	hears(m, 2, Looking, vote(3))
	hears(m, 3, Looking, vote(3))
	require.False(t, m.decided, "server 5 may have a better vote")
	m.Unreachable(5, true)
	require.True(t, m.decided, "nobody else can be heard")
	m = started(t, 1, 5)
	m.Unreachable(4, true)
	m.Unreachable(5, true)
	m.Unreachable(5, false)
	hears(m, 2, Looking, vote(3))
	hears(m, 3, Looking, vote(3))
	require.False(t, m.decided)
	hears(m, 5, Looking, Vote{Leader: 5, Zxid: 6, PeerEpoch: 1})
	require.Equal(t, Sid(5), m.vote.Leader, "reachable in spite of the hint")
}

// A worse vote of this round is answered once: its sender was still following when our vote came. The original lets it wait
// for the repetition.
func TestWorseVoteIsAnsweredOnce(t *testing.T) {
	m := started(t, 3, 3)
	hears(m, 1, Looking, vote(1))
	out := m.Take(nil)
	require.Len(t, out, 1)
	require.Equal(t, Sid(1), out[0].To)
	require.Equal(t, Sid(3), out[0].Vote.Leader)
	hears(m, 1, Looking, vote(1))
	require.Empty(t, m.Take(nil), "once until the votes are repeated")
	hears(m, 1, Looking, vote(3))
	require.Empty(t, m.Take(nil), "it agrees")
}

// ZOOKEEPER-3769: a leader whose voters prefer another one now is not waited for until initLimit.
func TestDesertedLeaderGivesUp(t *testing.T) {
	m := started(t, 2, 3)
	hears(m, 1, Looking, vote(2))
	m.Tick()
	m.Tick()
	require.True(t, m.decided)
	m.Settle(Leading, -1)
	hears(m, 1, Looking, vote(1))
	require.False(t, m.Deserted(), "a server that starts anew votes for itself first")
	hears(m, 3, Looking, vote(3))
	require.False(t, m.Deserted(), "it never voted for us")
	hears(m, 1, Looking, vote(3))
	require.True(t, m.Deserted())
	m.Start(5, 1)
	require.False(t, m.Deserted())
}

func TestFollowerLeavesALeaderThatVotesForAnother(t *testing.T) {
	m := started(t, 1, 3)
	hears(m, 2, Looking, vote(2))
	m.Tick()
	m.Tick()
	m.Settle(Following, -1)
	hears(m, 2, Looking, vote(2))
	require.False(t, m.Deserted(), "an original server waits 200 ms before it leads")
	hears(m, 3, Looking, vote(3))
	require.False(t, m.Deserted())
	hears(m, 2, Looking, vote(3))
	require.True(t, m.Deserted())
}

// Two servers that each take the other for a stranger must not answer each other without end.
func TestStrangersAreAnsweredWithinBounds(t *testing.T) {
	m := started(t, 1, 3)
	for range 10 {
		hears(m, 9, Looking, vote(9))
	}
	require.Len(t, m.Take(nil), strangersPerTick)
	m.Tick()
	hears(m, 9, Looking, vote(9))
	require.Len(t, m.Take(nil), 1)
	hears(m, 9, Leading, vote(9))
	require.Empty(t, m.Take(nil))
}

// Of two servers one decides alone when the oracle says so and the other is silent; the one that comes later follows it.
func TestOracle(t *testing.T) {
	q, err := quorum.NewMajority(1, 2)
	require.NoError(t, err)
	c := Config{Quorum: q, FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12, Oracle: true}
	c.ID = 1
	one := New(c)
	c.ID = 2
	two := New(c)
	one.Start(5, 1)
	for range 20 {
		one.Tick()
	}
	require.False(t, one.decided, "the oracle has not spoken")
	one.SetOracle(true)
	one.Tick()
	require.True(t, one.decided)
	require.Equal(t, Sid(1), one.vote.Leader)
	one.Settle(Leading, 2)
	two.Start(9, 1)
	hears(two, 1, Leading, Vote{Leader: 1, PeerEpoch: 2, Round: 7})
	require.True(t, two.decided, "nobody could confirm it")
	require.Equal(t, Sid(1), two.vote.Leader)
	require.Equal(t, int64(7), two.round)

	one.Start(5, 1)
	two.Start(9, 1)
	play(t, []*Machine{one, two}, nil, 0)
	require.Equal(t, Sid(2), one.vote.Leader, "both are there: the newest history wins, whatever the oracle says")
}

// The other of two servers has voted in this round and died before it heard the better vote: what it said once does not keep the
// one that the oracle names from going on.
func TestOracleForgetsTheVoteOfWhoHasFallenSilent(t *testing.T) {
	q, err := quorum.NewMajority(1, 2)
	require.NoError(t, err)
	m := New(Config{ID: 2, Quorum: q, FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12, Oracle: true})
	m.SetOracle(true)
	m.Start(5, 1)
	m.Tick()
	m.Tick()
	hears(m, 1, Looking, vote(1))
	m.Tick()
	m.Tick()
	require.False(t, m.decided, "it has just been heard, and will hear the better vote")
	m.Tick()
	require.True(t, m.decided)
	require.Equal(t, Sid(2), m.vote.Leader)
}

// While a reconfiguration is outstanding and histories are equal, a voter of the configuration in force is preferred.
func TestVotersInForceArePreferredForAWhile(t *testing.T) {
	a, err := quorum.NewMajority(1, 2, 3)
	require.NoError(t, err)
	b, err := quorum.NewMajority(1, 2, 3, 4)
	require.NoError(t, err)
	j, err := quorum.NewJoint(a, b)
	require.NoError(t, err)
	m := New(Config{ID: 1, Quorum: a, FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12})
	m.SetQuorum(j, a, nil, nil)
	m.Start(5, 1)
	hears(m, 4, Looking, vote(4))
	require.Equal(t, Sid(1), m.vote.Leader)
	hears(m, 4, Looking, Vote{Leader: 4, Zxid: 6, PeerEpoch: 1})
	require.Equal(t, Sid(4), m.vote.Leader, "newer history always wins")
	m.Start(5, 1)
	for range 12 {
		m.Tick()
	}
	hears(m, 4, Looking, vote(4))
	require.Equal(t, Sid(4), m.vote.Leader, "originals go by the id alone")
}

// A designated leader is the verdict without votes.
func TestAppointed(t *testing.T) {
	m := started(t, 1, 3)
	m.Appoint(2, 6, 1)
	v, ok := m.Verdict()
	require.True(t, ok)
	require.Equal(t, Vote{Leader: 2, Zxid: 6, Round: 1, PeerEpoch: 1}, v)
}

// A leader in discovery has lost the one voter it needs, which looks again and is told so by the leader alone.
func TestTheVoterThatALeaderWaitsForComesBack(t *testing.T) {
	m := started(t, 1, 3)
	says := func() { hears(m, 3, Leading, Vote{Leader: 3, Zxid: 5, PeerEpoch: 1, Round: 9}) }
	says()
	require.False(t, m.decided)
	for range 3 {
		m.Tick()
	}
	says()
	require.True(t, m.decided)
	require.Equal(t, Sid(3), m.vote.Leader)

	m = started(t, 1, 5)
	for range 3 {
		m.Tick()
	}
	says()
	require.False(t, m.decided, "two of five")
	hears(m, 2, Following, Vote{Leader: 3, Zxid: 5, PeerEpoch: 1, Round: 9})
	require.True(t, m.decided)
}

// A leader that has yielded to newer history waits for its owner's vote; not for ever.
func TestNewerHistoryIsAwaited(t *testing.T) {
	m := machines(t, 3, false)[1]
	for _, speaks := range []bool{true, false} {
		m.Await(3)
		m.Start(5, 1)
		hears(m, 1, Looking, Vote{Leader: 2, Zxid: 5, PeerEpoch: 1})
		for range 5 {
			m.Tick()
		}
		require.False(t, m.decided)
		if speaks {
			hears(m, 3, Looking, Vote{Leader: 3, Zxid: 6, PeerEpoch: 1})
			require.Equal(t, Sid(3), m.vote.Leader)
			continue
		}
		m.Tick()
		require.True(t, m.decided)
		require.Equal(t, Sid(2), m.vote.Leader)
	}
}

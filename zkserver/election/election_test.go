package election

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

type start struct {
	last  zkproto.Zxid
	epoch uint32
}

func machines(t testing.TB, voters int, observer bool) []*Machine {
	t.Helper()
	var sids []Sid
	for i := 1; i <= voters; i++ {
		sids = append(sids, Sid(i))
	}
	q, err := quorum.NewMajority(sids...)
	require.NoError(t, err)
	if observer {
		sids = append(sids, Sid(voters+1))
	}
	var out []*Machine
	for _, sid := range sids {
		out = append(out, New(Config{ID: sid, Quorum: q, FinalizeTicks: 2, NotifyMinTicks: 3, NotifyMaxTicks: 12}))
	}
	return out
}

// play runs the machines until all of the given have decided; messages are lost with one chance in loss.
func play(t testing.TB, ms []*Machine, rng *rand.Rand, loss int) {
	t.Helper()
	up := map[Sid]*Machine{}
	for _, m := range ms {
		up[m.cfg.ID] = m
	}
	for range 500 {
		for moved := 0; ; moved++ {
			require.Less(t, moved, 1000, "notifications go round without end")
			var all []Notification
			for _, m := range ms {
				all = m.Take(all)
			}
			if len(all) == 0 {
				break
			}
			for _, n := range all {
				if to := up[n.To]; to != nil && (loss == 0 || rng.IntN(loss) > 0) {
					to.Step(n)
				}
				settle(up[n.To])
			}
		}
		done := true
		for _, m := range ms {
			m.Tick()
			settle(m)
			done = done && m.decided
		}
		if done {
			return
		}
	}
	require.Fail(t, "no decision")
}

func settle(m *Machine) {
	if m == nil || !m.decided || m.state != Looking {
		return
	}
	switch {
	case m.vote.Leader == m.cfg.ID:
		m.Settle(Leading, -1)
	case m.self < 0:
		m.Settle(Observing, -1)
	default:
		m.Settle(Following, -1)
	}
}

func TestNewestHistoryWins(t *testing.T) {
	for name, c := range map[string]struct {
		starts []start
		want   Sid
	}{
		"highest id":           {[]start{{0, 0}, {0, 0}, {0, 0}}, 3},
		"longest log":          {[]start{{7, 1}, {9, 1}, {8, 1}}, 2},
		"epoch beats length":   {[]start{{7, 2}, {9, 1}, {8, 1}}, 1},
		"five, two newest":     {[]start{{7, 2}, {9, 2}, {8, 1}, {9, 2}, {1, 1}}, 4},
		"a quorum of one":      {[]start{{5, 1}}, 1},
		"two, both are needed": {[]start{{6, 1}, {5, 1}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ms := machines(t, len(c.starts), false)
			for i, m := range ms {
				m.Start(c.starts[i].last, c.starts[i].epoch)
			}
			play(t, ms, nil, 0)
			for _, m := range ms {
				v, ok := m.Verdict()
				require.True(t, ok)
				require.Equal(t, c.want, v.Leader)
			}
		})
	}
}

func TestQuorumOfOneDecidesInStart(t *testing.T) {
	m := machines(t, 1, false)[0]
	m.Start(5, 1)
	v, ok := m.Verdict()
	require.True(t, ok)
	require.Equal(t, Sid(1), v.Leader)
	require.False(t, m.Pending())
}

// Two of three suffice, after the wait; the third and an observer come later and join.
func TestLateComersJoin(t *testing.T) {
	ms := machines(t, 3, true)
	ms[0].Start(5, 1)
	ms[1].Start(5, 1)
	play(t, ms[:2], nil, 0)
	require.Equal(t, Sid(2), ms[0].vote.Leader)
	ms[0].Settle(Following, 2)
	ms[1].Settle(Leading, 2)
	ms[2].Start(9, 1) // a newer log, and still no reason to disturb
	ms[3].Start(0, 0)
	play(t, ms, nil, 0)
	require.Equal(t, Sid(2), ms[2].vote.Leader)
	require.Equal(t, Sid(2), ms[3].vote.Leader)
	require.Equal(t, Observing, ms[3].state)
}

// A leader that is only said to lead, by others, is not joined: it may be dead.
func TestLeaderMustConfirm(t *testing.T) {
	m := machines(t, 5, false)[0]
	m.Start(5, 1)
	for _, from := range []Sid{2, 3, 4} {
		m.Step(Notification{From: from, To: 1, State: Following, Version: 2, Vote: Vote{Leader: 5, PeerEpoch: 2, Round: 9}})
	}
	require.False(t, m.decided)
	m.Step(Notification{From: 5, To: 1, State: Leading, Version: 2, Vote: Vote{Leader: 5, PeerEpoch: 2, Round: 9}})
	require.True(t, m.decided)
}

func TestOldRoundsDoNotCount(t *testing.T) {
	m := machines(t, 3, false)[0]
	m.Start(5, 1)
	m.Start(5, 1)
	m.Take(nil)
	require.NotEmpty(t, m.Step(Notification{From: 3, To: 1, Vote: Vote{Leader: 3, Zxid: 9, PeerEpoch: 1, Round: 1}}))
	require.Equal(t, Sid(1), m.vote.Leader)
	out := m.Take(nil)
	require.Len(t, out, 1, "the straggler is told the newer round")
	require.Equal(t, int64(2), out[0].Vote.Round)
}

func TestOddNotificationsAreIgnored(t *testing.T) {
	m := machines(t, 3, false)[0]
	m.Start(5, 1)
	require.NotEmpty(t, m.Step(Notification{From: 2, State: 9}))
	require.NotEmpty(t, m.Step(Notification{From: 1}))
	require.NotEmpty(t, m.Step(Notification{From: 2, Vote: Vote{Leader: 77, Round: 1}}))
	require.Equal(t, Sid(1), m.vote.Leader)
}

func TestElectionEndsInSpiteOfLoss(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		ms := machines(t, 3+2*int(seed%2), seed%3 == 0)
		for _, m := range ms {
			m.Start(zkproto.Zxid(rng.IntN(4)), uint32(rng.IntN(3)))
		}
		play(t, ms, rng, 3)
	}
}

package quorum

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func must[V Verifier](t testing.TB) func(V, error) V {
	return func(v V, err error) V {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

func TestMajority(t *testing.T) {
	for n := 1; n <= 7; n++ {
		var sids []Sid
		for i := range n {
			sids = append(sids, Sid(n-i))
		}
		m := must[*Majority](t)(NewMajority(sids...))
		for k := 0; k <= n; k++ {
			require.Equal(t, k > n/2, m.Contains(Of(m, sids[:k]...)), "%d of %d", k, n)
		}
		require.Equal(t, n == 1, IsSole(m, 1))
	}
	m := must[*Majority](t)(NewMajority(3, 1, 2))
	require.Equal(t, []Sid{1, 2, 3}, m.Voters())
	require.Equal(t, int64(0), m.Weight(9))
	require.False(t, m.Contains(Of(m, 1, 8, 9)), "strangers do not count")
}

func TestWeighted(t *testing.T) {
	w := must[*Hierarchical](t)(NewWeighted([]Sid{1, 2, 3}, map[Sid]int64{1: 3, 3: 0}))
	require.True(t, w.Contains(Of(w, 1)), "3 of 4")
	require.False(t, w.Contains(Of(w, 2, 3)))
	require.Zero(t, w.Weight(3))
}

func TestHierarchical(t *testing.T) {
	h := must[*Hierarchical](t)(NewHierarchical([]Group{
		{1, []Sid{1, 2, 3}}, {2, []Sid{4, 5, 6}}, {3, []Sid{7, 8, 9}}, {4, []Sid{10}},
	}, map[Sid]int64{10: 0}))
	require.True(t, h.Contains(Of(h, 1, 2, 4, 5)), "two groups of three that count")
	require.False(t, h.Contains(Of(h, 1, 2, 3, 4, 7)), "one group only")
	require.False(t, h.Contains(Of(h, 1, 2, 3, 10)), "a group without weight does not count")
}

// Guests may be voted for and are asked; nothing is decided by what they say.
func TestGuestsDoNotCount(t *testing.T) {
	rule := must[*Majority](t)(NewMajority(1, 2, 3))
	other := must[*Hierarchical](t)(NewWeighted([]Sid{3, 4, 5}, map[Sid]int64{4: 7, 5: 0}))
	g := must[*Guests](t)(NewGuests(rule, other))
	require.Equal(t, []Sid{1, 2, 3, 4, 5}, g.Voters())
	for sids, want := range map[[3]Sid]bool{{1, 2, 9}: true, {1, 3, 4}: true, {1, 4, 5}: false, {3, 4, 5}: false} {
		require.Equal(t, want, g.Contains(Of(g, sids[:]...)), "%v", sids)
	}
	for sid, weight := range map[Sid]int64{1: 1, 3: 1, 4: 7, 5: 0, 9: 0} {
		require.Equal(t, weight, g.Weight(sid), "server %d", sid)
	}
	many := make([]Sid, MaxVoters)
	for i := range many {
		many[i] = Sid(i + 4)
	}
	_, err := NewGuests(rule, must[*Majority](t)(NewMajority(many...)))
	require.ErrorContains(t, err, "at most 256")
}

func TestJointWantsBoth(t *testing.T) {
	a := must[*Majority](t)(NewMajority(1, 2, 3))
	b := must[*Majority](t)(NewMajority(3, 4, 5))
	j := must[*Joint](t)(NewJoint(a, b))
	require.Equal(t, []Sid{1, 2, 3, 4, 5}, j.Voters())
	require.False(t, j.Contains(Of(j, 1, 2)))
	require.False(t, j.Contains(Of(j, 1, 4, 5)))
	require.True(t, j.Contains(Of(j, 1, 3, 4)))
	require.Equal(t, int64(1), j.Weight(5))
}

func TestBadRulesAreRefused(t *testing.T) {
	for name, f := range map[string]func() error{
		"none":       func() error { _, err := NewMajority(); return err },
		"twice":      func() error { _, err := NewMajority(1, 1); return err },
		"negative":   func() error { _, err := NewMajority(-1); return err },
		"too many":   func() error { _, err := NewMajority(make([]Sid, MaxVoters+1)...); return err },
		"no groups":  func() error { _, err := NewHierarchical(nil, nil); return err },
		"empty":      func() error { _, err := NewHierarchical([]Group{{1, nil}}, nil); return err },
		"two groups": func() error { _, err := NewHierarchical([]Group{{1, []Sid{1}}, {2, []Sid{1}}}, nil); return err },
		"weight":     func() error { _, err := NewWeighted([]Sid{1}, map[Sid]int64{1: -1}); return err },
		"all zero":   func() error { _, err := NewWeighted([]Sid{1}, map[Sid]int64{1: 0}); return err },
		"no voters":  func() error { _, err := NewWeighted(nil, nil); return err },
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, f()) })
	}
}

// TestQuorumsIntersect and Highest against the dumb way, on random rules.
func TestQuorumsIntersectAndHighestIsRight(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := 1 + rng.IntN(7)
		groups := []Group{{ID: 1}, {ID: 2}, {ID: 3}}[:1+rng.IntN(min(3, n))]
		weights := map[Sid]int64{}
		for i := range n {
			g := i % len(groups)
			groups[g].Members = append(slices.Clone(groups[g].Members), Sid(i))
			weights[Sid(i)] = int64(rng.IntN(4))
		}
		weights[0] = 1
		h := must[*Hierarchical](t)(NewHierarchical(groups, weights))
		var a, b Set
		reached := make([]int64, n)
		for i := range n {
			if rng.IntN(2) == 0 {
				a.Add(i)
			} else {
				b.Add(i)
			}
			reached[i] = int64(rng.IntN(5))
		}
		require.False(t, h.Contains(a) && h.Contains(b), "two quorums without a common server")
		want := int64(0)
		for z := int64(1); z < 5; z++ {
			var s Set
			for i, r := range reached {
				if r >= z {
					s.Add(i)
				}
			}
			if h.Contains(s) {
				want = z
			}
		}
		require.Equal(t, want, Highest(h, reached))
	}
}

func BenchmarkHighest(b *testing.B) {
	m, _ := NewMajority(1, 2, 3)
	reached := []int64{7, 9, 8}
	b.ReportAllocs()
	for b.Loop() {
		Highest(m, reached)
	}
}

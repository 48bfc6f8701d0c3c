package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTolerance: how many servers of an ensemble may fail. One more, and nothing is acknowledged any more, but nothing is lost
// either: when one is back, the others go on.
func TestTolerance(t *testing.T) {
	for _, c := range []struct{ servers, failures int }{{1, 0}, {2, 0}, {3, 1}, {4, 1}, {5, 2}, {6, 2}, {7, 3}} {
		t.Run(fmt.Sprintf("%d servers, %d failures", c.servers, c.failures), func(t *testing.T) {
			for seed := range uint64(10) {
				w := tolerant(t, seed, c.servers)
				dead := w.servers[:0:0]
				for i := range c.failures + 1 {
					s := w.voter()
					if i%2 == 0 && w.leader() != nil {
						s = w.leader()
					}
					s.kill(w.rng.IntN(2) == 0)
					dead = append(dead, s)
					if i < c.failures {
						require.True(t, w.acknowledges(8*second), "seed %d: %d of %d servers are left", seed, c.servers-len(dead), c.servers)
					}
				}
				w.runUntil(w.now+100*millisecond, nil) // what was committed before
				require.False(t, w.acknowledges(3*second), "seed %d: %d of %d servers are left", seed, c.servers-len(dead), c.servers)
				before := w.oracle.ackedTo
				dead[w.rng.IntN(len(dead))].start()
				require.True(t, w.acknowledges(8*second), "seed %d: a quorum is back", seed)
				require.Greater(t, w.oracle.ackedTo, before)
				for _, s := range dead {
					s.start()
				}
				w.settle()
				w.judge()
			}
		})
	}
}

// tolerant is an ensemble without faults in which a majority decides, with clients that write.
func tolerant(t *testing.T, seed uint64, servers int) *World {
	t.Helper()
	for ; ; seed += 1000 {
		w := &World{opt: Options{Seed: seed, Servers: servers}, rng: rand.New(rand.NewPCG(seed, 0x5eed)), calm: true, sent: map[int]request{}}
		w.build()
		if w.plan.weighted || w.plan.leaderServesNot {
			continue
		}
		require.True(t, w.acknowledges(8*second), "seed %d: all are there", seed)
		return w
	}
}

// acknowledges tells whether clients are told within a time that ten writes are done.
func (w *World) acknowledges(within int64) bool {
	before := w.oracle.acked
	return w.runUntil(w.now+within, func() bool { return w.oracle.acked >= before+10 })
}

// voter is a server with a vote that is not dead.
func (w *World) voter() *server {
	for {
		if s := w.servers[w.rng.IntN(w.plan.voters)]; s.up {
			return s
		}
	}
}

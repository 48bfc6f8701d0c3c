package zkserver

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/clock"
)

// resting is a server with a collector that can be seen to run again.
func resting(t *testing.T) (r *running, fake *clock.Fake, held, looks, again *atomic.Int64, collect func()) {
	fake, held, looks, again = clock.NewFake(time.Now()), new(atomic.Int64), new(atomic.Int64), new(atomic.Int64)
	held.Store(100 << 20)
	r = startWith(t, testConfig(t), WithClock(fake), func(s *Server) {
		s.trimmer.heap = func() heapUse {
			looks.Add(1)
			return heapUse{held: uint64(held.Load())}
		}
	})
	return r, fake, held, looks, again, func() { again.Add(1) }
}

func TestCollectorRestsUntilMuchHasBeenAllocated(t *testing.T) {
	r, fake, held, looks, again, collect := resting(t)
	r.collectLater(collect, manyZnodes-1)
	require.EqualValues(t, 1, again.Load(), "at once behind a small snapshot")
	r.collectLater(collect, manyZnodes)
	busy := func() { r.stats.received.Add(10 * quietRequests); fake.Advance(growthLook) }
	await(t, func() bool { busy(); return looks.Load() > 20 })
	require.EqualValues(t, 1, again.Load())
	await(t, func() bool { held.Add(50 << 20); busy(); return again.Load() == 2 })
}

func TestCollectorRestsUntilTheServerIsQuiet(t *testing.T) {
	r, fake, _, _, again, collect := resting(t)
	r.collectLater(collect, manyZnodes)
	await(t, func() bool { fake.Advance(growthLook); return again.Load() == 1 })
}

func TestCollectorRunsAgainWhenTheServerStops(t *testing.T) {
	r, _, _, _, again, collect := resting(t)
	r.collectLater(collect, manyZnodes)
	r.stop()
	require.EqualValues(t, 1, again.Load())
	r.collectLater(collect, manyZnodes) // a snapshot that had come when it stopped
	require.EqualValues(t, 2, again.Load())
}

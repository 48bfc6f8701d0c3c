package sim

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "TestSeed: the seed to run, with its trace")
	bareFlag  = flag.Bool("bare", false, "TestSeed, TestMany: without clients")
	seedsFlag = flag.Uint64("seeds", 0, "TestMany: how many seeds")
	fromFlag  = flag.Uint64("from", 1, "TestMany: the first seed")
	workers   = flag.Int("workers", 2, "TestMany: at once")
)

// TestSeed runs one seed with a trace: go test ./internal/sim -run TestSeed -seed N -v.
func TestSeed(t *testing.T) {
	opt := Options{Seed: *seedFlag, Bare: *bareFlag}
	if testing.Verbose() {
		opt.Log = func(line string) { t.Log(line) }
	}
	res, err := Run(opt)
	t.Logf("%+v", res)
	require.NoError(t, err)
}

// TestMany runs many seeds: go test ./internal/sim -run TestMany -seeds 300000 -timeout 2h.
func TestMany(t *testing.T) {
	n := *seedsFlag
	if n == 0 {
		n = 100
	}
	begin := time.Now()
	total, failed := many(t, Options{Bare: *bareFlag}, *fromFlag, n, *workers)
	took := time.Since(begin)
	t.Logf("%d seeds in %s (%.1f per second): %d events, %d committed, %d acknowledged, %d epochs, %d faults, %s simulated; %d failed",
		n, took.Round(time.Millisecond), float64(n)/took.Seconds(), total.Steps, total.Committed, total.Acked, total.Epochs, total.Faults,
		clockText(total.Time), failed)
}

func many(t *testing.T, opt Options, from, n uint64, workers int) (total Result, failed int) {
	t.Helper()
	var next atomic.Uint64
	next.Store(from)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= from+n {
					return
				}
				o := opt
				o.Seed = seed
				res, err := Run(o)
				mu.Lock()
				total.add(res)
				if err != nil {
					failed++
					if failed <= 3 {
						t.Error(err)
					} else {
						t.Error(fmt.Sprintf("seed %d: %s", seed, err.(*Failure).What))
					}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return total, failed
}

func (r *Result) add(o Result) {
	r.Steps += o.Steps
	r.Committed += o.Committed
	r.Acked += o.Acked
	r.Epochs += o.Epochs
	r.Faults += o.Faults
	r.Time += o.Time
}

// TestSameSeedSameRun: nothing but the seed decides.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(10) {
		a, err := Run(Options{Seed: seed, Bare: true})
		require.NoError(t, err)
		b, err := Run(Options{Seed: seed, Bare: true})
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}

// TestBrokenDutiesAreFound is the test of the simulator: each duty that all servers neglect must be noticed within so many
// seeds. The number that it takes stands in docs/reliability.md.
func TestBrokenDutiesAreFound(t *testing.T) {
	for b := Sound + 1; b < brokenKinds; b++ {
		t.Run(b.String(), func(t *testing.T) {
			found, _ := firstFailure(Options{Broken: b, Bare: b.bare()}, 300)
			require.NotNil(t, found, "not noticed")
			t.Logf("seed %d: %s", found.Seed, found.What)
		})
	}
}

// firstFailure runs seeds from 1 on until one fails.
func firstFailure(opt Options, most uint64) (*Failure, uint64) {
	for seed := uint64(1); seed <= most; seed++ {
		opt.Seed = seed
		if _, f := run(opt, false); f != nil {
			return f, seed
		}
	}
	return nil, most
}

package sim

import (
	"flag"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "TestSeed: the seed to run, with its trace")
	membersFlag = flag.Bool("members", false, "TestSeed, TestMany: with changes of membership")
	groupsFlag  = flag.Bool("groups", false, "TestSeed, TestMany: with changes of groups and weights")
	oracleFlag  = flag.Bool("oracle", false, "TestSeed, TestMany: two voters and an oracle")
	bareFlag    = flag.Bool("bare", false, "TestSeed, TestMany: without clients")
	seedsFlag   = flag.Uint64("seeds", 0, "TestMany: how many seeds")
	fromFlag    = flag.Uint64("from", 1, "TestMany: the first seed")
	workers     = flag.Int("workers", runtime.GOMAXPROCS(0), "TestMany: at once")
	forFlag     = flag.Duration("for", 0, "TestMany: no seed is begun after so long; 0 for no limit")
	brokenFlag  = flag.Uint64("broken", 300, "TestBrokenDutiesAreFound: seeds for each")
)

// flagged is the variant that the flags choose.
func flagged() Options {
	members := *membersFlag || *groupsFlag
	return Options{Bare: *bareFlag, Members: members, Groups: *groupsFlag, Oracle: *oracleFlag}
}

// TestSeed runs one seed with a trace: go test ./internal/sim -run TestSeed -seed N -v.
func TestSeed(t *testing.T) {
	opt := flagged()
	opt.Seed = *seedFlag
	if testing.Verbose() {
		opt.Log = func(line string) { t.Log(line) }
	}
	res, err := Run(opt)
	t.Logf("%+v", res)
	require.NoError(t, err)
}

// TestMany runs many seeds: go test ./internal/sim -run TestMany -seeds 300000 -timeout 4h, and the same with the flags of another
// variant. -for 3m ends it earlier: the line at the end tells how many seeds were run.
func TestMany(t *testing.T) {
	type variant struct {
		name  string
		opt   Options
		seeds uint64
	}
	variants := []variant{
		{"clients", Options{}, 60},
		{"bare", Options{Bare: true}, 100},
		{"members", Options{Members: true}, 30},
		{"members, bare", Options{Bare: true, Members: true}, 40},
		{"groups", Options{Members: true, Groups: true}, 20},
		{"groups, bare", Options{Bare: true, Members: true, Groups: true}, 40},
		{"oracle", Options{Oracle: true}, 40},
		{"oracle, bare", Options{Bare: true, Oracle: true}, 60},
	}
	if *seedsFlag > 0 {
		variants = []variant{{"chosen", flagged(), *seedsFlag}}
	}
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			begin := time.Now()
			total, failed := many(t, v.opt, *fromFlag, v.seeds, *workers)
			took := time.Since(begin)
			t.Logf("%d seeds from %d in %s (%.1f per second): %d failed; %d events, %d requests, %d transactions committed, %d acknowledged, "+
				"%d epochs, %d faults, %s simulated; %d histories of a key judged by porcupine", total.seeds, *fromFlag, took.Round(time.Millisecond),
				float64(total.seeds)/took.Seconds(), failed, total.Steps, total.Asked, total.Committed, total.Acked, total.Epochs, total.Faults,
				clockText(total.Time), total.Judged)
		})
	}
}

// sum is what many runs did together.
type sum struct {
	Result
	seeds int
}

func many(t *testing.T, opt Options, from, n uint64, workers int) (total sum, failed int) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // half of the time else
	begin := time.Now()
	var next atomic.Uint64
	next.Store(from)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= from+n || *forFlag > 0 && time.Since(begin) > *forFlag {
					return
				}
				o := opt
				o.Seed = seed
				res, err := Run(o)
				mu.Lock()
				total.add(res)
				total.seeds++
				if err != nil {
					failed++
					if failed <= 3 {
						t.Error(err)
					} else {
						text, _, _ := strings.Cut(err.Error(), "\n")
						t.Error(text)
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
	r.Asked += o.Asked
	r.Judged += o.Judged
}

// TestSameSeedSameRun: nothing but the seed decides.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(12) {
		opt := Options{Seed: seed, Bare: seed%2 == 0}
		a, err := Run(opt)
		require.NoError(t, err)
		b, err := Run(opt)
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}

// TestBrokenDutiesAreFound is the test of the simulator: each duty that all servers neglect must be noticed within so many
// seeds (-broken N; those that need more than a few hundred are looked for only with a number of at least a thousand). What
// it took stands in docs/reliability.md.
func TestBrokenDutiesAreFound(t *testing.T) {
	for b := Sound + 1; b < brokenKinds; b++ {
		if b.rare() && *brokenFlag < 1000 {
			continue
		}
		t.Run(b.String(), func(t *testing.T) {
			found, _ := firstFailure(Options{Broken: b, Bare: b.bare()}, *brokenFlag)
			require.NotNil(t, found, "not noticed within %d seeds", *brokenFlag)
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

// TestReports: what a failure says must be enough to understand it.
func TestReports(t *testing.T) {
	_, err := Run(Options{Seed: 1, Bare: true, Broken: MinorityCommits})
	var f *Failure
	require.ErrorAs(t, err, &f)
	require.NotEmpty(t, f.Trace, "run again with a trace")
	require.Contains(t, err.Error(), "sim: seed 1: at ")
	require.Contains(t, err.Error(), "plan: ")
	require.Contains(t, err.Error(), "NOTIFICATION")
}

package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/history"
)

// Times are microseconds of the simulation.
const (
	microsecond int64 = 1
	millisecond       = 1000 * microsecond
	second            = 1000 * millisecond
)

// World is one run: servers, the network between them, clients, faults, and the oracle that checks it all.
type World struct {
	opt     Options
	plan    plan
	rng     *rand.Rand
	now     int64
	events  queue
	servers []*server
	net     network
	oracle  oracle
	nemesis nemesis
	arbiter arbiter
	clients []*client
	history history.Recorder
	calm    bool // the faults are over
	quiet   bool // nobody writes any more
	judged  int
	sent    map[int]request // by number in the history
	broken  Broken
	steps   int

	tracing bool
	trace   []string
	faults  []string // what was done to whom, for the report
}

// Failure is what a run found.
type Failure struct {
	Seed   uint64
	At     int64 // microseconds of the simulation
	What   string
	Plan   string
	Faults []string // all of them, in order
	Trace  []string // the last events
}

// Error is a report to read.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sim: seed %d: at %s: %s\n  plan: %s\n", f.Seed, clockText(f.At), f.What, f.Plan)
	if len(f.Faults) > 0 {
		fmt.Fprintf(&b, "  faults:\n    %s\n", strings.Join(f.Faults, "\n    "))
	}
	if len(f.Trace) > 0 {
		fmt.Fprintf(&b, "  the last events:\n    %s\n", strings.Join(f.Trace, "\n    "))
	}
	return b.String()
}

func clockText(t int64) string { return fmt.Sprintf("%d.%06ds", t/second, t%second) }

// failf ends the run with a failure. It does not return.
func (w *World) failf(format string, args ...any) {
	panic(&Failure{
		Seed: w.opt.Seed, At: w.now, What: fmt.Sprintf(format, args...), Plan: w.plan.String(), Faults: w.faults, Trace: w.trace,
	})
}

// after makes fn happen in d microseconds.
func (w *World) after(d int64, fn func()) { w.events.push(w.now+max(d, 0), fn) }

// between is a random number from lo to hi, both included.
func (w *World) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + w.rng.Int64N(hi-lo+1)
}

// chance is true once in n times; never for n 0.
func (w *World) chance(n int) bool { return n > 0 && w.rng.IntN(n) == 0 }

// traceLength is how many events a report shows.
const traceLength = 400

// tracef notes an event. Callers on hot paths ask w.tracing first.
func (w *World) tracef(format string, args ...any) {
	if !w.tracing {
		return
	}
	if len(w.trace) >= 2*traceLength {
		w.trace = append(w.trace[:0], w.trace[traceLength:]...)
	}
	line := clockText(w.now) + " " + fmt.Sprintf(format, args...)
	w.trace = append(w.trace, line)
	if w.opt.Log != nil {
		w.opt.Log(line)
	}
}

// fault notes something done to the ensemble.
func (w *World) fault(format string, args ...any) {
	line := clockText(w.now) + " " + fmt.Sprintf(format, args...)
	w.faults = append(w.faults, line)
	if w.tracing {
		w.tracef("*** %s", line)
	}
}

// runUntil lets things happen until the time is over or done says so (nil: never).
func (w *World) runUntil(end int64, done func() bool) bool {
	for len(w.events.heap) > 0 && w.events.heap[0].at <= end {
		e, _ := w.events.pop()
		w.now = e.at
		e.fn()
		w.steps++
		if done != nil && w.steps&63 == 0 && done() {
			return true
		}
	}
	w.now = max(w.now, end)
	return done != nil && done()
}

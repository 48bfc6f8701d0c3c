// Package clock is the seam for time: what waits or measures takes a Clock, so that a test can move time by hand.
// PURE packages take no Clock at all; they get ticks or milliseconds as arguments.
package clock

import "time"

// Clock tells time and makes timers. Implementations may be used by several goroutines at once.
type Clock interface {
	// Now is the wall clock; differences of two answers are monotonic.
	Now() time.Time
	// NewTimer sends the time once on its channel after d.
	NewTimer(d time.Duration) Timer
	// NewTicker sends the time on its channel every d (more than zero), dropping ticks for a slow receiver.
	NewTicker(d time.Duration) Ticker
}

// Timer is a time.Timer behind the seam.
type Timer interface {
	C() <-chan time.Time
	// Stop prevents the timer from firing and answers whether it was still running. Nothing stale is received after it.
	Stop() bool
	// Reset starts the timer anew and answers whether it was still running.
	Reset(d time.Duration) bool
}

// Ticker is a time.Ticker behind the seam.
type Ticker interface {
	C() <-chan time.Time
	Stop()
	Reset(d time.Duration)
}

// Real is the clock of the machine.
func Real() Clock { return realClock{} }

type realClock struct{}

func (realClock) Now() time.Time                 { return time.Now() }
func (realClock) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }
func (realClock) NewTicker(d time.Duration) Ticker {
	return realTicker{time.NewTicker(d)}
}

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time        { return t.t.C }
func (t realTimer) Stop() bool                 { return t.t.Stop() }
func (t realTimer) Reset(d time.Duration) bool { return t.t.Reset(d) }

type realTicker struct{ t *time.Ticker }

func (t realTicker) C() <-chan time.Time   { return t.t.C }
func (t realTicker) Stop()                 { t.t.Stop() }
func (t realTicker) Reset(d time.Duration) { t.t.Reset(d) }

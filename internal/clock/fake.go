package clock

import (
	"sync"
	"time"
)

// Fake is a clock that stands still until Advance moves it.
type Fake struct {
	mu     sync.Mutex
	now    time.Time
	timers []*fakeTimer
}

// NewFake returns a clock that shows start.
func NewFake(start time.Time) *Fake { return &Fake{now: start} }

// Now is the time shown.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves time by d and fires, in order of their times, the timers and tickers that fall due. It does not wait for
// whoever receives.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	end := f.now.Add(d)
	for {
		var next *fakeTimer
		for _, t := range f.timers {
			if t.running && !t.at.After(end) && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
		if next == nil {
			break
		}
		f.now = next.at
		select {
		case next.c <- f.now:
		default: // a slow receiver misses ticks, as with time.Ticker
		}
		if next.period > 0 {
			next.at = next.at.Add(next.period)
		} else {
			next.running = false
		}
	}
	f.now = end
}

// Waiting is the number of timers and tickers that are running, for tests that must not advance too early.
func (f *Fake) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, t := range f.timers {
		if t.running {
			n++
		}
	}
	return n
}

// NewTimer implements Clock.
func (f *Fake) NewTimer(d time.Duration) Timer { return f.add(d, 0) }

// NewTicker implements Clock.
func (f *Fake) NewTicker(d time.Duration) Ticker {
	if d <= 0 {
		panic("clock: ticker period must be more than zero") // as time.NewTicker does
	}
	return fakeTicker{f.add(d, d)}
}

func (f *Fake) add(d, period time.Duration) *fakeTimer {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := &fakeTimer{f: f, c: make(chan time.Time, 1)}
	f.timers = append(f.timers, t)
	t.start(d, period)
	return t
}

type fakeTimer struct {
	f       *Fake
	c       chan time.Time
	at      time.Time
	period  time.Duration
	running bool
}

// start arms the timer; the clock is locked.
func (t *fakeTimer) start(d, period time.Duration) {
	t.at, t.period, t.running = t.f.now.Add(d), period, true
	if d <= 0 && period == 0 {
		t.c <- t.f.now
		t.running = false
	}
}

func (t *fakeTimer) C() <-chan time.Time { return t.c }

func (t *fakeTimer) Stop() bool {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	return t.stop()
}

func (t *fakeTimer) stop() bool {
	was := t.running
	t.running = false
	select {
	case <-t.c:
	default:
	}
	return was
}

func (t *fakeTimer) Reset(d time.Duration) bool {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	was := t.stop()
	t.start(d, 0)
	return was
}

type fakeTicker struct{ t *fakeTimer }

func (t fakeTicker) C() <-chan time.Time { return t.t.c }
func (t fakeTicker) Stop()               { t.t.Stop() }

func (t fakeTicker) Reset(d time.Duration) {
	t.t.f.mu.Lock()
	defer t.t.f.mu.Unlock()
	t.t.stop()
	t.t.start(d, d)
}

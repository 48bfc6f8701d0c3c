package zkserver

import (
	"sync"
	"sync/atomic"
)

// throttle bounds how many requests of all connections together wait to be answered (globalOutstandingLimit): whoever
// is over the limit stops reading its connection.
type throttle struct {
	limit   int64
	count   atomic.Int64
	waiting atomic.Int32

	mu   sync.Mutex
	cond *sync.Cond
	off  bool
}

func (t *throttle) init(limit int64) {
	t.limit = limit
	t.cond = sync.NewCond(&t.mu)
}

func (t *throttle) add(n int) { t.count.Add(int64(n)) }

// done takes answered requests off.
func (t *throttle) done(n int) {
	if t.count.Add(int64(-n)) <= t.limit/2 && t.waiting.Load() > 0 {
		t.mu.Lock()
		t.cond.Broadcast()
		t.mu.Unlock()
	}
}

// wait returns when there are few enough.
func (t *throttle) wait() {
	if t.count.Load() <= t.limit {
		return
	}
	t.waiting.Add(1)
	t.mu.Lock()
	for t.count.Load() > t.limit/2 && !t.off {
		t.cond.Wait()
	}
	t.mu.Unlock()
	t.waiting.Add(-1)
}

// release lets everybody go: the server stops.
func (t *throttle) release() {
	t.mu.Lock()
	t.off = true
	t.cond.Broadcast()
	t.mu.Unlock()
}

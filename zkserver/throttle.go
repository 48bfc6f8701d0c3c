package zkserver

import (
	"sync"
	"sync/atomic"
)

// maxOutstandingBytes bounds the sum of the sizes of all unanswered writes.
const maxOutstandingBytes = 64 << 20

// throttle bounds how many writes of all connections together wait to be answered (globalOutstandingLimit), and how many
// bytes they have: who is over the limit stops reading its connection.
type throttle struct {
	limit   int64
	count   atomic.Int64
	bytes   atomic.Int64
	waiting atomic.Int32

	mu   sync.Mutex
	cond *sync.Cond
	off  bool
}

func (t *throttle) init(limit int64) {
	t.limit = limit
	t.cond = sync.NewCond(&t.mu)
}

// add counts requests that are about to wait.
func (t *throttle) add(n, bytes int) {
	t.count.Add(int64(n))
	t.bytes.Add(int64(bytes))
}

// done takes an answered request off.
func (t *throttle) done(bytes int) {
	t.bytes.Add(int64(-bytes))
	t.count.Add(-1)
	if t.waiting.Load() > 0 && t.low() {
		t.mu.Lock()
		t.cond.Broadcast()
		t.mu.Unlock()
	}
}

// low tells whether those who wait may go on.
func (t *throttle) low() bool {
	return t.count.Load() <= t.limit/2 && t.bytes.Load() <= maxOutstandingBytes/2
}

// over tells whether there are too many.
func (t *throttle) over() bool {
	return t.count.Load() > t.limit || t.bytes.Load() > maxOutstandingBytes
}

// wait returns when there are few enough.
func (t *throttle) wait() {
	t.waiting.Add(1)
	t.mu.Lock()
	for !t.low() && !t.off {
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

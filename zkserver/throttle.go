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
	limit   atomic.Int64
	count   atomic.Int64
	bytes   atomic.Int64
	waiting atomic.Int32
	large   atomic.Int64  // bytes of large requests under way
	slots   chan struct{} // a sign for one of those that hold wait
	holding atomic.Int32

	// largeFrom is the frame size from which a request is large; -1 for none.
	largeFrom int

	mu   sync.Mutex
	cond *sync.Cond
	off  bool
}

func (t *throttle) init(limit int64, largeFrom int) {
	t.limit.Store(limit)
	t.largeFrom = largeFrom
	t.slots = make(chan struct{}, 1)
	t.cond = sync.NewCond(&t.mu)
}

// headerSize is what a frame has before the request's body.
const headerSize = 8

// isLarge tells whether a request with such a body counts as large.
func (t *throttle) isLarge(body int) bool { return t.largeFrom >= 0 && body+headerSize > t.largeFrom }

// add counts requests that are about to wait.
func (t *throttle) add(n, bytes int) {
	t.count.Add(int64(n))
	t.bytes.Add(int64(bytes))
}

// done takes an answered request off.
func (t *throttle) done(bytes int) {
	t.bytes.Add(int64(-bytes))
	t.count.Add(-1)
	if t.isLarge(bytes) {
		t.large.Add(int64(-bytes - headerSize))
	}
	if t.holding.Load() > 0 {
		select {
		case t.slots <- struct{}{}:
		default:
		}
	}
	if t.waiting.Load() > 0 && t.low() {
		t.mu.Lock()
		t.cond.Broadcast()
		t.mu.Unlock()
	}
}

// low tells whether those who wait may go on.
func (t *throttle) low() bool {
	return t.count.Load() <= t.limit.Load()/2 && t.bytes.Load() <= maxOutstandingBytes/2
}

// over tells whether there are too many.
func (t *throttle) over() bool {
	return t.count.Load() > t.limit.Load() || t.bytes.Load() > maxOutstandingBytes
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

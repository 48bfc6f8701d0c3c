// Package bell wakes a goroutine without waking a thread.
//
//	channel, mutex   who is woken gets ready, and Go's scheduler wakes an idle thread that may run it: it looks around, finds that
//	                 the waker's own thread was quicker, and sleeps again. At low load that costs more than the work.
//	a Bell           who is woken waits like one that waits for a connection: the waker's thread finds it when it has nothing else to do
//
// So a Bell is for who has done nearly all that it has to do. While it goes on, and no other thread is idle, nobody is woken.
package bell

import "sync/atomic"

// Bell may be rung by many, and is awaited by one goroutine. Make it with New.
type Bell struct {
	rung atomic.Bool
	waker
}

// Ring wakes who waits, or lets the next Wait return at once. Rings that nobody has heard yet are one. It never waits.
func (b *Bell) Ring() {
	if !b.rung.Swap(true) {
		b.wake()
	}
}

// Wait waits for a ring. It is false when the bell is closed, and no ring is left.
func (b *Bell) Wait() bool {
	b.await(b.rung.Load)
	return b.rung.Swap(false)
}

// Close lets go who waits. It is idempotent.
func (b *Bell) Close() { b.close() }

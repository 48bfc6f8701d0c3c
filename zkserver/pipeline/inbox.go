package pipeline

import (
	"sync"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Request is one request on its way to the owner of the state. C is what the answer is for (nil: nobody).
type Request[C any] struct {
	From    C
	Session zkproto.SessionID
	Op      zkproto.OpCode
	Xid     int32
	IDs     []zkproto.ID
	Arrived int64 // nanoseconds since 1970
	Extra   any   // for internal requests

	from, to int // where the body is in the batch's arena
}

// Batch is a sequence of requests and the memory of their bodies.
type Batch[C any] struct {
	Requests []Request[C]
	arena    []byte
}

// Add appends a request with a copy of its body.
func (b *Batch[C]) Add(r Request[C], body []byte) {
	r.from = len(b.arena)
	b.arena = append(b.arena, body...)
	r.to = len(b.arena)
	b.Requests = append(b.Requests, r)
}

// Body is the body of the i-th request; valid until the batch is given back.
func (b *Batch[C]) Body(i int) []byte {
	r := &b.Requests[i]
	return b.arena[r.from:r.to:r.to]
}

// Bytes is the size of all bodies.
func (b *Batch[C]) Bytes() int { return len(b.arena) }

// maxArena is the largest arena a returned batch keeps.
const maxArena = 1 << 20

// Inbox carries batches from many goroutines to one. Make it with NewInbox.
type Inbox[C any] struct {
	wake func()
	pool sync.Pool

	mu      sync.Mutex
	batches []*Batch[C]
	closed  bool
}

// NewInbox makes an empty inbox. wake is called after a batch was put; it must not block.
func NewInbox[C any](wake func()) *Inbox[C] {
	return &Inbox[C]{wake: wake, pool: sync.Pool{New: func() any { return new(Batch[C]) }}}
}

// Get returns an empty batch to fill and Put.
func (q *Inbox[C]) Get() *Batch[C] { return q.pool.Get().(*Batch[C]) }

// GiveBack returns a batch when its bodies are no longer used.
func (q *Inbox[C]) GiveBack(b *Batch[C]) {
	clear(b.Requests)
	b.Requests, b.arena = b.Requests[:0], b.arena[:0]
	if cap(b.arena) <= maxArena {
		q.pool.Put(b)
	}
}

// Put hands a batch over. It tells false after Close: nobody will answer.
func (q *Inbox[C]) Put(b *Batch[C]) bool {
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.batches = append(q.batches, b)
	}
	q.mu.Unlock()
	if !closed {
		q.wake()
	}
	return !closed
}

// Take appends the batches that wait to dst and removes them from the inbox.
func (q *Inbox[C]) Take(dst []*Batch[C]) []*Batch[C] {
	q.mu.Lock()
	dst = append(dst, q.batches...)
	clear(q.batches)
	q.batches = q.batches[:0]
	q.mu.Unlock()
	return dst
}

// Idle tells whether no batch waits and a Put would be taken.
func (q *Inbox[C]) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && len(q.batches) == 0
}

// Close refuses further batches.
func (q *Inbox[C]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}

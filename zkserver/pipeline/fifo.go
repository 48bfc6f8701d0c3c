package pipeline

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// Item is a request of a session that is not answered yet.
type Item struct {
	Op      zkproto.OpCode
	Xid     int32
	Write   bool   // travels through the log; otherwise it is a read that waits behind such a one
	Body    []byte // of a read: the record after the header, in memory of its own
	IDs     []zkproto.ID
	Arrived int64 // nanoseconds since 1970
	// Err answers a read with an error, without looking at it: the server has no time for it.
	Err zkproto.Error
}

// FIFO holds a session's unanswered requests in the order of their arrival. Its first item, if any, is a write. The zero
// value is empty. Not safe for concurrent use.
type FIFO struct {
	ring Ring[Item]
}

// Idle tells that nothing is unanswered: a read may be answered at once.
func (f *FIFO) Idle() bool { return f.ring.Len() == 0 }

// Len is the number of unanswered requests.
func (f *FIFO) Len() int { return f.ring.Len() }

// PushWrite adds a write.
func (f *FIFO) PushWrite(it Item) {
	it.Write, it.Body = true, nil
	f.ring.Push(it)
}

// PushRead adds a read that has to wait. Its body is copied. It must not be called while the FIFO is idle.
func (f *FIFO) PushRead(it Item) {
	it.Write, it.Body = false, append([]byte(nil), it.Body...)
	f.ring.Push(it)
}

// PopWrite takes the first write out: it is being answered. ok is false when there is none, which happens only after
// Clear. Then call PopRead until it has no more.
func (f *FIFO) PopWrite() (it Item, ok bool) {
	if front := f.ring.Front(); front == nil || !front.Write {
		return Item{}, false
	}
	return f.ring.Pop()
}

// PopRead takes out the next read that waits for no write any more.
func (f *FIFO) PopRead() (it Item, ok bool) {
	if front := f.ring.Front(); front == nil || front.Write {
		return Item{}, false
	}
	return f.ring.Pop()
}

// Clear forgets everything: the connection is gone.
func (f *FIFO) Clear() { f.ring.Clear() }

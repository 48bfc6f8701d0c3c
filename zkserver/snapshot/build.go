package snapshot

import (
	"bytes"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Batcher is a Loader that can take znodes in two steps, of which the first may run beside the second of earlier ones.
// *tree.Loader is one.
type Batcher interface {
	// Batch begins a batch of at most size znodes. add does what concerns a znode alone; it looks at nothing of the loader
	// that changes, and keeps neither path nor data. link then puts all that were added where they belong, and the batch
	// is empty again. Batches are linked one after the other in the order of the file, each when nothing is added to it any more.
	Batch(size int) (add func(path string, data []byte, acl int64, st *zkproto.StatPersisted), link func() error)
}

const (
	batchSize = 512
	// batchesAhead is how many batches may wait to be linked.
	batchesAhead = 4
)

// builder gives znodes to a content, in batches that are linked on a goroutine of their own if it can take such.
type builder struct {
	to      content
	err     error // of the first failure, without batches
	batches Batcher
	batch       // the current one
	n       int // in it

	links   chan batch
	free    chan batch // linked, to be used again
	linking sync.WaitGroup
	linkErr atomic.Pointer[error]
}

// batch is what Batcher answers.
type batch struct {
	put  func(path string, data []byte, acl int64, st *zkproto.StatPersisted)
	link func() error
}

func newBuilder(to content) *builder {
	b := &builder{to: to, free: make(chan batch, batchesAhead)}
	b.batches, _ = to.(Batcher)
	return b
}

// add takes a znode; path and data are only lent. What went wrong is told by finish.
func (b *builder) add(path, data []byte, acl int64, st *zkproto.StatPersisted) {
	if b.batches == nil {
		b.err = b.to.AddNode(string(path), bytes.Clone(data), acl, *st)
		return
	}
	if b.n == 0 {
		b.begin()
	}
	b.put(unsafe.String(unsafe.SliceData(path), len(path)), data, acl, st) // it keeps nothing
	if b.n++; b.n == batchSize {
		b.pass()
	}
}

// begin makes a batch the current one.
func (b *builder) begin() {
	select {
	case b.batch = <-b.free:
	default:
		b.put, b.link = b.batches.Batch(batchSize)
	}
}

// pass hands the current batch over. The first one that is full starts the goroutine.
func (b *builder) pass() {
	if b.links == nil {
		b.links = make(chan batch, batchesAhead)
		b.linking.Go(func() {
			for next := range b.links {
				if b.linkErr.Load() != nil {
					continue
				}
				if err := next.link(); err != nil {
					b.linkErr.Store(&err)
					continue
				}
				select {
				case b.free <- next:
				default:
				}
			}
		})
	}
	b.links <- b.batch
	b.n, b.batch = 0, batch{}
}

// failed tells whether more is in vain.
func (b *builder) failed() bool { return b.err != nil || b.linkErr.Load() != nil }

// finish waits until all is where it belongs, and answers what went wrong.
func (b *builder) finish() error {
	if b.links != nil {
		close(b.links)
		b.linking.Wait()
		if err := b.linkErr.Load(); err != nil {
			return *err
		}
	}
	if b.n > 0 && b.err == nil { // the last batch
		b.n = 0
		return b.link()
	}
	return b.err
}

package snapshot

import (
	"sync"
	"sync/atomic"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Batcher is a Loader that can take znodes in two steps, of which the first may run beside the second of earlier ones.
// *tree.Loader is one.
type Batcher interface {
	// Batch begins a batch of at most size znodes. add does what concerns a znode alone; it looks at nothing of the loader
	// that changes. link then puts all that were added where they belong. Batches are linked one after the other in the
	// order of the file, each when nothing is added to it any more. A batch must not be used after link.
	Batch(size int) (add func(path string, data []byte, acl int64, st *zkproto.StatPersisted), link func() error)
}

const (
	batchSize = 512
	// batchesAhead is how many batches may wait to be linked.
	batchesAhead = 4
)

// builder gives znodes to a content, in batches that are linked on a goroutine of their own if it can take such.
type builder struct {
	to    content
	err   error // of the first failure, without batches
	batch Batcher
	put   func(path string, data []byte, acl int64, st *zkproto.StatPersisted)
	link  func() error
	n     int // in the current batch

	links   chan func() error
	linking sync.WaitGroup
	linkErr atomic.Pointer[error]
}

func newBuilder(to content) *builder {
	b := &builder{to: to}
	b.batch, _ = to.(Batcher)
	return b
}

// add takes a znode. What went wrong is told by finish.
func (b *builder) add(path string, data []byte, acl int64, st *zkproto.StatPersisted) {
	if b.batch == nil {
		b.err = b.to.AddNode(path, data, acl, *st)
		return
	}
	if b.n == 0 {
		b.put, b.link = b.batch.Batch(batchSize)
	}
	b.put(path, data, acl, st)
	if b.n++; b.n == batchSize {
		b.pass()
	}
}

// pass hands the current batch over. The first one that is full starts the goroutine.
func (b *builder) pass() {
	if b.links == nil {
		b.links = make(chan func() error, batchesAhead)
		b.linking.Go(func() {
			for link := range b.links {
				if b.linkErr.Load() != nil {
					continue
				}
				if err := link(); err != nil {
					b.linkErr.Store(&err)
				}
			}
		})
	}
	b.links <- b.link
	b.n, b.put, b.link = 0, nil, nil
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

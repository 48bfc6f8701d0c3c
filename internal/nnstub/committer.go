package nnstub

import (
	"sync"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
)

const (
	batchEdits = 1024
	batchBytes = 4 << 20
)

// put is one file on its way into the journal.
type put struct {
	path string
	data []byte
	done chan putResult // one result, always
}

type putResult struct {
	epoch, txid uint64
	err         error
}

// committer is the active node's one writer: it takes the puts that have come together, appends them with one fsync,
// applies them and answers. It exists as long as the node is active.
type committer struct {
	node   *Node
	w      *journal.Writer
	queue  chan *put
	stop   chan struct{} // closed: finish the batch under way and no other
	once   sync.Once
	ended  chan struct{} // closed: nothing is written any more
	edits  []journal.Edit
	batch  []*put
	failed error // why the journal refused; read after ended
}

func newCommitter(n *Node, w *journal.Writer) *committer {
	return &committer{node: n, w: w, queue: make(chan *put, batchEdits), stop: make(chan struct{}), ended: make(chan struct{})}
}

// halt ends the committer and waits until nothing is written any more.
func (c *committer) halt() {
	c.once.Do(func() { close(c.stop) })
	<-c.ended
}

func (c *committer) run() {
	defer close(c.ended)
	for {
		select {
		case <-c.stop:
			return
		case p := <-c.queue:
			select {
			case <-c.stop:
				p.done <- putResult{err: errStandby("WRITE", c.node.State())}
				return
			default:
			}
			c.gather(p)
			if err := c.commit(); err != nil {
				c.failed = err
				return
			}
		}
	}
}

// gather makes a batch of p and what else is waiting.
func (c *committer) gather(p *put) {
	c.batch = append(c.batch[:0], p)
	bytes := len(p.data)
	for len(c.batch) < batchEdits && bytes < batchBytes {
		select {
		case p = <-c.queue:
			c.batch = append(c.batch, p)
			bytes += len(p.data)
		default:
			return
		}
	}
}

func (c *committer) commit() error {
	c.edits = c.edits[:0]
	for _, p := range c.batch {
		c.edits = append(c.edits, journal.Edit{Path: p.path, Data: p.data})
	}
	if err := c.w.Append(c.edits); err != nil {
		answer := hadooprpc.NewException(hadooprpc.ClassStandby, c.node.cfg.ID+" is not active any more: "+err.Error())
		for _, p := range c.batch {
			p.done <- putResult{err: answer}
		}
		return err
	}
	c.node.files.applyAll(c.edits)
	for i, p := range c.batch {
		p.done <- putResult{epoch: c.edits[i].Epoch, txid: c.edits[i].Txid}
	}
	return nil
}

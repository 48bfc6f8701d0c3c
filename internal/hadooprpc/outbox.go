package hadooprpc

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	outboxLimit  = 4 << 20          // bytes waiting to be written before senders wait
	writeTimeout = 60 * time.Second // a peer that takes nothing for so long is given up
)

// outbox gathers frames for one connection; one goroutine writes them, as many per system call as have come together.
type outbox struct {
	mu    sync.Mutex
	wake  sync.Cond // signalled when buf gains bytes or err is set
	space sync.Cond // signalled when buf was taken or err is set
	buf   []byte
	err   error
}

func newOutbox() *outbox {
	o := &outbox{}
	o.wake.L, o.space.L = &o.mu, &o.mu
	return o
}

// send queues what fill appends. It waits only while the box is over its limit, and no longer than ctx.
func (o *outbox) send(ctx context.Context, fill func([]byte) ([]byte, error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) > outboxLimit {
		stop := context.AfterFunc(ctx, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.space.Broadcast()
		})
		defer stop()
		for len(o.buf) > outboxLimit && o.err == nil && ctx.Err() == nil {
			o.space.Wait()
		}
	}
	if o.err != nil {
		return o.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := fill(o.buf)
	if err != nil {
		return err
	}
	o.buf = b
	o.wake.Signal()
	return nil
}

// close makes run return after what is queued has been written, and later sends fail with err.
func (o *outbox) close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	o.wake.Signal()
	o.space.Broadcast()
}

// run writes to nc until close or a failed write, whose error it returns.
func (o *outbox) run(nc net.Conn) error {
	var spare []byte
	for {
		o.mu.Lock()
		for len(o.buf) == 0 && o.err == nil {
			o.wake.Wait()
		}
		batch := o.buf
		if len(batch) == 0 {
			o.mu.Unlock()
			return nil
		}
		o.buf = spare[:0]
		o.space.Broadcast()
		o.mu.Unlock()

		if err := nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := nc.Write(batch); err != nil {
			o.close(err)
			return err
		}
		if spare = batch; cap(spare) > outboxLimit {
			spare = nil
		}
	}
}

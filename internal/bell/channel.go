package bell

import "sync"

// channel is the waker of systems without a better one.
type channel struct {
	edge   chan struct{}
	closed chan struct{}
	once   *sync.Once
}

func newChannel() channel {
	return channel{edge: make(chan struct{}, 1), closed: make(chan struct{}), once: new(sync.Once)}
}

func (c *channel) wake() {
	select {
	case c.edge <- struct{}{}:
	default:
	}
}

// await returns when it has rung, or the bell is closed.
func (c *channel) await(rung func() bool) {
	for !rung() {
		select {
		case <-c.edge:
		case <-c.closed:
			return
		}
	}
}

func (c *channel) close() { c.once.Do(func() { close(c.closed) }) }

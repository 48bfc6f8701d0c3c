package cnxn

import (
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The limits of an outbox, in bytes of unsent replies and events.
const (
	// SoftLimit stops the reading of further requests of the connection until half of it is sent.
	SoftLimit = 1 << 20
	// HardLimit closes the connection.
	HardLimit = 64 << 20
	// keepBuffer is the largest buffer an idle connection keeps.
	keepBuffer = 64 << 10
)

// Lock takes the connection's lock, which guards Out and whatever the server keeps about the connection.
func (c *Conn) Lock() { c.mu.Lock() }

// Unlock gives the lock back. Flush afterwards if something was appended to Out.
func (c *Conn) Unlock() { c.mu.Unlock() }

// Dead tells whether the connection is closed or about to be: what is appended to Out would go nowhere. The caller holds
// the lock.
func (c *Conn) Dead() bool { return c.dead || c.closeWhenSent }

// BeginFrame appends the length and reply header of a frame to Out and returns where it began, for EndFrame. The caller
// holds the lock, and appends the body to Out in between.
func (c *Conn) BeginFrame(h zkproto.ReplyHeader) int {
	at := len(c.Out)
	c.Out = h.AppendTo(append(c.Out, 0, 0, 0, 0))
	return at
}

// EndFrame fills in the length of the frame begun at at.
func (c *Conn) EndFrame(at int) {
	binary.BigEndian.PutUint32(c.Out[at:], uint32(len(c.Out)-at-4))
	c.sent.Add(1)
}

// CloseWhenSent closes the connection when everything now in Out has been sent. The caller holds the lock and flushes.
func (c *Conn) CloseWhenSent() { c.closeWhenSent = true }

// CloseAfterClient is CloseWhenSent that leaves it to the client to close first, for a moment: it has said that it would.
// (A client library that sees the end before it has closed takes it for a failure, and logs it.)
func (c *Conn) CloseAfterClient() { c.closeWhenSent, c.clientFirst = true, true }

// Flush sends Out. It never blocks: what the socket does not take at once is left to a goroutine. The caller does not
// hold the lock.
func (c *Conn) Flush() {
	c.mu.Lock()
	if c.sending {
		over := len(c.Out) > HardLimit && !c.dead
		c.mu.Unlock()
		if over {
			c.Close(fmt.Errorf("cnxn: the client does not read: more than %d MiB wait to be sent", HardLimit>>20))
		}
		return // whoever is sending sends this, too
	}
	c.sending = true
	for {
		buf, more := c.take()
		bare := c.bare
		c.mu.Unlock()
		if !more {
			return
		}
		n, all, err := c.tryWrite(bare, buf)
		if err != nil {
			c.sendFailed(err)
			return
		}
		if !all {
			c.port.group.Go(func() { c.sendRest(buf, n) })
			return
		}
		c.mu.Lock()
		c.give(buf)
	}
}

// take makes Out the buffer to send. When there is nothing to send it ends the sending, and the connection if that was
// asked for; the lock is held.
func (c *Conn) take() (buf []byte, more bool) {
	if len(c.Out) == 0 || c.dead {
		c.sending = false
		c.unsent = 0
		if c.closeWhenSent && !c.dead {
			c.endWriting()
		}
		c.roomy.Broadcast()
		return nil, false
	}
	buf, c.Out, c.spare = c.Out, c.spare[:0], nil
	c.unsent = len(buf)
	c.much = c.much || len(buf) > muchAtOnce
	return buf, true
}

// give returns a sent buffer for reuse; the lock is held.
func (c *Conn) give(buf []byte) {
	if cap(buf) <= keepBuffer || len(buf) > cap(buf)/4 && cap(buf) <= SoftLimit {
		c.spare = buf
	}
	c.unsent = 0
	if len(c.Out) < SoftLimit/2 {
		c.roomy.Broadcast()
	}
}

// sendRest waits for the socket to take buf from byte n on, and then goes on until the outbox is empty.
func (c *Conn) sendRest(buf []byte, n int) {
	c.awaitHome()
	for {
		if err := c.writeAll(buf[n:]); err != nil {
			c.sendFailed(err)
			return
		}
		var more bool
		c.mu.Lock()
		c.give(buf)
		buf, more = c.take()
		c.mu.Unlock()
		if !more {
			return
		}
		n = 0
	}
}

func (c *Conn) sendFailed(err error) {
	c.mu.Lock()
	c.sending = false
	c.Out, c.spare = nil, nil
	c.mu.Unlock()
	c.Close(fmt.Errorf("cnxn: send: %w", err))
}

// endWriting tells the client that nothing more comes, and lets the reader wait a moment for the client to close: closing
// at once could make the system throw away replies that the client has not read yet. The lock is held.
func (c *Conn) endWriting() {
	switch c.at {
	case gathered:
		return // the gatherer sends it home, and calls this again
	case watched:
		if !c.sendHome(nil) {
			return
		}
	}
	t, ok := c.nc.(interface{ CloseWrite() error })
	if ok || c.clientFirst {
		if !c.clientFirst {
			if c.leaving.CompareAndSwap(false, true) { // before the client can know: who then asks is not told of this one
				c.port.leaving.Add(1)
			}
			if c.secure != nil {
				c.port.group.Go(func() { _ = t.CloseWrite() }) // a message, for which a client that does not read makes it wait
			} else {
				_ = t.CloseWrite()
			}
		}
		_ = c.nc.SetReadDeadline(c.port.now().Add(lingerTime))
		return
	}
	_ = c.nc.Close()
}

// AwaitRoom blocks while the outbox is over SoftLimit or ready, called with the lock held, answers false: the connection
// is not read meanwhile. Whoever makes ready true calls Wake. It returns when the connection is closed, too.
func (c *Conn) AwaitRoom(ready func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.Out)+c.unsent > SoftLimit {
		for len(c.Out)+c.unsent > SoftLimit/2 && c.sending && !c.dead {
			c.roomy.Wait()
		}
	}
	for !ready() && !c.dead {
		c.roomy.Wait()
	}
}

// Wake lets AwaitRoom look again; the lock is held.
func (c *Conn) Wake() { c.roomy.Broadcast() }

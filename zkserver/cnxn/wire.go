package cnxn

import (
	"sync"

	"github.com/holdfast-ha/holdfast/internal/sock"
)

// wire is the socket below TLS. crypto/tls knows only writes that wait until all is taken, and a connection must be written to by
// whoever has an answer for it, without waiting. So once the handshake is over a write never waits: what the socket does not take
// at once is kept, encrypted, until flush.
type wire struct {
	*sock.Conn
	first []byte // has been read already

	mu       sync.Mutex
	shaken   bool
	flushing bool   // somebody writes what was kept; all that comes meanwhile goes behind it
	kept     []byte // in the order in which it is to be sent
}

// ready ends the time of the handshake.
func (w *wire) ready() {
	w.mu.Lock()
	w.shaken = true
	w.mu.Unlock()
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.first) == 0 {
		return w.Conn.Read(p)
	}
	n := copy(p, w.first)
	w.first = w.first[n:]
	return n, nil
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.shaken {
		return w.Conn.Write(b)
	}
	n := 0
	if !w.flushing && len(w.kept) == 0 {
		var err error
		if n, err = w.TryWrite(b); err != nil {
			return n, err
		}
	}
	w.kept = append(w.kept, b[n:]...)
	return len(b), nil
}

// behind tells whether something is kept.
func (w *wire) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.kept) > 0
}

// flush waits until the socket has taken what was kept. Only who sends for the connection calls it.
func (w *wire) flush() error {
	for {
		w.mu.Lock()
		b := w.kept
		w.kept, w.flushing = nil, len(b) > 0
		w.mu.Unlock()
		if len(b) == 0 {
			return nil
		}
		if _, err := w.Conn.Write(b); err != nil {
			return err // nothing is sent any more: the stream has a hole
		}
	}
}

// atOnce is how much is encrypted in one go, by whoever has the answer. More is left to a goroutine.
const atOnce = 64 << 10

// tryWrite sends what can be sent without waiting, by bare if there is one. all is false if writeAll has to go on.
func (c *Conn) tryWrite(bare *sock.Bare, buf []byte) (n int, all bool, err error) {
	switch {
	case bare != nil:
		n, err = bare.TryWrite(buf)
		return n, n == len(buf), err
	case c.secure == nil:
		n, err = c.sock.TryWrite(buf)
		return n, n == len(buf), err
	case len(buf) > atOnce:
		return 0, false, nil
	default:
		n, err = c.secure.Write(buf)
		return n, !c.wire.behind(), err
	}
}

// writeAll waits until the socket has taken everything.
func (c *Conn) writeAll(buf []byte) error {
	if c.secure == nil {
		_, err := c.nc.Write(buf)
		return err
	}
	for {
		if err := c.wire.flush(); err != nil || len(buf) == 0 {
			return err
		}
		n, err := c.secure.Write(buf[:min(len(buf), atOnce)])
		if err != nil {
			return err
		}
		buf = buf[n:]
	}
}

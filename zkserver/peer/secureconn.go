package peer

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/sock"
)

// securePiece is how much is encrypted before it is written: four records.
const securePiece = 64 << 10

// errUnsent is of a TryWrite that has taken everything, and of which a part is still to be sent: by any Write, be it of nothing.
var errUnsent = errors.New("not all sent yet")

// output is how packets leave.
type output interface {
	// Write waits until everything is sent, or for the deadline.
	io.Writer
	// TryWrite sends what the socket takes at once. It never waits.
	TryWrite(b []byte) (int, error)
}

// secureConn is a connection with TLS.
//
//	Write, TryWrite, alerts --> tls.Conn --> wire.unsent --> send, trySend --> socket
//
// Behind the handshake, TLS itself never waits for the socket: its records are gathered in wire.unsent. So several go out with
// one system call; TryWrite is possible; and neither Close nor CloseWrite, which have something to say, waits for a peer that does
// not listen.
type secureConn struct {
	*tls.Conn
	wire *wire
}

// wire is the connection as TLS sees it.
type wire struct {
	*sock.Conn
	head []byte // was read before

	mu      sync.Mutex
	gather  bool // the handshake is over
	sending bool
	unsent  []byte
	spare   []byte // room for unsent, while another is being sent
}

// newSecure is before the handshake; ready follows it.
func newSecure(c net.Conn, head []byte, with func(net.Conn) *tls.Conn) *secureConn {
	w := &wire{Conn: sock.New(c), head: head}
	return &secureConn{with(w), w}
}

func (s *secureConn) ready() {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.wire.gather = true
}

// Read implements net.Conn. Servers that die do not say so: where the connection ends is seen from what came by it.
func (s *secureConn) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (s *secureConn) Write(b []byte) (n int, err error) {
	if err := s.wire.send(); err != nil {
		return 0, err
	}
	for n < len(b) {
		took, err := s.Conn.Write(b[n:min(len(b), n+securePiece)])
		if n += took; err != nil {
			return n, err
		}
		if err := s.wire.send(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// TryWrite implements output.
func (s *secureConn) TryWrite(b []byte) (int, error) {
	if sent, err := s.wire.trySend(); !sent || err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	if err != nil {
		return n, err
	}
	sent, err := s.wire.trySend()
	if !sent && err == nil {
		err = errUnsent
	}
	return n, err
}

// CloseWrite says that nothing more comes.
func (s *secureConn) CloseWrite() error {
	err := s.Conn.CloseWrite()
	_, _ = s.wire.trySend()
	return err
}

// Close implements net.Conn.
func (s *secureConn) Close() error {
	_ = s.CloseWrite()
	return s.wire.Close()
}

// SetDeadline implements net.Conn.
func (s *secureConn) SetDeadline(t time.Time) error { return s.wire.Conn.SetDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (s *secureConn) SetWriteDeadline(t time.Time) error { return s.wire.Conn.SetWriteDeadline(t) }

// SetDeadline and SetWriteDeadline are what TLS would bound its last words by.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetWriteDeadline see SetDeadline.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if len(w.head) > 0 {
		n := copy(b, w.head)
		w.head = w.head[n:]
		return n, nil
	}
	return w.Conn.Read(b)
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	if !w.gather {
		w.mu.Unlock()
		return w.Conn.Write(b)
	}
	defer w.mu.Unlock()
	w.unsent = append(w.unsent, b...)
	return len(b), nil
}

// send sends what is gathered. It waits, without the lock.
func (w *wire) send() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.unsent) > 0 {
		b := w.unsent
		w.unsent, w.sending = w.spare[:0], true
		w.spare = nil
		w.mu.Unlock()
		_, err := w.Conn.Write(b)
		w.mu.Lock()
		w.sending = false
		if cap(b) <= 2*securePiece {
			w.spare = b[:0]
		}
		if err != nil {
			return err // a part may be gone: nothing can follow it
		}
	}
	return nil
}

// trySend sends what is gathered, as far as the socket takes it at once, and tells whether all is sent.
func (w *wire) trySend() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sending {
		return false, nil
	}
	if len(w.unsent) == 0 {
		return true, nil
	}
	n, err := w.TryWrite(w.unsent)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = 0, nil // of a write that was waited for, long ago
	}
	if err != nil {
		return false, err
	}
	w.unsent = w.unsent[:copy(w.unsent, w.unsent[n:])]
	return len(w.unsent) == 0, nil
}

// tcpOf is the TCP connection of a connection; nil if it has none.
func tcpOf(c net.Conn) *net.TCPConn {
	if s, ok := c.(*secureConn); ok {
		c = s.wire.Conn.Conn
	}
	t, _ := c.(*net.TCPConn)
	return t
}

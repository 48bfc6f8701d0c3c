//go:build unix

package cnxn

import (
	"errors"
	"io"
	"syscall"
)

// sock reads and writes through the connection's file descriptor. It is empty for a connection that has none.
type sock struct {
	in, out half
}

// half is one direction. Only one goroutine at a time uses it.
type half struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool // made once, so that a call allocates nothing
	buf  []byte
	n    int
	err  error
}

func (s *sock) init(raw syscall.RawConn) {
	s.in.raw, s.out.raw = raw, raw
	s.in.call = func(fd uintptr) bool {
		s.in.n, s.in.err = rawRead(fd, s.in.buf)
		return !errors.Is(s.in.err, syscall.EAGAIN) // else wait and call again
	}
	s.out.call = func(fd uintptr) bool {
		s.out.n, s.out.err = rawWrite(fd, s.out.buf)
		return true
	}
}

// readSome is Read of the connection: it waits for bytes, or for the deadline.
func (c *Conn) readSome(b []byte) (int, error) {
	h := &c.sock.in
	if h.raw == nil || len(b) == 0 {
		return c.nc.Read(b)
	}
	h.buf = b
	err := h.raw.Read(h.call)
	h.buf = nil
	switch {
	case err != nil:
		return 0, err
	case h.err != nil:
		return 0, h.err
	case h.n == 0:
		return 0, io.EOF
	default:
		return h.n, nil
	}
}

// tryWrite writes what the socket takes at once. Only one goroutine at a time calls it: the one that set sending.
func (c *Conn) tryWrite(b []byte) (int, error) {
	h := &c.sock.out
	if h.raw == nil {
		return 0, nil
	}
	h.buf = b
	err := h.raw.Write(h.call)
	h.buf = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(h.err, syscall.EAGAIN):
		return 0, nil
	default:
		return h.n, h.err
	}
}

//go:build unix

package sock

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// halves are the two directions of a connection; empty for one without a file descriptor.
type halves struct {
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

func (h *halves) init(nc net.Conn) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	h.in.raw, h.out.raw = raw, raw
	h.in.call = func(fd uintptr) bool {
		h.in.n, h.in.err = rawRead(fd, h.in.buf)
		return !errors.Is(h.in.err, syscall.EAGAIN) // else wait and call again
	}
	h.out.call = func(fd uintptr) bool {
		h.out.n, h.out.err = rawWrite(fd, h.out.buf)
		return true
	}
}

// Read implements io.Reader: it waits for bytes, or for the deadline.
func (c *Conn) Read(b []byte) (int, error) {
	h := &c.in
	if h.raw == nil || len(b) == 0 {
		return c.Conn.Read(b)
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

// TryWrite writes what the socket takes at once, which may be nothing. It must not run beside another write.
func (c *Conn) TryWrite(b []byte) (int, error) {
	h := &c.out
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

// Write implements io.Writer: it waits until all is taken, or for the deadline.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.TryWrite(b)
	if err != nil || n == len(b) {
		return n, err
	}
	rest, err := c.Conn.Write(b[n:])
	return n + rest, err
}

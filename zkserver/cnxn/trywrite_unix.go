//go:build unix

package cnxn

import (
	"errors"
	"syscall"
)

// writer sends without blocking, through the connection's file descriptor.
type writer struct {
	raw  syscall.RawConn
	call func(fd uintptr) bool // made once, so that a write allocates nothing
	buf  []byte
	n    int
	err  error
}

func (w *writer) init(raw syscall.RawConn) {
	w.raw = raw
	w.call = func(fd uintptr) bool {
		for {
			w.n, w.err = syscall.Write(int(fd), w.buf)
			if !errors.Is(w.err, syscall.EINTR) {
				return true
			}
		}
	}
}

// tryWrite writes what the socket takes at once. Only one goroutine at a time calls it: the one that set sending.
func (c *Conn) tryWrite(b []byte) (int, error) {
	w := &c.writer
	if w.raw == nil {
		return 0, nil
	}
	w.buf = b
	err := w.raw.Write(w.call)
	w.buf = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(w.err, syscall.EAGAIN):
		return 0, nil
	case w.err != nil:
		return 0, w.err
	default:
		return w.n, nil
	}
}

//go:build linux && (amd64 || arm64)

package sock

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bare is a socket that Go's poller does not watch: when bytes come nobody wakes up but who waits for a Set. Make it with Detach. One
// goroutine may read, another one write, and any may close it.
type Bare struct{ descriptor }

// Detach takes the socket out of nc, which is closed; the connection stays. After an error nc is as it was. Only TCP connections can be
// taken out, of others it is errors.ErrUnsupported.
func Detach(nc net.Conn) (*Bare, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &Bare{}
	var dup error
	if err := raw.Control(func(fd uintptr) { b.fd, dup = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return nil, err
	}
	if dup != nil {
		return nil, os.NewSyscallError("fcntl", dup)
	}
	b.open()
	_ = nc.Close() // its own descriptor, which takes it out of the poller
	return b, nil
}

// Attach makes a connection of b that Go's poller watches, and closes b. After an error b is as it was.
func (b *Bare) Attach() (net.Conn, error) {
	if !b.use() {
		return nil, net.ErrClosed
	}
	alive, err := unix.GetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	fd := -1
	if err == nil {
		fd, err = unix.FcntlInt(uintptr(b.fd), unix.F_DUPFD_CLOEXEC, 0)
	}
	b.done()
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close() //nolint:errcheck // the connection has one of its own
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok && alive == 0 {
		_ = tcp.SetKeepAlive(false) // package net has set it
	}
	b.Close()
	return nc, nil
}

// TryRead reads what has come: nothing, without an error, if nothing has. io.EOF is the end.
func (b *Bare) TryRead(p []byte) (int, error) {
	if !b.use() {
		return 0, net.ErrClosed
	}
	defer b.done()
	n, err := rawRead(uintptr(b.fd), p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

// TryWrite writes what the socket takes at once, which may be nothing. It must not run beside another write.
func (b *Bare) TryWrite(p []byte) (int, error) {
	if !b.use() {
		return 0, net.ErrClosed
	}
	defer b.done()
	n, err := rawWrite(uintptr(b.fd), p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("write", err)
	default:
		return n, nil
	}
}

// descriptor is a file descriptor that is given back when it is closed and the last call on it has ended: its number must not become
// another file's in the middle of one.
type descriptor struct {
	fd   int
	uses atomic.Int64 // calls under way, and one until it is closed
	shut atomic.Bool
}

func (d *descriptor) open() { d.uses.Store(1) }

// use begins a call, which done ends. It is false when the descriptor is closed.
func (d *descriptor) use() bool {
	for {
		n := d.uses.Load()
		if n == 0 || d.shut.Load() {
			return false
		}
		if d.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *descriptor) done() {
	if d.uses.Add(-1) == 0 {
		_ = unix.Close(d.fd)
	}
}

// Close closes it. It is idempotent, and does not wait.
func (d *descriptor) Close() {
	if !d.shut.Swap(true) {
		d.done()
	}
}

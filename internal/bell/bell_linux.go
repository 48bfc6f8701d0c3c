package bell

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waker is an eventfd that Go's poller watches. Nobody reads it: each write is an edge, which wakes who waits. Where there is none it is a
// channel.
type waker struct {
	file    *os.File
	raw     syscall.RawConn
	write   func(fd uintptr)      // made once, as the next, so that a call allocates nothing
	heard   func(fd uintptr) bool // false: wait for an edge
	channel channel
}

// New makes a bell. Close it.
func New() *Bell {
	b := &Bell{}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err == nil {
		b.file = os.NewFile(uintptr(fd), "eventfd")
		if err = b.file.SetReadDeadline(time.Time{}); err == nil { // os.ErrNoDeadline: the poller does not take it
			b.raw, err = b.file.SyscallConn()
		}
		if err != nil {
			_ = b.file.Close()
		}
	}
	if err != nil {
		b.init(newChannel())
		return b
	}
	one := binary.NativeEndian.AppendUint64(nil, 1)
	b.write = func(fd uintptr) { // it cannot fail: the sum of all rings is far from what an eventfd holds
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(one))), uintptr(len(one)))
	}
	b.heard = func(uintptr) bool { return b.rung.Load() }
	return b
}

// init makes it use a channel.
func (w *waker) init(c channel) { w.raw, w.channel = nil, c }

func (w *waker) wake() {
	if w.raw == nil {
		w.channel.wake()
		return
	}
	_ = w.raw.Control(w.write) // or the bell is closed
}

func (w *waker) await(rung func() bool) {
	if w.raw == nil {
		w.channel.await(rung)
		return
	}
	// The poller forgets older edges before it asks for the first time whether to wait: what rings later is one that counts.
	_ = w.raw.Read(w.heard)
}

func (w *waker) close() {
	if w.raw == nil {
		w.channel.close()
		return
	}
	_ = w.file.Close()
}

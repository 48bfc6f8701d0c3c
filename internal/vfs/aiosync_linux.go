//go:build linux && (amd64 || arm64)

package vfs

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// A sync by the kernel's own threads (io_submit with IOCB_CMD_FDSYNC, Linux 4.18 and newer). The goroutine that waits for it is
// parked like one that waits for a connection. It keeps no thread and none of Go's processors, however long the disk takes: a sync
// that keeps a processor holds up the garbage collector, and with it the whole process.

// iocb is struct iocb of linux/aio_abi.h, little endian; what a sync does not need has no name.
type iocb struct {
	_      uint64 // data
	_      uint32 // key
	_      uint32 // flags of a read or write
	opcode uint16
	_      int16 // priority
	fd     uint32
	_      [4]uint64 // buffer, bytes, offset, reserved
	flags  uint32
	resFD  uint32
}

// ioEvent is struct io_event.
type ioEvent struct {
	_   [2]uint64 // data, iocb
	res int64
	_   int64
}

const (
	opFDSync  = 3 // IOCB_CMD_FDSYNC
	flagResFD = 1 // IOCB_FLAG_RESFD
)

// aio syncs one file at a time.
type aio struct {
	ctx   uintptr
	done  *os.File // an eventfd
	raw   syscall.RawConn
	wait  func(fd uintptr) bool // made once, so that a call allocates nothing
	block iocb
	list  [1]*iocb
	event ioEvent
	count [8]byte
	err   syscall.Errno
}

// idleAIO keeps a few that nobody uses; aioRefused is set when the system has none, or does not allow it.
var (
	idleAIO    = make(chan *aio, 8)
	aioRefused atomic.Bool
)

// errNoAIO tells that nothing has happened: the file is to be synced in another way.
var errNoAIO = errors.New("asynchronous sync is not available")

// aioSync is fdatasync without a thread that waits, or errNoAIO.
func aioSync(fd uintptr) error {
	if aioRefused.Load() {
		return errNoAIO
	}
	a, err := takeAIO()
	if err != nil {
		return errNoAIO
	}
	errno, submitted := a.sync(fd)
	if submitted && a.err != 0 {
		a.free() // what is under way by it is not known: nobody else may use it
		return a.err
	}
	select {
	case idleAIO <- a:
	default:
		a.free()
	}
	switch {
	case submitted && errno == 0:
		return nil
	case submitted:
		return errno
	case refused(errno):
		aioRefused.Store(true)
	}
	return errNoAIO
}

// refused tells whether there is no use in asking again.
func refused(errno syscall.Errno) bool {
	return errno == syscall.ENOSYS || errno == syscall.EPERM || errno == syscall.EACCES || errno == syscall.EINVAL
}

func takeAIO() (*aio, error) {
	select {
	case a := <-idleAIO:
		return a, nil
	default:
	}
	a := &aio{}
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return nil, errno
	}
	a.done = os.NewFile(fd, "eventfd")
	raw, err := a.done.SyscallConn()
	if err == nil {
		if _, _, errno = syscall.Syscall(syscall.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&a.ctx)), 0); errno != 0 {
			aioRefused.Store(refused(errno))
			err = errno
		}
	}
	if err != nil {
		_ = a.done.Close()
		return nil, err
	}
	a.raw = raw
	a.wait = func(fd uintptr) bool {
		for a.err = syscall.EINTR; a.err == syscall.EINTR; {
			_, _, a.err = syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&a.count)), uintptr(len(a.count)))
		}
		return a.err != syscall.EAGAIN // else it is parked until there is something
	}
	return a, nil
}

// sync submits a sync and waits until it is done. Not submitted means that nothing has happened.
func (a *aio) sync(fd uintptr) (errno syscall.Errno, submitted bool) {
	a.block = iocb{opcode: opFDSync, fd: uint32(fd), flags: flagResFD, resFD: uint32(a.fd())}
	a.list[0], a.err = &a.block, 0
	n, _, errno := syscall.RawSyscall(syscall.SYS_IO_SUBMIT, a.ctx, 1, uintptr(unsafe.Pointer(&a.list)))
	if errno != 0 || n != 1 {
		return errno, false
	}
	if err := a.raw.Read(a.wait); err != nil || a.err != 0 {
		a.err = syscall.EIO
		return a.err, true
	}
	for {
		n, _, errno = syscall.RawSyscall6(syscall.SYS_IO_GETEVENTS, a.ctx, 1, 1, uintptr(unsafe.Pointer(&a.event)), 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno != 0 || n != 1:
			a.err = syscall.EIO
			return a.err, true
		case a.event.res < 0:
			return syscall.Errno(-a.event.res), true
		default:
			runtime.KeepAlive(a)
			return 0, true
		}
	}
}

// fd is the eventfd's number; it is open as long as a is.
func (a *aio) fd() (fd uintptr) {
	_ = a.raw.Control(func(f uintptr) { fd = f })
	return fd
}

func (a *aio) free() {
	_, _, _ = syscall.Syscall(syscall.SYS_IO_DESTROY, a.ctx, 0, 0)
	_ = a.done.Close()
}

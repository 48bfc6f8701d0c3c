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

// aio syncs one file at a time. Its eventfd is never read: each sync that ends is an edge for the poller, which wakes who waits, and
// what has become of it is asked by io_getevents.
type aio struct {
	ctx   uintptr
	ended *os.File // the eventfd
	raw   syscall.RawConn
	turn  func(fd uintptr) bool // made once, so that a call allocates nothing
	block iocb
	list  [1]*iocb
	event ioEvent

	submitted bool
	errno     syscall.Errno // why it is not, or why it cannot be known what has become of it
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
	if submitted && a.errno != 0 {
		a.free() // what is under way by it is not known: nobody else may use it
		return a.errno
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
	a.ended = os.NewFile(fd, "eventfd")
	raw, err := a.ended.SyscallConn()
	if err == nil {
		if _, _, errno = syscall.Syscall(syscall.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&a.ctx)), 0); errno != 0 {
			aioRefused.Store(refused(errno))
			err = errno
		}
	}
	if err != nil {
		_ = a.ended.Close()
		return nil, err
	}
	a.raw, a.turn = raw, func(uintptr) bool {
		if !a.submitted {
			return !a.submit()
		}
		return a.reap()
	}
	return a, nil
}

// sync submits a sync and waits until it is done. Not submitted means that nothing has happened.
func (a *aio) sync(fd uintptr) (errno syscall.Errno, submitted bool) {
	a.block = iocb{opcode: opFDSync, fd: uint32(fd), flags: flagResFD, resFD: uint32(a.fd())}
	a.list[0], a.submitted, a.errno = &a.block, false, 0
	// The poller forgets older edges before the first turn, so it is within this that the sync begins.
	if err := a.raw.Read(a.turn); err != nil {
		a.errno = syscall.EIO
	}
	runtime.KeepAlive(a)
	if a.errno != 0 || !a.submitted {
		return a.errno, a.submitted
	}
	return syscall.Errno(-a.event.res), true
}

// submit tells whether there is something to wait for.
func (a *aio) submit() bool {
	a.errno = a.begin()
	a.submitted = a.errno == 0
	return a.submitted
}

func (a *aio) begin() syscall.Errno {
	n, _, errno := syscall.RawSyscall(syscall.SYS_IO_SUBMIT, a.ctx, 1, uintptr(unsafe.Pointer(&a.list)))
	if errno == 0 && n != 1 {
		return syscall.EAGAIN
	}
	return errno
}

// reap tells whether the sync has ended.
func (a *aio) reap() bool {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_IO_GETEVENTS, a.ctx, 0, 1, uintptr(unsafe.Pointer(&a.event)), 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		a.errno = errno
		return errno != 0 || n == 1
	}
}

// fd is the eventfd's number; it is open as long as a is.
func (a *aio) fd() (fd uintptr) {
	_ = a.raw.Control(func(f uintptr) { fd = f })
	return fd
}

func (a *aio) free() {
	_, _, _ = syscall.Syscall(syscall.SYS_IO_DESTROY, a.ctx, 0, 0)
	_ = a.ended.Close()
}

//go:build linux && (amd64 || arm64) && !race

package sock

import (
	"syscall"
	"unsafe"
)

// The socket does not block, so these calls take no longer than a copy. They are made without telling Go's scheduler: told of
// a system call after a quiet moment it wakes its monitor, which then looks every few microseconds whether the call takes
// long. That cost as much as the call, for each request of a server with little to do.

func rawRead(fd uintptr, b []byte) (int, error) { return raw(syscall.SYS_READ, fd, b) }

func rawWrite(fd uintptr, b []byte) (int, error) { return raw(syscall.SYS_WRITE, fd, b) }

func raw(call, fd uintptr, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

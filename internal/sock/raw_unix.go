//go:build unix && (race || !(linux && (amd64 || arm64)))

package sock

import "syscall"

// The race detector takes it that what was written before a byte was sent is seen by who has received it. It learns of the
// sending and receiving from these calls.

func rawRead(fd uintptr, b []byte) (int, error) { return again(syscall.Read, fd, b) }

func rawWrite(fd uintptr, b []byte) (int, error) { return again(syscall.Write, fd, b) }

func again(call func(fd int, b []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		if n, err := call(int(fd), b); err != syscall.EINTR { //nolint:errorlint // an errno, bare
			return max(n, 0), err // -1 beside an error
		}
	}
}

//go:build unix && !(linux && (amd64 || arm64))

package cnxn

import "syscall"

func rawRead(fd uintptr, b []byte) (int, error) { return again(syscall.Read, fd, b) }

func rawWrite(fd uintptr, b []byte) (int, error) { return again(syscall.Write, fd, b) }

func again(call func(fd int, b []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		if n, err := call(int(fd), b); err != syscall.EINTR { //nolint:errorlint // an errno, bare
			return n, err
		}
	}
}

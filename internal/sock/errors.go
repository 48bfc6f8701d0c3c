package sock

import (
	"errors"
	"syscall"
)

// Windows gives failures of sockets numbers of its own (WSAECONNREFUSED), which package syscall's names for Unix (ECONNREFUSED)
// do not match there. These functions know both.

// AddressInUse tells whether another socket has the address to listen at.
func AddressInUse(err error) bool { return is(err, syscall.EADDRINUSE) }

// Refused tells whether nobody listens at the address.
func Refused(err error) bool { return is(err, syscall.ECONNREFUSED) }

// Reset tells whether the other side ended the connection without saying goodbye.
func Reset(err error) bool { return is(err, syscall.ECONNRESET) }

// TimedOut tells whether the system gave an attempt to connect up, after a time of its own.
func TimedOut(err error) bool { return is(err, syscall.ETIMEDOUT) }

// Unreachable tells whether the network says that there is no way to the host.
func Unreachable(err error) bool {
	return is(err, syscall.EHOSTUNREACH) || is(err, syscall.ENETUNREACH)
}

// Forbidden tells whether the system keeps the port from who asks: a low one on Unix, a reserved one on Windows.
func Forbidden(err error) bool { return is(err, syscall.EACCES) }

func is(err error, unix syscall.Errno) bool {
	return errors.Is(err, unix) || errors.Is(err, native(unix))
}

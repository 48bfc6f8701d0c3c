package sock

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var winsock = map[syscall.Errno]syscall.Errno{
	syscall.EACCES:       windows.WSAEACCES,
	syscall.EADDRINUSE:   windows.WSAEADDRINUSE,
	syscall.ECONNREFUSED: windows.WSAECONNREFUSED,
	syscall.ECONNRESET:   windows.WSAECONNRESET,
	syscall.EHOSTUNREACH: windows.WSAEHOSTUNREACH,
	syscall.ENETUNREACH:  windows.WSAENETUNREACH,
	syscall.ETIMEDOUT:    windows.WSAETIMEDOUT,
}

// native is the number that this system's sockets fail with where Unix has the given one.
func native(unix syscall.Errno) syscall.Errno { return winsock[unix] }

package peer

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7): how long what was sent may stay unacknowledged.
const tcpUserTimeout = 18

// tcpNotsentLowat is TCP_NOTSENT_LOWAT of tcp(7): how much may wait in the system that was not sent yet.
const tcpNotsentLowat = 25

// setUnsent bounds what waits in the system; 0 is its own bound, some megabytes. Once these are full, a write on a slow line may
// wait for minutes until much of it is gone: it would look stalled.
func setUnsent(c *net.TCPConn, bytes int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, bytes)
	})
}

// setUnacked makes the system end a connection when what was sent is not acknowledged for so long: a cut cable is noticed
// then, not after the quarter of an hour that the system usually takes.
func setUnacked(c *net.TCPConn, d time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
	})
}

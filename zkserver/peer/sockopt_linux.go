package peer

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7): how long what was sent may stay unacknowledged.
const tcpUserTimeout = 18

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

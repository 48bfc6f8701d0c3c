//go:build !unix

package sock

import "net"

// halves is empty where sockets cannot be used without blocking in this way.
type halves struct{}

func (*halves) init(net.Conn) {}

// TryWrite writes what the socket takes at once: here nothing.
func (*Conn) TryWrite([]byte) (int, error) { return 0, nil }

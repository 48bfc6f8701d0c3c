//go:build !unix

package cnxn

import "syscall"

// writer is empty where sockets cannot be written to without blocking in this way.
type writer struct{}

func (*writer) init(syscall.RawConn) {}

// tryWrite writes nothing: a goroutine does.
func (c *Conn) tryWrite([]byte) (int, error) { return 0, nil }

//go:build !unix

package cnxn

import "syscall"

// sock is empty where sockets cannot be written to without blocking in this way.
type sock struct{}

func (*sock) init(syscall.RawConn) {}

func (c *Conn) readSome(b []byte) (int, error) { return c.nc.Read(b) }

// tryWrite writes nothing: a goroutine does.
func (c *Conn) tryWrite([]byte) (int, error) { return 0, nil }

//go:build !windows

package sock

import "syscall"

// native is the number that this system's sockets fail with.
func native(unix syscall.Errno) syscall.Errno { return unix }

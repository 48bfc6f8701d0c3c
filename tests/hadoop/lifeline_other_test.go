//go:build hadoop && unix && !linux

package hadoop

import "syscall"

// lifeline keeps a terminal's signals away from a process. Those that are left over when the test process is killed have to be
// ended by hand.
func lifeline() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

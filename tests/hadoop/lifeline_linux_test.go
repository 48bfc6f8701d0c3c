//go:build hadoop

package hadoop

import "syscall"

// lifeline ends a process together with the test process, even when that is killed.
func lifeline() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

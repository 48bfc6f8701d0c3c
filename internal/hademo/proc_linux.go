package hademo

import (
	"os/exec"
	"syscall"
)

// isolate puts the child into a process group of its own, so that Ctrl-C reaches hademo alone, and has the kernel kill it
// when hademo dies in whatever way.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

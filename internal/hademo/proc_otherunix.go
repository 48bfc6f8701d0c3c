//go:build unix && !linux

package hademo

import (
	"os/exec"
	"syscall"
)

// isolate puts the child into a process group of its own, so that Ctrl-C reaches hademo alone.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

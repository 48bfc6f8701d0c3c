package hademo

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// canSuspend: Windows has no signal that stops a process; the act hangs the NameNode from within instead.
const canSuspend = false

// isolate puts the child into a process group of its own, so that Ctrl-C reaches hademo alone.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminate: there is no request to end that a console program of another group would get, so it is killed.
func terminate(p *os.Process) error { return p.Kill() }
func suspend(*os.Process) error     { return errors.ErrUnsupported }
func resume(*os.Process) error      { return errors.ErrUnsupported }

// fenceCommand kills the NameNode named by the fencing environment, by its pid file.
func fenceCommand(dir string) string {
	return `set /p pid=<"` + dir + `\%target_namenodeid%.pid" & call taskkill /F /PID %^pid% & exit /b 0`
}

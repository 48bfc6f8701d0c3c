package hademo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// isolate puts the child into a process group of its own, so that Ctrl-C reaches hademo alone.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminate kills: a request to end (Ctrl-Break) reaches another process only on the same console, and there may be none.
func terminate(p *os.Process) error { return p.Kill() }

// Windows has no signals that stop and continue a process, but two calls that do so with all of its threads. Debuggers use them.
func suspend(p *os.Process) error { return toThreads(p, "NtSuspendProcess") }
func resume(p *os.Process) error  { return toThreads(p, "NtResumeProcess") }

func toThreads(p *os.Process, call string) error {
	const suspendResume = 0x0800 // PROCESS_SUSPEND_RESUME
	h, err := windows.OpenProcess(suspendResume, false, uint32(p.Pid))
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	proc := windows.NewLazySystemDLL("ntdll.dll").NewProc(call)
	if err := proc.Find(); err != nil {
		return err
	}
	if status, _, _ := proc.Call(uintptr(h)); status != 0 {
		return fmt.Errorf("%s: %w", call, windows.NTStatus(status))
	}
	return nil
}

// fenceCommand kills the NameNode named by the fencing environment, by its pid file.
func fenceCommand(dir string) string {
	return `set /p pid=<"` + filepath.FromSlash(dir) + `\%target_namenodeid%.pid" & call taskkill /F /PID %^pid% & exit /b 0`
}

//go:build unix

package zkserver

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// reloadSignal delivers SIGHUP.
func reloadSignal() (signals <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGHUP)
	return ch, func() { signal.Stop(ch) }
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// canDetach tells whether programs can be started in the background here.
const canDetach = true

// detach lets the command go on when this program and its terminal are gone.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// alive tells whether there is a process.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }

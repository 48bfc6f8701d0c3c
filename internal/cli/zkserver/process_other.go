//go:build !unix

package zkserver

import (
	"errors"
	"os"
	"os/exec"

	"golang.org/x/term"
)

// reloadSignal delivers nothing: there is no signal for it here.
func reloadSignal() (signals <-chan os.Signal, stop func()) { return nil, func() {} }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// canDetach is false: on this system a service manager runs start-foreground.
const canDetach = false

func detach(*exec.Cmd) {}

func alive(int) bool { return false }

func terminate(int) error { return errors.ErrUnsupported }

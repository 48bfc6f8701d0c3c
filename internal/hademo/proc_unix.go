//go:build unix

package hademo

import (
	"os"
	"syscall"
)

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
func suspend(p *os.Process) error   { return p.Signal(syscall.SIGSTOP) }
func resume(p *os.Process) error    { return p.Signal(syscall.SIGCONT) }

// fenceCommand kills the NameNode named by the fencing environment, by its pid file, and waits until it is gone. Only shell
// built-ins unless it has to wait, so that fencing a dead process costs the start of one shell.
func fenceCommand(dir string) string {
	return `read -r pid < "` + dir + `/$target_namenodeid.pid"; kill -9 "$pid" 2>/dev/null || true; while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done`
}

//go:build unix

package zkfc

import (
	"os"
	"syscall"
)

// restartSignals tell that zkfc is about to be started again (systemd: RestartKillSignal=SIGUSR1).
var restartSignals = []os.Signal{syscall.SIGUSR1}

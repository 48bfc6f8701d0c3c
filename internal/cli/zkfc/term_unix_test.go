//go:build unix

package zkfc

import (
	"bytes"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
)

// trigger does something when a word has been written.
type trigger struct {
	bytes.Buffer
	word string
	once sync.Once
	do   func()
}

func (w *trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.word) {
		w.once.Do(w.do)
	}
	return w.Buffer.Write(p)
}

func TestTerminatedControllerExitsAsJavaDoes(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	errs := &trigger{word: "zookeeper is not reachable", do: func() { require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM)) }}
	code := Main(ctx, []string{"-conf", site(t, "dfs.ha.fencing.methods=shell(/bin/true)"), "-id", "nn1"},
		cli.Streams{In: strings.NewReader(""), Err: errs})
	require.Equal(t, exitTerminated, code)
	require.Contains(t, errs.String(), "DFSZKFailoverController: SHUTDOWN_MSG: Shutting down zkfc")
}

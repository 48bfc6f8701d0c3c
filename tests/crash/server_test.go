package crash

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

// process is a zkserver.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  bytes.Buffer  // its standard error
	out  chan struct{} // closed when its standard output has ended
}

var serving = regexp.MustCompile(`serving clients on ([^ ]+:\d+)`)

// startServer starts a server and waits until it says that it serves.
func startServer(t *testing.T, conf string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(self), out: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), serverVar+"="+conf)
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { p.end() })
	line := make(chan string, 1)
	go func() {
		defer close(p.out)
		r := bufio.NewReader(out)
		text, _ := r.ReadString('\n')
		line <- text
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case text := <-line:
		m := serving.FindStringSubmatch(text)
		if m == nil {
			p.end()
			require.FailNow(t, "the server does not serve", "it said %q and logged\n%s", text, p.log.String())
		}
		p.addr = m[1]
	case <-time.After(20 * time.Second):
		p.end()
		require.FailNow(t, "the server does not serve", p.log.String())
	}
	return p
}

// end kills the process, if it still runs, and reaps it.
func (p *process) end() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.out
	_ = p.cmd.Wait()
}

// kill is kill -9.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill(), "the server was gone before it was killed:\n%s", &p.log)
	<-p.out
	_ = p.cmd.Wait() // tells that it was killed
}

// stop ends the server as an operator does, where the system knows how, and checks that it obeys.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.end() // Windows has no signals
		return
	}
	<-p.out
	require.NoError(t, p.cmd.Wait(), "%s", &p.log)
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return port
}

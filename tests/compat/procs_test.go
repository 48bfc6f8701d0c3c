//go:build compat

package compat

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

var ours struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain removes the programs that the tests built. It is also the main of a server with short epochs.
func TestMain(m *testing.M) {
	if cfg := os.Getenv(serverVar); cfg != "" {
		fmt.Fprintln(os.Stderr, serve(cfg))
		os.Exit(1)
	}
	atOnce()
	code := m.Run()
	if ours.dir != "" {
		os.RemoveAll(ours.dir)
	}
	os.Exit(code)
}

// atOnce lets three tests run at the same time where nobody has said how many: most of them wait for servers that wait for each other,
// and two would leave two processors idle.
func atOnce() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if n := max(3, runtime.GOMAXPROCS(0)); !said {
		_ = flag.Set("test.parallel", strconv.Itoa(n))
	}
}

// program is the path of one of our own programs, built once.
func program(t *testing.T, name string) string {
	t.Helper()
	ours.once.Do(func() {
		ours.dir, ours.err = os.MkdirTemp("", "holdfast-compat-") //nolint:usetesting // it outlives the test that builds them
		if ours.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", ours.dir+string(filepath.Separator), "./cmd/...")
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			ours.err = fmt.Errorf("go build: %w: %s", err, out)
		}
	})
	require.NoError(t, ours.err)
	return filepath.Join(ours.dir, name)
}

// daemon is a running process with its output in a file.
type daemon struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start runs cmd in the background until the test ends.
func start(t *testing.T, name string, cmd *exec.Cmd) *daemon {
	t.Helper()
	d := &daemon{name: name, cmd: cmd, log: filepath.Join(t.TempDir(), name+".log"), done: make(chan struct{})}
	f, err := os.Create(d.log)
	require.NoError(t, err)
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(d.done)
	}()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			out, _ := os.ReadFile(d.log)
			t.Logf("---- %s ----\n%s", name, tail(out, 6000))
		}
	})
	return d
}

// kill ends the process at once and waits until it is gone.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
}

func tail(b []byte, n int) []byte { return b[max(len(b)-n, 0):] }

// run runs cmd to its end and returns its exit code and outputs.
func run(t *testing.T, stdin string, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// freePort is a port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return port
}

// eventually asks again and again until ok answers yes. what says what was waited for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !ok() {
		select {
		case <-every.C:
		case <-ctx.Done():
			require.FailNow(t, "never: "+what)
		}
	}
}

package zkserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/freeport"
)

// TestMain is the command itself when a test starts it in the background.
func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_TEST_RUN") != "" {
		cli.Run(Main)
	}
	goleak.VerifyTestMain(m)
}

// run runs the command to its end.
func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func write(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "zoo.cfg")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return port
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serving starts the command in the background and waits until it serves.
func serving(t *testing.T, args ...string) (line string, stop func() (code int, stderr string)) {
	t.Helper()
	line, _, stop = servingWith(t, args...)
	return line, stop
}

func servingWith(t *testing.T, args ...string) (line string, logs *lockedBuffer, stop func() (code int, stderr string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	logs = &lockedBuffer{}
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: w, Err: logs})
		_ = w.Close()
	}()
	text, _ := bufio.NewReader(r).ReadString('\n')
	ended := -1
	stop = func() (int, string) {
		cancel()
		if ended < 0 {
			ended = <-code
		}
		return ended, logs.String()
	}
	t.Cleanup(func() { stop() })
	return text, logs, stop
}

func TestServesAndStopsOnRequest(t *testing.T) {
	dir := t.TempDir()
	file := write(t, fmt.Sprintf("clientPort=%d", freePort(t)), "clientPortAddress=127.0.0.1", "dataDir="+filepath.ToSlash(dir), "initLimit=5",
		"metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider", "metricsProvider.httpHost=127.0.0.1",
		fmt.Sprintf("metricsProvider.httpPort=%d", freePort(t)))
	for _, args := range [][]string{{"start-foreground", file}, {file}} {
		line, stop := serving(t, args...)
		m := regexp.MustCompile(`^zkserver: serving clients on 127\.0\.0\.1:\d+, metrics on (http://\S+/metrics) \(pid \d+, ready in [\d.µm]+s\)\n$`).FindStringSubmatch(line)
		require.NotNil(t, m, line)
		resp, err := http.Get(m[1])
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		http.DefaultClient.CloseIdleConnections()
		for _, name := range []string{"znode_count 5", "num_alive_connections 0", "fsynctime_count", "updatelatency", `holdfast_op_total{op="create"} 0`, "go_goroutines"} {
			require.Contains(t, string(body), name)
		}
		code, logs := stop()
		require.Equal(t, exitOK, code, logs)
		require.Contains(t, logs, "zoo.cfg:4: initLimit: accepted, has no meaning for a single server")
		require.Contains(t, logs, "stopped")
	}
}

func TestRefusals(t *testing.T) {
	port := freePort(t)
	dir := t.TempDir()
	running := write(t, fmt.Sprintf("clientPort=%d", port), "dataDir="+filepath.ToSlash(dir))
	_, _ = serving(t, running)
	inTheWay := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o600))
	bad := write(t, "dataDirr=/d", "clientPort=abc")
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"no arguments":  {nil, exitUsage, []string{"accepts 1 arg(s), received 0", "hint: zkserver --help"}},
		"unknown flag":  {[]string{"--port", "1"}, exitUsage, []string{"unknown flag: --port"}},
		"no such file":  {[]string{filepath.Join(dir, "none.cfg")}, exitUsage, []string{"none.cfg", "give the path of a zoo.cfg"}},
		"no such word":  {[]string{"launch"}, exitUsage, []string{`"launch" is no command, and no configuration of that name is there; the commands are start, start-foreground, stop`}},
		"bad log level": {[]string{running, "--log-level", "loud"}, exitUsage, []string{`log level "loud": use debug, info, warn or error`}},
		"bad config": {[]string{bad}, exitUsage, []string{
			"cannot be used, 3 problem(s):\n", bad + ":1: dataDirr: unknown key; did you mean dataDir?\n",
			bad + `:2: clientPort: "abc" is not a whole number; give a whole number from 1 to 65535` + "\n", bad + ": dataDir: missing; ",
		}},
		"in use": {
			[]string{write(t, fmt.Sprintf("clientPort=%d", freePort(t)), "dataDir="+filepath.ToSlash(dir))},
			exitFailed,
			[]string{"is in use by another server: stop that one, or give this one a directory of its own"},
		},
		"port taken": {
			[]string{write(t, fmt.Sprintf("clientPort=%d", port), "dataDir="+filepath.ToSlash(t.TempDir()))},
			exitFailed,
			[]string{"cannot listen on", "stop it or choose another clientPort"},
		},
		"not writable": {
			[]string{write(t, fmt.Sprintf("clientPort=%d", freePort(t)), "dataDir="+filepath.ToSlash(inTheWay))},
			exitFailed,
			[]string{"cannot be written", "make it a directory this user may write to"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(c.args...)
			require.Equal(t, c.code, code)
			require.Empty(t, stdout)
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	code, out, _ := run("--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "zkserver [start-foreground] ZOO.CFG")
	code, out, _ = run("version")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `^holdfast zkserver, compatible with Apache ZooKeeper, version 3\.9\.\d+-`, out)
}

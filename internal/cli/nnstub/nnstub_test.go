package nnstub

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the command to its end.
func run(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), args, cli.Streams{In: strings.NewReader(in), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// serveNode runs `nnstub serve` and returns its address, from the one line that it prints.
func serveNode(t *testing.T, more ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		args := append([]string{"serve", "--rpc-address", "127.0.0.1:0", "--nameservice", "ns1", "--log-level", "error"}, more...)
		code <- Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: w, Err: io.Discard})
		_ = w.Close()
	}()
	lines := bufio.NewReader(r)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		require.Equal(t, 0, <-code)
		rest, _ := io.ReadAll(lines)
		require.Empty(t, rest, "one line is all it prints")
	})
	m := regexp.MustCompile(`^nnstub nn1 of ns1 serves on (127\.0\.0\.1:\d+), journal .*, state standby\n$`).FindStringSubmatch(line)
	require.NotNil(t, m, line)
	return m[1]
}

func TestServePutGetListAndSick(t *testing.T) {
	dir := t.TempDir()
	addr := serveNode(t, "--id", "nn1", "--journal", dir, "--auto-failover", "--sick", "unhealthy", "--sick", "slow-promotion=1ms")
	ctl := target.NewHadoop(addr, target.HadoopOptions{})
	defer ctl.Close()
	require.ErrorIs(t, ctl.MonitorHealth(t.Context()), target.ErrUnhealthy)
	code, out, _ := run(t, "", "sick", "--address", addr, "slow-promotion", "2ms")
	require.Equal(t, addr+" is now: unhealthy, slow-promotion 2ms\n", out)
	require.Zero(t, code)
	_, out, _ = run(t, "", "sick", "--address", addr, "well")
	require.Equal(t, addr+" is now: well\n", out)
	require.NoError(t, ctl.MonitorHealth(t.Context()))

	code, _, errOut := run(t, "x", "put", "--timeout", "20ms", "--address", addr, "/a")
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "no active node found")
	require.ErrorIs(t, ctl.TransitionToActive(t.Context(), target.RequestByUser), target.ErrRefused)
	require.NoError(t, ctl.TransitionToActive(t.Context(), target.RequestByZKFC))

	code, out, errOut = run(t, "hello", "put", "--address", "127.0.0.1:1,"+addr, "/a")
	require.Zero(t, code, errOut)
	require.Equal(t, "/a: 5 bytes, accepted by nn1 in epoch 1 as edit 1\n", out)
	file := filepath.Join(dir, "input")
	require.NoError(t, os.WriteFile(file, []byte("from a file"), 0o600))
	code, _, errOut = run(t, "", "put", "--address", addr, "/b", file)
	require.Zero(t, code, errOut)
	code, out, _ = run(t, "", "get", "--address", addr, "/b")
	require.Zero(t, code)
	require.Equal(t, "from a file", out)
	code, out, _ = run(t, "", "ls", "--address", addr)
	require.Zero(t, code)
	require.Equal(t, "         5     1          1 /a\n        11     1          2 /b\n", out)
	code, out, errOut = run(t, "", "get", "--address", addr, "/c")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	require.Equal(t, "nnstub: FileNotFoundException: File does not exist: /c\n", errOut)

	code, _, errOut = run(t, "", "serve", "--id", "nn2", "--nameservice", "ns1", "--rpc-address", addr, "--journal", dir)
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "choose another port")
}

func TestWrongUsageIsAnsweredWithWhatToDo(t *testing.T) {
	dir := t.TempDir()
	serveArgs := func(more ...string) []string {
		return append([]string{"serve", "--id", "nn1", "--nameservice", "ns1", "--journal", dir, "--rpc-address", "127.0.0.1:0"}, more...)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"bogus"}, 2, `unknown command "bogus"`},
		{[]string{"serve"}, 2, `required flag(s) "id", "journal", "nameservice", "rpc-address" not set`},
		{serveArgs("--rpc-address", "8020"), 2, "is not host:port"},
		{serveArgs("--rpc-address", "h:http"), 2, "is not a port"},
		{serveArgs("--id", ""), 2, "--id must not be empty"},
		{serveArgs("--log-level", "loud"), 2, "use debug, info, warn or error"},
		{serveArgs("--sick", "dead"), 2, `unknown sickness "dead": use unhealthy`},
		{serveArgs("--sick", "slow-promotion"), 2, "needs a duration"},
		{serveArgs("--journal", filepath.Join(dir, "none")), 1, "does not exist: create it"},
		{[]string{"put", "/a"}, 2, `required flag(s) "address" not set`},
		{[]string{"put", "--address", ",", "/a"}, 2, "no address"},
		{[]string{"put", "--address", "x", "/a"}, 2, "is not host:port"},
		{[]string{"put", "--address", "h:1", "/a", filepath.Join(dir, "none")}, 1, "none"},
		{[]string{"get", "--address", "h:1"}, 2, "accepts 1 arg(s)"},
		{[]string{"sick", "--address", "h:1,h:2", "hang"}, 2, "exactly one node"},
		{[]string{"sick", "--address", "h:1", "hang", "2s"}, 2, "takes no duration"},
		{[]string{"sick", "--address", "h:1", "slow-promotion", "soon"}, 2, "is not a duration"},
		{[]string{"ls", "--address", "127.0.0.1:1", "--timeout", "20ms"}, 1, "no active node found"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, out, errOut := run(t, "", tt.args...)
			require.Equal(t, tt.code, code, errOut)
			require.Empty(t, out)
			require.Contains(t, errOut, tt.want)
		})
	}
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	code, out, errOut := run(t, "", "--help")
	require.Zero(t, code)
	require.Empty(t, errOut)
	for _, word := range []string{"serve", "put", "get", "ls", "sick", "epoch"} {
		require.Contains(t, out, word)
	}
}

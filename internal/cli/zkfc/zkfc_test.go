package zkfc

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/freeport"
)

const yaml = `
zookeeper: {quorum: ["127.0.0.1:1"], sessionTimeout: 1s}
nameservices:
  - id: ns1
    nodes:
      - {id: nn1, host: 127.0.0.1, rpcPort: 8020, zkfcPort: ZKFCPORT}
      - {id: nn2, host: 127.0.0.1, rpcPort: 8021, zkfcPort: 8018}
fencing: {methods: ["shell(/bin/true)"]}
`

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return strconv.Itoa(port)
}

func invoke(t *testing.T, ctx context.Context, args ...string) (code int, out, errs string) { //nolint:revive // t first
	t.Helper()
	file := filepath.Join(t.TempDir(), "holdfast.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(yaml, "ZKFCPORT", freePort(t))), 0o600))
	var o, e bytes.Buffer
	code = Main(ctx, append([]string{"-config", file}, args...), cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestExitCodesWithoutZooKeeper(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
		code int
		says string
	}{
		{"help", "-help", 0, "Usage: hdfs zkfc"},
		{"help, Java's way", "--help", 0, "Usage: hdfs zkfc"},
		{"unknown argument", "-bogus", 1, "Bad argument: -bogus"},
		{"unknown argument after -formatZK", "-formatZK -bogus", 1, "Bad argument: -bogus"},
		{"value missing", "-id", 1, "-id needs a value"},
		{"-force alone", "-force", 1, "Bad argument: -force"},
		{"unknown node", "-id nn9", 1, "nn9"},
		{"two nodes match this host", "", 1, "node"},
		{"unknown key", "-id nn1 -D zookeeper.bogus=1", 1, "bogus"},
		{"bad ACL", "-id nn1 -D zookeeper.acl=bogus", 1, "acl"},
		{"fencing not configured", "-id nn1 -D fencing.methods=", 4, "Fencing is not configured for NameNode at 127.0.0.1:8020"},
		{"fencing not understood", "-id nn1 -D fencing.methods=bogus", 4, "bogus"},
		{"powershell", "-id nn1 -D fencing.methods=powershell(java.exe)", 4, "fencing method powershell is not supported: it finds the process by its command line on a Windows machine"},
		{"automatic failover off", "-id nn1 -D nameservices.ns1.automaticFailover=false", 5, "Automatic failover is not enabled"},
		{"zookeeper not reachable", "-id nn1 -formatZK", 6, "Unable to connect to ZooKeeper quorum at 127.0.0.1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := invoke(t, t.Context(), strings.Fields(c.args)...)
			require.Equal(t, c.code, code, errs)
			require.Contains(t, out+errs, c.says)
		})
	}
}

func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	code, _, errs := invoke(t, t.Context(), "-id", "nn1", "-D", "nameservices.ns1.nodes.nn1.zkfcPort="+port)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "is another zkfc running?")
}

func TestWithoutZooKeeperItStaysUpAndSaysSoUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	code, _, errs := invoke(t, ctx, "-id=nn1")
	require.Equal(t, exitOK, code)
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)
	require.Contains(t, errs, "zookeeper is not reachable: trying again until it is")
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		in   string
		want bool
		says string
	}{
		{"y\n", true, "Proceed formatting /p? (Y or N) "},
		{"YES\n", true, ""},
		{"n\n", false, ""},
		{"what\nno\n", false, "Invalid input: what"},
		{"what\nY", true, ""},
		{"", false, "Proceed formatting /p? (Y or N) \n"},
		{"what\n", false, "Invalid input: what"},
	} {
		var errs bytes.Buffer
		require.Equal(t, c.want, confirm(t.Context(), "/p", cli.Streams{In: strings.NewReader(c.in), Err: &errs}), "%q", c.in)
		require.Contains(t, errs.String(), c.says)
	}
}

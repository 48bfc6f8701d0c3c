//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/auth"
)

func init() {
	for i := range users {
		users[i].id = auth.Digest(users[i].auth)
	}
}

// diffCfg writes the zoo.cfg that both servers get, but for directory and port.
func diffCfg(t *testing.T, dir string, extended bool) (path, addr string) {
	t.Helper()
	path, addr = zooCfg(t, dir)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "forceSync=no\nminSessionTimeout=500\nextendedTypesEnabled=%v\nDigestAuthenticationProvider.superDigest=%s\n"+
		"znode.container.checkIntervalMs=100000000\n",
		extended, auth.Digest("super:secret"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path, addr
}

// quietLogback keeps the original from writing a dozen lines per request.
const quietLogback = `<configuration><appender name="C" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%d %p %c %m%n</pattern></encoder></appender><root level="ERROR"><appender-ref ref="C"/></root></configuration>`

func envInt(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	require.NoError(t, err, name)
	return n
}

// startDuel starts both servers, on the given data directories.
func startDuel(t *testing.T, extended bool, dirs [2]string) *duel {
	t.Helper()
	cfg, addr := diffCfg(t, dirs[0], extended)
	conf := filepath.Dir(cfg)
	require.NoError(t, os.WriteFile(filepath.Join(conf, "logback.xml"), []byte(quietLogback), 0o644))
	java := zookeeper.java(t, conf, "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)
	java.Args = slices.Insert(java.Args, 1, "-Dznode.container.checkIntervalMs=100000000") // no reaper: it works by the clock
	original := server{start(t, "original", java), addr}
	cfg, addr = diffCfg(t, dirs[1], extended)
	mine := server{start(t, "zkserver", exec.Command(program(t, "zkserver"), "start-foreground", cfg)), addr}
	for _, s := range []server{original, mine} {
		s.connect(t).Close() // it serves
	}
	return newDuel(t, original, mine)
}

func TestDifferential(t *testing.T) {
	seeds, ops := envInt(t, "HOLDFAST_DIFF_SEEDS", 4), envInt(t, "HOLDFAST_DIFF_OPS", 4000)
	first := envInt(t, "HOLDFAST_DIFF_SEED", 0)
	if first > 0 {
		seeds = 1
	}
	for _, extended := range []bool{true, false} {
		t.Run(fmt.Sprintf("extendedTypes=%v", extended), func(t *testing.T) {
			d := startDuel(t, extended, [2]string{t.TempDir(), t.TempDir()})
			for seed := max(first, 1); seed < max(first, 1)+seeds; seed++ {
				d.run(uint64(seed), ops, extended)
				t.Logf("seed %d: %d operations equal, up to zxid %v", seed, d.steps, d.last)
			}
			var answers []string
			for what, n := range d.seen {
				answers = append(answers, fmt.Sprintf("%6d %s", n, what))
			}
			slices.SortFunc(answers, func(a, b string) int { return strings.Compare(a[7:], b[7:]) })
			t.Logf("answers compared:\n%s", strings.Join(answers, "\n"))
			log, err := os.ReadFile(d.ours.log)
			require.NoError(t, err)
			for line := range strings.Lines(string(log)) {
				require.NotContains(t, line, " ERROR ", "zkserver found something wrong")
			}
		})
	}
}

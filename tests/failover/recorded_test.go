package failover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
)

// recorded is one call of the original's zkfc.
type recorded struct {
	Name   string
	Argv   []string
	Stdin  string
	RC     any // a number, or "still running"
	Stdout string
	Stderr string
}

// withoutKey are the calls for which a key was left out of the files.
var withoutKey = map[string]string{
	"dfs.ha.fencing.methods not set":                            "dfs.ha.fencing.methods",
	"dfs.ha.namenode.id not set: two NameNodes match this host": "dfs.ha.namenode.id",
	"ha.zookeeper.quorum not set":                               "ha.zookeeper.quorum",
}

// endOfInput is answered differently on purpose: the end of standard input is a no, where the original asks for ever.
const endOfInput = "exists, end of file on stdin: asks for ever"

var (
	stamp = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} `)
	// notOurs are lines of the recordings that are not asked for: of the Java platform and of ZooKeeper's client, what
	// frames start and stop, and "Failover controller configured", since ours looks at its arguments first.
	notOurs = regexp.MustCompile(`^(\s+at |java\.|org\.apache\.|Caused by|/\*\*|\*\*\*|S[THU][A-Z]+_MSG|$)|org\.apache\.zookeeper|util\.ExitUtil|` +
		`_MSG: |registered UNIX|Ignoring stale result|Session connected|Connection timed out|encounters runtime error|Failover controller configured`)
)

// telling are the lines of a recording that ours must have too.
func telling(text string) []string {
	var out []string
	for line := range strings.Lines(stamp.ReplaceAllString(text, "")) {
		if line = strings.TrimRight(line, "\n"); !notOurs.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// TestZkfcAnswersAsRecorded runs every recorded command line, in order, with Hadoop's files and one ZooKeeper: the exit
// code is the same, and every telling line of the original's is there, in its order.
func TestZkfcAnswersAsRecorded(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "zkfc.json"))
	require.NoError(t, err)
	var all []recorded
	require.NoError(t, json.Unmarshal(text, &all))
	require.Len(t, all, 31)
	all = append(all, recorded{ // recorded among haadmin's calls, with the files of that test
		Name: "auto-failover not enabled", RC: 5, Argv: []string{"-D", "dfs.ha.automatic-failover.enabled=false"},
		Stderr: "ERROR org.apache.hadoop.ha.ZKFailoverController: Automatic failover is not enabled for NameNode at /127.0.0.1:23020. Please ensure that " +
			"automatic failover is enabled in the configuration before running the ZK failover controller.\n",
	})
	addr, _ := server(t, t.TempDir(), 0)
	for i, r := range all {
		t.Run(fmt.Sprintf("%d %s %s", i, strings.Join(r.Argv, " "), r.Name), func(t *testing.T) {
			args := append([]string{"-conf", hadoopDir(t, addr, withoutKey[r.Name]), "-D", "holdfast.controller.zookeeperPatience=500ms"}, r.Argv...)
			var out, errs bytes.Buffer
			code := zkfc.Main(t.Context(), args, cli.Streams{In: strings.NewReader(r.Stdin), Out: &out, Err: &errs})
			if r.Name == endOfInput {
				require.Equal(t, 2, code)
				require.Contains(t, errs.String(), "Proceed formatting /hadoop-ha/ns1? (Y or N) \nThe end of standard input is taken as no")
				return
			}
			require.EqualValues(t, r.RC, code, errs.String())
			rest := stamp.ReplaceAllString(errs.String(), "")
			for _, line := range telling(r.Stderr) {
				_, after, ok := strings.Cut(rest, line)
				require.True(t, ok, "%q is missing in\n%s", line, errs.String())
				rest = after
			}
			if r.Stdout != "" { // the usage, less the options of MapReduce, with ours behind
				want := regexp.MustCompile(`(?m)^-(jt|files|libjars|archives) <.*\n`).ReplaceAllString(r.Stdout, "")
				require.True(t, strings.HasPrefix(out.String(), strings.TrimRight(want, "\n")), out.String())
			}
		})
	}
}

// hadoopDir is a configuration directory for the pair of the recordings, as nn1 has it.
func hadoopDir(t *testing.T, zoo, without string) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("<configuration>\n")
	for _, kv := range [][2]string{
		{"ha.zookeeper.quorum", zoo},
		{"dfs.nameservices", "ns1"},
		{"dfs.ha.namenodes.ns1", "nn1,nn2"},
		{"dfs.ha.namenode.id", "nn1"},
		{"dfs.namenode.rpc-address.ns1.nn1", "127.0.0.1:23020"},
		{"dfs.namenode.rpc-address.ns1.nn2", "127.0.0.1:24020"},
		{"dfs.ha.zkfc.port", fmt.Sprint(free(t))},
		{"dfs.ha.automatic-failover.enabled", "true"},
		{"dfs.ha.fencing.methods", "shell(/bin/true)"},
	} {
		if kv[0] != without {
			fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>\n", kv[0], kv[1])
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(b.String()+"</configuration>\n"), 0o600))
	return dir
}

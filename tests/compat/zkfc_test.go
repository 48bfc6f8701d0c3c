//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pair is two demo NameNodes of one nameservice over one coordination server, and the configuration of both makes of
// controllers for them.
type pair struct {
	t       *testing.T
	dir     string
	zk      server
	rpc     [2]int
	zkfc    [2]int
	nn      [2]*daemon
	yaml    string    // ours
	hadoops [2]string // the original's configuration directories, one per node
}

func newPair(t *testing.T, automatic bool) *pair {
	t.Helper()
	s := startOurs(t, t.TempDir())
	eventually(t, "the server serves", func() bool { return strings.Contains(word(s.addr, "srvr"), "Mode: ") })
	return newPairOn(t, s, automatic, "")
}

// newPairOn is a pair over a server, with more keys of the section zookeeper of holdfast.yaml, and of Hadoop's core-site.xml.
func newPairOn(t *testing.T, zk server, automatic bool, yaml string, site ...string) *pair {
	t.Helper()
	p := &pair{t: t, dir: t.TempDir(), zk: zk}
	for i := range 2 {
		p.rpc[i], p.zkfc[i] = freePort(t), freePort(t)
	}
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "journal"), 0o755))
	p.yaml = filepath.Join(p.dir, "holdfast.yaml")
	require.NoError(t, os.WriteFile(p.yaml, fmt.Appendf(nil, `zookeeper: {quorum: [%q]%s}
nameservices:
  - id: ns1
    automaticFailover: %v
    nodes:
      - {id: nn1, host: localhost, rpcPort: %d, zkfcPort: %d}
      - {id: nn2, host: localhost, rpcPort: %d, zkfcPort: %d}
fencing:
  methods: ["shell(/bin/true)"]
`, p.zk.addr, yaml, automatic, p.rpc[0], p.zkfc[0], p.rpc[1], p.zkfc[1]), 0o644))
	for i := range 2 {
		p.hadoops[i] = p.hadoopConf(i, automatic, site...)
		p.startNameNode(i, automatic)
	}
	return p
}

// hadoopConf writes the configuration directory of the original's tools on node i.
func (p *pair) hadoopConf(i int, automatic bool, more ...string) string {
	dir := filepath.Join(p.dir, fmt.Sprintf("conf%d", i+1))
	require.NoError(p.t, os.Mkdir(dir, 0o755))
	site := func(file string, kv ...string) {
		var b strings.Builder
		b.WriteString("<?xml version=\"1.0\"?>\n<configuration>\n")
		for j := 0; j < len(kv); j += 2 {
			fmt.Fprintf(&b, "  <property><name>%s</name><value>%s</value></property>\n", kv[j], kv[j+1])
		}
		b.WriteString("</configuration>\n")
		require.NoError(p.t, os.WriteFile(filepath.Join(dir, file), []byte(b.String()), 0o644))
	}
	site("core-site.xml", append([]string{
		"fs.defaultFS", "hdfs://ns1", "ha.zookeeper.quorum", p.zk.addr, "hadoop.tmp.dir", p.dir, "ha.zookeeper.session-timeout.ms", "4000",
	}, more...)...)
	site("hdfs-site.xml", "dfs.nameservices", "ns1", "dfs.ha.namenodes.ns1", "nn1,nn2",
		"dfs.ha.automatic-failover.enabled", fmt.Sprint(automatic), "dfs.ha.fencing.methods", "shell(/bin/true)",
		"dfs.nameservice.id", "ns1", "dfs.ha.namenode.id", fmt.Sprintf("nn%d", i+1),
		"dfs.namenode.rpc-address.ns1.nn1", fmt.Sprintf("localhost:%d", p.rpc[0]),
		"dfs.namenode.rpc-address.ns1.nn2", fmt.Sprintf("localhost:%d", p.rpc[1]),
		"dfs.ha.zkfc.port.ns1.nn1", fmt.Sprint(p.zkfc[0]), "dfs.ha.zkfc.port.ns1.nn2", fmt.Sprint(p.zkfc[1]))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, "log4j.properties"), []byte(`log4j.rootLogger=INFO,c
log4j.appender.c=org.apache.log4j.ConsoleAppender
log4j.appender.c.target=System.err
log4j.appender.c.layout=org.apache.log4j.PatternLayout
log4j.appender.c.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
`), 0o644))
	return dir
}

func (p *pair) startNameNode(i int, automatic bool) {
	args := []string{
		"serve", "--id", fmt.Sprintf("nn%d", i+1), "--nameservice", "ns1", "--journal", filepath.Join(p.dir, "journal"),
		"--rpc-address", fmt.Sprintf("localhost:%d", p.rpc[i]),
	}
	if automatic {
		args = append(args, "--auto-failover")
	}
	p.nn[i] = start(p.t, fmt.Sprintf("nn%d", i+1), exec.Command(program(p.t, "nnstub"), args...))
}

func (p *pair) startOriginalZKFC(i int) *daemon {
	return start(p.t, fmt.Sprintf("original-zkfc%d", i+1),
		hadoop.java(p.t, p.hadoops[i], "org.apache.hadoop.hdfs.tools.DFSZKFailoverController"))
}

func (p *pair) startOurZKFC(i int) *daemon {
	return start(p.t, fmt.Sprintf("zkfc%d", i+1),
		exec.Command(program(p.t, "zkfc"), "-config", p.yaml, "-D", fmt.Sprintf("node=nn%d", i+1)))
}

// originalAdmin is the original's haadmin, ourAdmin is ours.
func (p *pair) originalAdmin(args ...string) *exec.Cmd {
	return hadoop.java(p.t, p.hadoops[0], "org.apache.hadoop.hdfs.tools.DFSHAAdmin", args...)
}

func (p *pair) ourAdmin(args ...string) *exec.Cmd {
	cmd := exec.Command(program(p.t, "haadmin"), args...)
	cmd.Env = append(os.Environ(), "HOLDFAST_CONFIG="+p.yaml)
	return cmd
}

func (p *pair) state(node string) string {
	_, out, _ := run(p.t, "", p.ourAdmin("-getServiceState", node))
	return strings.TrimSpace(out)
}

func (p *pair) waitStates(nn1, nn2 string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("nn1 %s and nn2 %s", nn1, nn2), func() bool {
		return (nn1 == "" || p.state("nn1") == nn1) && (nn2 == "" || p.state("nn2") == nn2)
	})
}

// joins counts how often a controller of ours has become one that waits for the lock. A NameNode is standby before that, when it is new,
// and nobody can be failed over to it yet.
func joins(t *testing.T, zkfc *daemon) int {
	t.Helper()
	text, err := os.ReadFile(zkfc.log)
	require.NoError(t, err)
	return strings.Count(string(text), "should become standby")
}

// An original ZKFC beside nn1 and ours beside nn2 share a lock, take over from each other, hand over to each other.
func TestOriginalZKFCPairsWithOurs(t *testing.T) {
	t.Parallel()
	p := newPair(t, true)
	code, _, stderr := run(t, "", hadoop.java(t, p.hadoops[0], "org.apache.hadoop.hdfs.tools.DFSZKFailoverController",
		"-formatZK", "-nonInteractive"))
	require.Zero(t, code, stderr)

	p.startOriginalZKFC(0)
	p.waitStates("active", "")
	zkfc := p.startOurZKFC(1)
	eventually(t, "our controller takes part", func() bool { return joins(t, zkfc) > 0 })
	p.waitStates("active", "standby")

	p.nn[0].kill()
	p.waitStates("", "active")
	p.startNameNode(0, true)
	p.waitStates("standby", "active")

	p.nn[1].kill()
	p.waitStates("active", "")
	before := joins(t, zkfc)
	p.startNameNode(1, true)
	eventually(t, "our controller takes part again", func() bool { return joins(t, zkfc) > before })
	p.waitStates("active", "standby")

	code, out, stderr := run(t, "", p.originalAdmin("-failover", "nn1", "nn2"))
	require.Zero(t, code, stderr)
	require.Contains(t, out, "successful")
	p.waitStates("standby", "active")

	code, out, stderr = run(t, "", p.ourAdmin("-failover", "nn2", "nn1"))
	require.Zero(t, code, stderr)
	require.Contains(t, out, "successful")
	p.waitStates("active", "standby")
}

// The original's haadmin says and returns the same of our NameNodes and controllers as our own haadmin does.
func TestOriginalHaadminDrivesTheDemoNameNode(t *testing.T) {
	t.Parallel()
	p := newPair(t, false)
	p.waitStates("standby", "standby") // they answer
	for _, args := range [][]string{
		{"-getServiceState", "nn1"},
		{"-transitionToActive", "nn1"},
		{"-getServiceState", "nn1"},
		{"-getAllServiceState"},
		{"-checkHealth", "nn1"},
		{"-transitionToStandby", "nn1"},
		{"-getServiceState", "nn1"},
		{"-getServiceState", "nn3"},
		{"-failover", "nn1", "nn2"},
		{"-getServiceState", "nn2"},
		{"-failover", "nn2", "nn2"},
		{"-transitionToStandby", "nn2"},
		{"-transitionToObserver", "nn2"},
		{"-getServiceState", "nn2"},
		{"-transitionToStandby", "nn2"},
	} {
		code, out, stderr := run(t, "", p.originalAdmin(args...))
		if strings.HasPrefix(args[0], "-get") || args[0] == "-checkHealth" {
			ourCode, ourOut, ourErr := run(t, "", p.ourAdmin(args...))
			require.Equal(t, code, ourCode, "%v: %s %s", args, stderr, ourErr)
			require.Equal(t, out, ourOut, "%v", args)
		}
		if args[len(args)-1] == "nn3" || args[0] == "-failover" && args[1] == args[2] {
			require.Equal(t, 255, code, "%v: %s", args, stderr)
		} else {
			require.Zero(t, code, "%v: %s", args, stderr)
		}
	}
}

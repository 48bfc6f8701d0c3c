//go:build hadoop && unix

package hadoop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// hdfs is the part of the cluster that stays through all tests: NameNodes, JournalNodes, a DataNode. Tests bring their own
// ZooKeeper and controllers.
type hdfs struct {
	dir   string
	base  int    // the first of its ports
	lib   string // class path of Hadoop
	zklib string // class path of ZooKeeper
	ours  string // the directory of our programs
	jn    []*process
	nn    [3]*process // the third one runs in the tests that start it
	dn    *process
}

var cluster struct {
	once sync.Once
	h    *hdfs
	err  error
}

// TestMain ends what the tests started.
func TestMain(m *testing.M) {
	code := m.Run()
	if h := cluster.h; h != nil {
		for _, p := range h.processes() {
			p.kill()
		}
		if os.Getenv("HOLDFAST_HADOOP_KEEP") == "" {
			os.RemoveAll(h.dir)
		}
	}
	os.Exit(code)
}

// matrix tells whether all pairs were asked for.
func matrix() bool {
	mode := os.Getenv("HOLDFAST_HADOOP")
	return mode == "matrix" || mode == "full"
}

// times are Hadoop's own in the full form, and else short ones, with which a test does not wait for long. ZooKeeper's shortest
// session is 4 s.
func times() map[string]string {
	if os.Getenv("HOLDFAST_HADOOP") == "full" {
		return nil
	}
	return map[string]string{
		"ha.zookeeper.session-timeout.ms": "4000", "ha.health-monitor.rpc-timeout.ms": "2500",
		"ha.failover-controller.graceful-fence.rpc-timeout.ms": "2500", "dfs.ha.zkfc.nn.http.timeout.ms": "1000",
	}
}

// theHDFS is the cluster, started by the first test that needs it, with both NameNodes standing by and no controller.
func theHDFS(t *testing.T, extra map[string]string) *hdfs {
	t.Helper()
	cluster.once.Do(func() {
		journals := 1
		if matrix() {
			journals = 3
		}
		began := time.Now()
		cluster.h, cluster.err = newHDFS(journals, extra)
		t.Logf("HDFS is up after %v", time.Since(began).Round(time.Millisecond))
	})
	require.NoError(t, cluster.err)
	h := cluster.h
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range h.processes() {
				t.Logf("---- %s ----\n%s", p.name, p.tail(3000))
			}
		}
	})
	require.NoError(t, h.configure(extra))
	for i := range 2 {
		h.revive(t, i)
	}
	for i := range 2 {
		h.serving(t, i)
		require.NoError(t, h.service(i, func(ctx context.Context, s *target.Hadoop) error {
			return s.TransitionToStandby(ctx, target.RequestByUserForced)
		}))
	}
	return h
}

func (h *hdfs) processes() []*process {
	all := slices.Clone(h.jn)
	for _, p := range append(h.nn[:], h.dn) {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// newHDFS formats and starts a cluster.
func newHDFS(journals int, extra map[string]string) (*hdfs, error) {
	h := &hdfs{dir: os.Getenv("HOLDFAST_HADOOP_KEEP"), jn: make([]*process, journals)}
	var err error
	if h.dir == "" {
		h.dir, err = os.MkdirTemp("", "holdfast-hadoop-") //nolint:usetesting // it outlives the test that makes it
	} else if h.dir, err = filepath.Abs(h.dir); err == nil {
		err = os.MkdirAll(h.dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if h.lib, err = jars("hadoop"); err != nil {
		return nil, err
	}
	if h.zklib, err = jars("zookeeper"); err != nil {
		return nil, err
	}
	if h.base, err = freePorts(); err != nil {
		return nil, err
	}
	for _, d := range []string{"logs", "pids", "bin"} {
		if err = os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if h.ours = os.Getenv("HOLDFAST_HADOOP_BIN"); h.ours == "" {
		h.ours = filepath.Join(h.dir, "bin")
		build := exec.Command("go", "build", "-o", h.ours+"/", "./cmd/zkfc", "./cmd/haadmin", "./cmd/zkserver")
		build.Dir = filepath.Join("..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	if err := errors.Join(pages(filepath.Join(h.dir, "pages")), h.fenceScript(), h.configure(extra)); err != nil {
		return nil, err
	}
	return h, h.format()
}

// fenceScript writes the fencing method: it kills the process of the node, and says so when it is really gone.
func (h *hdfs) fenceScript() error {
	return os.WriteFile(filepath.Join(h.dir, "fence.sh"), fmt.Appendf(nil, `#!/bin/sh
f=%s/pids/$target_namenodeid
[ -e "$f" ] || exit 0
kill -9 "$(cat "$f")"
while [ -e "$f" ]; do sleep 0.01; done
`, h.dir), 0o755)
}

// format makes a new file system and starts all of it but the third NameNode. The others begin with a copy of the first one's image.
func (h *hdfs) format() error {
	for i := range h.jn {
		conf := h.conf(fmt.Sprintf("jn%d", i+1))
		h.jn[i] = newProcess(h.dir, fmt.Sprintf("jn%d", i+1), func() *exec.Cmd {
			return h.java(conf, append([]string{"-Xmx96m"}, small...), "org.apache.hadoop.hdfs.qjournal.server.JournalNode")
		})
		if err := h.jn[i].start(); err != nil {
			return err
		}
	}
	for i := range h.jn {
		if err := h.listening(h.jn[i], fmt.Sprintf("127.0.0.1:%d", h.base+portJournal+2*i)); err != nil {
			return err
		}
	}
	const class = "org.apache.hadoop.hdfs.server.namenode.NameNode"
	heap := append([]string{"-Xmx192m"}, small...)
	if out, err := h.java(h.conf("nn1"), heap, class, "-format", "-nonInteractive", "-clusterId", "lab").CombinedOutput(); err != nil {
		return fmt.Errorf("namenode -format: %w: %s", err, out)
	}
	for _, other := range []string{"nn2", "nn3"} {
		if err := os.CopyFS(filepath.Join(h.dir, other), os.DirFS(filepath.Join(h.dir, "nn1"))); err != nil {
			return err
		}
	}
	for i := range h.nn {
		name := fmt.Sprintf("nn%d", i+1)
		h.nn[i] = newProcess(h.dir, name, func() *exec.Cmd { return h.java(h.conf(name), heap, class) })
	}
	h.dn = newProcess(h.dir, "dn", func() *exec.Cmd {
		return h.java(h.conf("dn"), append([]string{"-Xmx128m"}, small...), "org.apache.hadoop.hdfs.server.datanode.DataNode")
	})
	return errors.Join(h.nn[0].start(), h.nn[1].start(), h.dn.start())
}

// listening waits until somebody answers at addr.
func (h *hdfs) listening(p *process, addr string) error {
	if !within(patience, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return !p.alive()
		}
		c.Close()
		return true
	}) || !p.alive() {
		return fmt.Errorf("%s does not listen on %s: %s", p.name, addr, p.tail(3000))
	}
	return nil
}

// revive starts a NameNode that is gone, and lets one run that was stopped.
func (h *hdfs) revive(t *testing.T, i int) {
	t.Helper()
	if h.nn[i].alive() {
		require.NoError(t, h.nn[i].signal(syscall.SIGCONT))
		return
	}
	require.NoError(t, h.nn[i].start())
}

// service calls a NameNode over Hadoop RPC.
func (h *hdfs) service(i int, call func(context.Context, *target.Hadoop) error) error {
	s := target.NewHadoop(h.rpc(i), target.HadoopOptions{})
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return call(ctx, s)
}

// state is what a NameNode says of itself, "" if it says nothing.
func (h *hdfs) state(i int) string {
	var st target.Status
	err := h.service(i, func(ctx context.Context, s *target.Hadoop) (err error) {
		st, err = s.Status(ctx)
		return err
	})
	if err != nil {
		return ""
	}
	return st.State.String()
}

// serving waits until a NameNode stands by or is active.
func (h *hdfs) serving(t *testing.T, i int) {
	t.Helper()
	eventually(t, h.nn[i].name+" serves", func() bool {
		s := h.state(i)
		return s == "standby" || s == "active"
	})
}

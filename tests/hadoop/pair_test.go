//go:build hadoop && unix

package hadoop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// maker is who made a program.
type maker string

const (
	original maker = "original"
	ours     maker = "ours"
)

// setting is what a test runs on.
type setting struct {
	zookeeper maker
	zkfc      [2]maker
	third     maker             // of the zkfc beside nn3; empty where there are two NameNodes
	keys      map[string]string // Hadoop's, added to all configurations
	measured  bool              // nothing else runs, and the originals as Hadoop's start scripts run them
}

func (s setting) String() string {
	zk := map[maker]string{original: "ZooKeeper", ours: "zkserver"}[s.zookeeper]
	return fmt.Sprintf("%s and %s on %s", s.zkfc[0], s.zkfc[1], zk)
}

// pair is two controllers on a coordination service, with eyes on what they do, and a client that writes unless they are
// measured.
type pair struct {
	*hdfs
	t       *testing.T
	setting setting
	zk      *process
	zkfc    [3]*process // the third one where there are three NameNodes
	watch   *watch
	writer  *writer
}

// newPair starts ZooKeeper and both controllers; nn1 is active when it returns, nn2 stands by, and a client writes.
func newPair(t *testing.T, s setting) *pair {
	t.Helper()
	p := &pair{hdfs: theHDFS(t, s.keys), t: t, setting: s}
	t.Cleanup(p.stop)
	p.startZooKeeper()
	code, _, errs := run(t, p.zkfcCommand(0, "-formatZK", "-nonInteractive"))
	require.Zero(t, code, errs)
	pages := []string{p.http(0), p.http(1)}
	if s.third != "" {
		pages = append(pages, p.http(2))
	}
	for i := range pages {
		p.zkfc[i] = p.newZKFC(i)
	}
	p.watch = newWatch(pages...)
	p.startZKFC(0)
	p.joined(0)
	p.startZKFC(1)
	p.joined(1)
	p.waitActive(0)
	if !s.measured {
		p.writer = newWriter(t, pages...)
		p.progress()
	}
	return p
}

func (p *pair) newZKFC(i int) *process {
	return newProcess(p.dir, fmt.Sprintf("zkfc%d", i+1), func() *exec.Cmd { return p.zkfcCommand(i) })
}

func (p *pair) startZooKeeper() {
	p.t.Helper()
	dir, err := os.MkdirTemp(p.dir, "zk-") //nolint:usetesting // kept with the cluster's files
	require.NoError(p.t, err)
	zoo := filepath.Join(dir, "zoo.cfg")
	addr := fmt.Sprintf("127.0.0.1:%d", p.base+portZK)
	require.NoError(p.t, os.WriteFile(zoo, fmt.Appendf(nil, "tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n",
		dir, p.base+portZK), 0o644))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, "logback.xml"), []byte(`<configuration>
<appender name="C" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d{ISO8601} %p %c: %m%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="C"/></root></configuration>
`), 0o644))
	p.zk = newProcess(p.dir, "zookeeper", func() *exec.Cmd {
		if p.setting.zookeeper == ours {
			return exec.Command(filepath.Join(p.ours, "zkserver"), zoo)
		}
		return exec.Command("java", append(append([]string{"-Xmx128m"}, small...), "-cp", dir+string(filepath.ListSeparator)+p.zklib,
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", zoo)...)
	})
	require.NoError(p.t, p.zk.start())
	eventually(p.t, "ZooKeeper serves", func() bool { return serves(addr) }) // it listens long before
}

// serves asks a ZooKeeper server for its mode.
func serves(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = c.Write([]byte("srvr"))
	text, _ := io.ReadAll(c)
	return strings.Contains(string(text), "Mode:")
}

// zkfcCommand runs zkfc beside NameNode i, whoever made it, with the same files.
func (p *pair) zkfcCommand(i int, args ...string) *exec.Cmd {
	conf := p.conf(fmt.Sprintf("nn%d", i+1))
	if p.makerOf(i) == original {
		return p.java(conf, p.options("-Xmx64m"), "org.apache.hadoop.hdfs.tools.DFSZKFailoverController", args...)
	}
	return p.ourCommand("zkfc", conf, args...)
}

// makerOf is whose zkfc stands beside node i.
func (p *pair) makerOf(i int) maker {
	if i == 2 {
		return p.setting.third
	}
	return p.setting.zkfc[i]
}

// haadmin runs somebody's haadmin.
func (p *pair) haadmin(by maker, args ...string) *exec.Cmd {
	if by == original {
		return p.java(p.conf("client"), p.options("-Xmx64m"), "org.apache.hadoop.hdfs.tools.DFSHAAdmin", args...)
	}
	return p.ourCommand("haadmin", p.conf("client"), args...)
}

func (p *pair) ourCommand(name, conf string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.ours, name), args...)
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+conf, "XDG_STATE_HOME="+filepath.Join(p.dir, "state"))
	return cmd
}

func (p *pair) options(heap string) []string {
	if p.setting.measured {
		return nil
	}
	return append([]string{heap}, small...)
}

func (p *pair) startZKFC(i int) {
	p.t.Helper()
	require.NoError(p.t, p.zkfc[i].start())
}

var hasJoined = regexp.MustCompile(`Successfully transitioned NameNode at \S+ to (active|standby) state`)

// joined waits until the controller of node i has given its NameNode a state since it was started, or told to forget: it takes
// part in the election then.
func (p *pair) joined(i int) {
	p.t.Helper()
	eventually(p.t, p.zkfc[i].name+" takes part in the election", func() bool {
		if !p.zkfc[i].alive() {
			require.FailNow(p.t, p.zkfc[i].name+" has ended", p.zkfc[i].tail(3000))
		}
		return p.zkfc[i].said(hasJoined)
	})
}

// active is the node that is active; one of them is, or becomes so.
func (p *pair) active() int {
	p.t.Helper()
	for i := range 2 {
		if p.state(i) == "active" {
			return i
		}
	}
	eventually(p.t, "one is active", func() bool { return p.state(0) == "active" || p.state(1) == "active" })
	return p.active()
}

func (p *pair) waitActive(i int) {
	p.t.Helper()
	eventually(p.t, p.nn[i].name+" is active", func() bool { return p.state(i) == "active" })
}

// settled waits until node i is active, the other one stands by, and both controllers take part.
func (p *pair) settled(i int) {
	p.t.Helper()
	p.waitActive(i)
	eventually(p.t, p.nn[1-i].name+" stands by", func() bool { return p.state(1-i) == "standby" })
	p.joined(1 - i)
	eventually(p.t, "the eyes see so", func() bool { return p.watch.now(i) == "active" && p.watch.now(1-i) == "not active" })
}

// progress waits until a file is written whose writing began after this call.
func (p *pair) progress() {
	p.t.Helper()
	from := p.writer.begun()
	eventually(p.t, "a file is written", func() bool { return p.writer.last() > from })
}

// judge says whether all went well since newPair: never two active, no acknowledged file lost.
func (p *pair) judge() {
	p.t.Helper()
	p.progress()
	files, unknown := p.writer.stop()
	p.watch.stop()
	require.Empty(p.t, p.watch.both(), "two NameNodes were active at the same time")
	p.writer.verify(p.http(p.active()))
	p.t.Logf("%s: %d files acknowledged and found again, %d attempts without an answer, longest pause %v", p.setting, files, unknown, p.writer.pause())
}

func (p *pair) stop() {
	if p.writer != nil {
		p.writer.stop()
	}
	if p.watch != nil {
		p.watch.stop()
	}
	for _, d := range append(p.zkfc[:], p.zk) {
		if d == nil {
			continue
		}
		d.kill()
		if p.t.Failed() {
			p.t.Logf("---- %s ----\n%s", d.name, d.tail(6000))
		}
	}
}

var errNoAnswer = errors.New("no answer")

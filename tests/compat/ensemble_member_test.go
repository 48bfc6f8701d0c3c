//go:build compat

package compat

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// serverMake is a server's implementation: what starts it on a zoo.cfg.
type serverMake struct {
	name    string
	java    bool
	command func(t *testing.T, cfg string) *exec.Cmd
}

func (m *serverMake) String() string { return m.name }

// The makes. Java starts with a small heap and its first compiler only: that halves what a start costs.
var (
	theirs = release(os.Getenv("HOLDFAST_COMPAT_RELEASE"))
	java39 = &serverMake{"java", true, javaServer(theirs)}
	java38 = &serverMake{"java38-", true, javaServer(zookeeper38)}
	golang = oursOr(os.Getenv("HOLDFAST_COMPAT_MAKES"))
)

// release is the original that the ensembles are made of: with HOLDFAST_COMPAT_RELEASE=3.8 the release before takes the place
// of 3.9 in all of them.
func release(name string) *original {
	if name == "3.8" {
		return zookeeper38
	}
	return zookeeper
}

// oursOr is our own make. With HOLDFAST_COMPAT_MAKES=java the original takes its place, and with ours we take the
// original's: whether a test asks for something that the original does not do itself is seen in this way.
func oursOr(makes string) *serverMake {
	ours := &serverMake{"ours", false, func(t *testing.T, cfg string) *exec.Cmd {
		return exec.Command(program(t, "zkserver"), "start-foreground", cfg)
	}}
	switch makes {
	case "java":
		return &serverMake{"alsojava", true, javaServer(theirs)}
	case "ours":
		*java39, *java38 = *ours, *ours
		java39.name, java38.name = "alsoours", "alsoours38-"
	}
	return ours
}

func javaServer(o *original, flags ...string) func(*testing.T, string) *exec.Cmd {
	return func(t *testing.T, cfg string) *exec.Cmd {
		cmd := o.server(t, cfg)
		cmd.Args = slices.Concat(cmd.Args[:1], flags, cmd.Args[1:])
		return cmd
	}
}

// The variables that make the test binary one of our servers, with epochs that end early.
const (
	serverVar  = "HOLDFAST_COMPAT_SERVER"
	counterVar = "HOLDFAST_COMPAT_LAST_COUNTER"
)

// oursWithEpochsOf is our server with epochs of that many transactions.
func oursWithEpochsOf(n uint32) func(*testing.T, string) *exec.Cmd {
	return func(t *testing.T, cfg string) *exec.Cmd {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), serverVar+"="+cfg, counterVar+"="+fmt.Sprint(n))
		return cmd
	}
}

// serve is what the test binary does as a server, until it is killed.
func serve(file string) error {
	n, err := strconv.ParseUint(os.Getenv(counterVar), 10, 32)
	if err != nil {
		return err
	}
	cfg, _, err := config.Load(file)
	if err != nil {
		return err
	}
	log, err := obs.NewLogger(os.Stderr, "info")
	if err != nil {
		return err
	}
	s, err := zkserver.New(cfg, zkserver.WithLogger(log), zkserver.WithLastCounter(uint32(n)))
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	<-s.Failed()
	return s.Err()
}

// member is one server of an ensemble: a place on disk and ports, with a process of some make or none.
type member struct {
	t        *testing.T
	id       int
	make     *serverMake
	observer bool
	dir      string // of data, configuration and logs
	client   int
	quorum   int
	election int
	admin    int    // of the HTTP commands; 0: none
	own      string // lines for its zoo.cfg alone
	starts   int

	twoAddresses bool
	wildcard     bool // its own zoo.cfg gives it 0.0.0.0 for an address

	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

func (m *member) String() string { return fmt.Sprintf("%s%d", m.make, m.id) }

func (m *member) addr() string { return fmt.Sprintf("127.0.0.1:%d", m.client) }

func (m *member) data() string { return filepath.Join(m.dir, "data") }

func (m *member) cfg() string { return filepath.Join(m.dir, "zoo.cfg") }

// line is the member's server line.
func (m *member) line(clientPort bool) string {
	role := "participant"
	if m.observer {
		role = "observer"
	}
	line := fmt.Sprintf("server.%d=127.0.0.1:%d:%d", m.id, m.quorum, m.election)
	if m.twoAddresses {
		line += fmt.Sprintf("|127.0.0.2:%d:%d", m.quorum, m.election)
	}
	line += ":" + role
	if clientPort {
		line += fmt.Sprintf(";127.0.0.1:%d", m.client)
	}
	return line
}

// start starts the process. It is the member's own log from then on.
func (m *member) start() {
	m.t.Helper()
	require.False(m.t, m.running(), "%s runs already", m)
	m.starts++
	m.log = filepath.Join(m.dir, fmt.Sprintf("%02d-%s.log", m.starts, m.make))
	f, err := os.Create(m.log)
	require.NoError(m.t, err)
	defer f.Close()
	m.cmd = m.make.command(m.t, m.cfg())
	m.cmd.Stdout, m.cmd.Stderr = f, f
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(m.t, m.cmd.Start())
	m.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(m.cmd, m.done)
}

func (m *member) running() bool {
	if m.cmd == nil {
		return false
	}
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

// kill is kill -9, and waits until the process is gone.
func (m *member) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		<-m.done
		m.cmd = nil
	}
}

// freeze is SIGSTOP, and waits until each thread has stopped, where the system tells (Linux).
func (m *member) freeze() {
	m.t.Helper()
	require.NoError(m.t, m.cmd.Process.Signal(syscall.SIGSTOP))
	deadline := time.After(10 * time.Second)
	every := time.NewTicker(time.Millisecond)
	defer every.Stop()
	for !m.frozen() {
		select {
		case <-every.C:
		case <-deadline:
			require.FailNow(m.t, m.String()+" does not stop")
		}
	}
}

func (m *member) frozen() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", m.cmd.Process.Pid))
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// terminate asks the process to end, as an operator does.
func (m *member) terminate() {
	m.t.Helper()
	require.NoError(m.t, m.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-m.done:
	case <-time.After(time.Minute):
		require.FailNow(m.t, m.String()+" does not end")
	}
	m.cmd = nil
}

// word sends a four-letter word; the answer is empty when nobody answers.
func (m *member) word(word string) string {
	c, err := net.DialTimeout("tcp", m.addr(), time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err = io.WriteString(c, word); err != nil {
		return ""
	}
	out, _ := io.ReadAll(c)
	return string(out)
}

// said is the answer to a four-letter word of a member that is known to answer, however long that takes.
func (m *member) said(word string) (answer string) {
	m.t.Helper()
	eventually(m.t, m.String()+" answers "+word, func() bool {
		answer = m.word(word)
		return answer != ""
	})
	return answer
}

// mode is leader, follower, observer, standalone, read-only, or empty when the member does not serve.
func (m *member) mode() string { return modeIn(m.word("srvr")) }

// modeNow is mode for a member that is known to answer.
func (m *member) modeNow() string {
	m.t.Helper()
	return modeIn(m.said("srvr"))
}

func modeIn(answer string) string {
	_, after, ok := strings.Cut(answer, "Mode: ")
	if !ok {
		return ""
	}
	mode, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(mode)
}

// metric is a line of mntr.
func (m *member) metric(name string) string { return metricIn(m.word("mntr"), name) }

func metricIn(answer, name string) string {
	for line := range strings.SplitSeq(answer, "\n") {
		if key, value, ok := strings.Cut(line, "\t"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// logText is the log of the process that runs now or ran last.
func (m *member) logText() string {
	text, err := os.ReadFile(m.log)
	require.NoError(m.t, err)
	return string(text)
}

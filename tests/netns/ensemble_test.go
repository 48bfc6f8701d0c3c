//go:build linux && netns

package netns

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
)

const (
	// serverVar makes the test binary be a zkserver with the configuration file that it names.
	serverVar = "HOLDFAST_NETNS_SERVER"
	// hostsVar is the file in which that zkserver finds names: its /etc/hosts, and nobody else's (ip netns exec has given it mounts
	// of its own).
	hostsVar = "HOLDFAST_NETNS_HOSTS"
)

func TestMain(m *testing.M) {
	if conf := os.Getenv(serverVar); conf != "" {
		if hosts := os.Getenv(hostsVar); hosts != "" {
			if err := syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND, ""); err != nil {
				panic(err)
			}
		}
		cli.Run(func(ctx context.Context, _ []string, s cli.Streams) int {
			return zkserver.Main(ctx, []string{"start-foreground", conf}, s)
		})
		return
	}
	os.Exit(m.Run())
}

const clientPort = "2181"

// member is one zkserver, on a host of its own.
type member struct {
	host int
	conf string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// ensemble is one zkserver on each host of a network.
type ensemble struct {
	*network
	members []*member
	dir     string
	hosts   string // a file like /etc/hosts, in which all members find each other; empty while they go by addresses
}

// newEnsemble starts n zkservers and waits until one leads and the others follow. dataDir, if not nil, gives a member another
// data directory.
func newEnsemble(t *testing.T, n int, dataDir func(host int) string) *ensemble {
	t.Helper()
	e := prepared(t, n, dataDir, func(e *ensemble, host int) string { return e.addr(host) })
	for _, m := range e.members {
		e.start(m)
	}
	e.settled()
	return e
}

// prepared is newEnsemble without the start. name is what the members call a host.
func prepared(t *testing.T, n int, dataDir func(host int) string, name func(e *ensemble, host int) string) *ensemble {
	t.Helper()
	e := &ensemble{network: newNetwork(t, n), dir: t.TempDir()}
	logs := e.dir
	if dir := os.Getenv("HOLDFAST_NETNS_LOGS"); dir != "" { // keeps the logs, one directory a test
		logs = filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-"))
		require.NoError(t, os.MkdirAll(logs, 0o755))
	}
	var list strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&list, "server.%d=%s:2888:3888\n", i, name(e, i))
	}
	for i := 1; i <= n; i++ {
		dir := filepath.Join(e.dir, "data"+strconv.Itoa(i))
		if dataDir != nil {
			if other := dataDir(i); other != "" {
				dir = other
			}
		}
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "myid"), []byte(strconv.Itoa(i)), 0o644))
		m := &member{host: i, conf: filepath.Join(e.dir, fmt.Sprintf("zoo%d.cfg", i)), log: filepath.Join(logs, fmt.Sprintf("zk%d.log", i))}
		require.NoError(t, os.WriteFile(m.conf, []byte(fmt.Sprintf(`tickTime=500
initLimit=10
syncLimit=2
dataDir=%s
clientPort=%s
preAllocSize=128
admin.enableServer=false
4lw.commands.whitelist=*
%s`, dir, clientPort, &list)), 0o644))
		e.members = append(e.members, m)
	}
	t.Cleanup(e.end)
	return e
}

// start starts a member, with its output appended to its log.
func (e *ensemble) start(m *member) {
	e.t.Helper()
	self, err := os.Executable()
	require.NoError(e.t, err)
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	require.NoError(e.t, err)
	defer log.Close()
	m.cmd = e.command(m.host, self)
	m.cmd.Env = append(os.Environ(), serverVar+"="+m.conf, hostsVar+"="+e.hosts)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(e.t, m.cmd.Start())
	m.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // it is killed on purpose
		close(done)
	}(m.cmd, m.done)
}

// signal sends a signal to a member.
func (e *ensemble) signal(m *member, s syscall.Signal) {
	e.t.Helper()
	require.NoError(e.t, syscall.Kill(-m.cmd.Process.Pid, s))
}

// kill is kill -9.
func (e *ensemble) kill(m *member) {
	e.t.Helper()
	e.signal(m, syscall.SIGKILL)
	<-m.done
}

// end ends all members, and shows their logs if the test has failed.
func (e *ensemble) end() {
	for _, m := range e.members {
		if m.cmd == nil {
			continue
		}
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGCONT)
		_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
		<-m.done
		if e.t.Failed() {
			text, _ := os.ReadFile(m.log)
			e.t.Logf("---- zkserver %d ----\n%s", m.host, text[max(0, len(text)-5000):])
		}
	}
}

// clientAddrs are the addresses for clients.
func (e *ensemble) clientAddrs() []string {
	var addrs []string
	for _, m := range e.members {
		addrs = append(addrs, net.JoinHostPort(e.addr(m.host), clientPort))
	}
	return addrs
}

// mode is what a member says it is: leader, follower; anything else when it does neither.
func (e *ensemble) mode(m *member) string {
	text, err := e.ask(m, "srvr")
	if err != nil {
		return err.Error()
	}
	_, after, found := strings.Cut(text, "Mode: ")
	if !found {
		return strings.TrimSpace(text)
	}
	mode, _, _ := strings.Cut(after, "\n")
	return mode
}

// ask sends a four-letter word.
func (e *ensemble) ask(m *member, word string) (string, error) {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(e.addr(m.host), clientPort), time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err = conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err = io.WriteString(conn, word); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

// settled waits until one member leads and all others follow.
func (e *ensemble) settled() *member {
	e.t.Helper()
	return e.settledAmong(e.others()...)
}

// settledAmong is settled for the given hosts.
func (e *ensemble) settledAmong(hosts ...int) *member {
	e.t.Helper()
	var leader *member
	e.eventually("one leader and its followers", func() bool {
		leader = nil
		for _, i := range hosts {
			m := e.members[i-1]
			switch mode := e.mode(m); {
			case mode == "leader" && leader == nil:
				leader = m
			case mode != "follower":
				return false
			}
		}
		return leader != nil
	})
	return leader
}

// eventually asks again and again until ok says yes.
func (e *ensemble) eventually(what string, ok func() bool) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !ok() {
		select {
		case <-every.C:
		case <-ctx.Done():
			var said []string
			for _, m := range e.members {
				said = append(said, fmt.Sprintf("%d: %s", m.host, e.mode(m)))
			}
			require.FailNow(e.t, "never: "+what, strings.Join(said, ", "))
		}
	}
}

// pass lets time go by while a fault lasts.
func pass(d time.Duration) { <-time.After(d) }

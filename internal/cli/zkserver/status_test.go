package zkserver

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answering listens and gives every caller the same text, as a server asked for srvr does.
func answering(t *testing.T, text string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 4))
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

func srvr(mode, zxid string) string {
	return "Zookeeper version: 3.9.5-x\nLatency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 3\nOutstanding: 0\nZxid: " + zxid + "\nMode: " + mode + "\nNode count: 5\n"
}

const silent = notServing + "\n"

func TestStatusOfAServerWithoutALeader(t *testing.T) {
	port := answering(t, silent)
	file := write(t, fmt.Sprintf("clientPort=%d", port), "clientPortAddress=127.0.0.1", "dataDir="+filepath.ToSlash(t.TempDir()))
	code, out, stderr := run("status", file)
	require.Equal(t, exitFailed, code)
	require.Equal(t, fmt.Sprintf("Client port found: %d. Client address: 127.0.0.1. Client SSL: false.\nError contacting service. It is probably not running.\n", port), out)
	require.Contains(t, stderr, "it runs, but serves nobody")
	port = answering(t, srvr("follower", "0x0"))
	file = write(t, fmt.Sprintf("clientPort=%d", port), "clientPortAddress=0.0.0.0", "dataDir="+filepath.ToSlash(t.TempDir()))
	code, out, _ = run("status", file)
	require.Equal(t, exitOK, code)
	require.Equal(t, fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\nMode: follower\n", port), out)
}

func TestStatusOfAllServers(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts [4]string // of servers 1, 2, 3 and of an observer; empty: nobody listens
		code  int
		want  []string
	}{
		{
			"all well",
			[4]string{srvr("follower", "0x100000002"), srvr("leader", "0x100000003"), srvr("follower", "0x100000003"), srvr("observer", "0x100000003")},
			exitOK,
			[]string{"server.1 127.0.0.1:P1: follower, zxid 0x100000002, connections 3", "server.4 127.0.0.1:P4 (observer): observer, zxid", "Leader: server 2. 3 of 3 voters serve, 1 more may fail."},
		},
		{
			"one is gone",
			[4]string{srvr("follower", "0x1"), srvr("leader", "0x1"), "", silent},
			exitOK,
			[]string{"server.3 127.0.0.1:P3: does not answer: ", "server.4 127.0.0.1:P4 (observer): runs, but serves nobody", "Leader: server 2. 2 of 3 voters serve, 0 more may fail."},
		},
		{
			"the quorum is lost",
			[4]string{silent, "", "", srvr("read-only", "0x1")},
			exitFailed,
			[]string{"server.1 127.0.0.1:P1: runs, but serves nobody", "server.4 127.0.0.1:P4 (observer): read-only", "No leader: 0 of 3 voters serve."},
		},
		{"not one of ours", [4]string{"HTTP/1.0 400", "", "", ""}, exitFailed, []string{"server.1 127.0.0.1:P1: gives an answer that is none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			lines := []string{"dataDir=" + filepath.ToSlash(dir), "initLimit=10", "syncLimit=5"}
			ports := make([]int, 4)
			for i, text := range c.texts {
				if ports[i] = freePort(t); text != "" {
					ports[i] = answering(t, text)
				}
				role := "participant"
				if i == 3 {
					role = "observer"
				}
				lines = append(lines, fmt.Sprintf("server.%d=127.0.0.1:%d:%d:%s;127.0.0.1:%d", i+1, 20000+i, 21000+i, role, ports[i]))
			}
			code, out, _ := run("status", "--all", "-Dzookeeper.myid=1", write(t, lines...))
			require.Equal(t, c.code, code, out)
			for _, want := range c.want {
				for i, p := range ports {
					want = strings.ReplaceAll(want, fmt.Sprintf("P%d", i+1), fmt.Sprint(p))
				}
				require.Contains(t, out, want)
			}
		})
	}
	code, _, stderr := run("status", "--all", write(t, "clientPort=2181", "dataDir=/d"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "there are no server lines in the configuration")
}

// Server lines without client ports: who is on a host of its own is asked on the same port, others of one host are not, lest
// they all look alike.
func TestStatusOfServersWhoseClientPortIsNotKnown(t *testing.T) {
	port := answering(t, srvr("leader", "0x3"))
	lines := []string{"dataDir=" + filepath.ToSlash(t.TempDir()), "initLimit=10", "syncLimit=5", fmt.Sprintf("clientPort=%d", port), "clientPortAddress=127.0.0.1"}
	one := append(slices.Clone(lines), "server.1=127.0.0.1:20000:21000", "server.2=127.0.0.1:20001:21001", "server.3=127.0.0.1:20002:21002")
	code, out, _ := run("status", "--all", "-Dzookeeper.myid=1", write(t, one...))
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, fmt.Sprintf("server.1 127.0.0.1:%d: leader", port))
	require.Contains(t, out, fmt.Sprintf("server.2 127.0.0.1: not asked: its client port is not in the configuration; add one, such as ;%d, to the line server.2\n", port))
	require.Contains(t, out, "server.3 127.0.0.1: not asked")
	require.Contains(t, out, "Leader: server 1. 1 of 3 voters serve")

	code, out, _ = run("status", "--all", "-Dzookeeper.myid=9", write(t, append(one, "server.9=127.0.0.1:20003:21003;1")...))
	require.Equal(t, exitFailed, code, out)
	require.Contains(t, out, "No leader found: 0 of 4 voters serve, 3 servers could not be asked.")

	apart := append(slices.Clone(lines), "server.1=127.0.0.1:20000:21000", "server.2=localhost:20001:21001", "server.3=127.0.0.9:20002:21002;127.0.0.1:1")
	code, out, _ = run("status", "--all", "-Dzookeeper.myid=1", write(t, apart...))
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, fmt.Sprintf("server.2 localhost:%d: leader, zxid 0x3, connections 3 (the port is this server's: its line gives none)", port))
	require.Contains(t, out, "server.3 127.0.0.1:1: does not answer")
}

func TestCheckOfAnEnsemble(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	lines := []string{"clientPort=2181", "clientPortAddress=127.0.0.1", "dataDir=" + dir, "initLimit=10", "syncLimit=5", "autopurge.purgeInterval=1"}
	three := append(lines, "server.1=a:2888:3888", "server.2=b:2888:3888", "server.3=c:2888:3888:observer")
	file := write(t, three...)
	code, out, _ := run("check", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "myid")
	code, out, _ = run("init", "--myid", "2", "--configfile", file)
	require.Equal(t, exitOK, code)
	require.Equal(t, "Using myid of 2\n", out)
	code, out, _ = run("check", file)
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, ": two voters tolerate the failure of none")
	require.Contains(t, out, "ensemble: this is server 2, a voter; with 2 voters it goes on while at most 0 of them fail\n")
	require.NoError(t, os.Remove(filepath.Join(dir, "myid")))
	code, out, _ = run("check", "-Dzookeeper.myid=3", file)
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, "ensemble: this is server 3, an observer; with 2 voters")
	code, out, _ = run("check", write(t, append(three, "server.1=x:1:2", "server.4=d:2888")...))
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "cannot be used: ")
}

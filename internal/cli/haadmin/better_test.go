package haadmin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// set writes further properties into the files of l, which win.
func (l *lab) set(t *testing.T, props ...string) {
	t.Helper()
	file := filepath.Join(l.conf, "hdfs-site.xml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var b strings.Builder
	for _, p := range props {
		k, v, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>\n", k, v)
	}
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "</configuration>", b.String()+"</configuration>", 1)), 0o600))
}

func TestEachNameNodeHasItsOwnFencingMethods(t *testing.T) {
	dir := t.TempDir()
	own := func(nn string) string {
		return fmt.Sprintf("dfs.ha.fencing.methods.ns1.%s=shell(echo %s %s >> %s)", nn, nn, env("source_namenodeid", "dfs_ha_namenode_id"), filepath.Join(dir, "said"))
	}
	l := newLab(t, false, "shell(exit 1)", [2]string{"active", "standby"}, "")
	l.toHadoop(t, false)
	l.set(t, own("nn1"), own("nn2"), "dfs.ha.fencing.methods=shell(exit 1)")
	for _, args := range [][]string{{"nn1", "nn2"}, {"nn2", "nn1"}} {
		code, _, stderr := l.run("", append([]string{"-failover", "--forcefence"}, args...)...)
		require.Zero(t, code, stderr)
	}
	said, err := os.ReadFile(filepath.Join(dir, "said"))
	require.NoError(t, err)
	require.Equal(t, "nn1 nn1 nn1\nnn2 nn2 nn2\n", strings.ReplaceAll(string(said), " \r\n", "\n"))

	l.set(t, "dfs.ha.fencing.methods.ns1.nn1=bogus")
	code, _, stderr := l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "Illegal argument: failover requires a fencer\nhaadmin: nn1: Could not find configured fencing method bogus")
	l.nodes[0].set(target.Standby)
	l.nodes[1].set(target.Active)
	code, _, stderr = l.run("", "-failover", "nn2", "nn1")
	require.Zero(t, code, "only the methods of the node to fence must be usable: %s", stderr)
}

// With the original both nodes are dead after this, with an sshfence or with a command that kills.
func TestForcedFenceLeavesTheTargetAlone(t *testing.T) {
	method, fenced := tattle(t)
	l := newLab(t, false, method, [2]string{"active", "standby"}, "")
	code, _, _ := l.run("", "-failover", "--forcefence", "nn1", "nn2")
	require.Zero(t, code)
	require.Equal(t, "nn1 nn1 ns1\n", fenced())
	require.Equal(t, []string{"standby by 0"}, l.nodes[0].calls)
	require.Equal(t, []string{"active by 0"}, l.nodes[1].calls, "it is asked nothing else")

	code, _, _ = l.run("", "-D", "admin.fenceTarget=true", "-failover", "--forcefence", "nn2", "nn1")
	require.Zero(t, code)
	require.Equal(t, "nn1 nn1 ns1\nnn1 ns1\nnn2 ns1\n", fenced(), "the original's way, by the key: target first, each by its own prefix")
}

// witness is a fencer that only writes down what it is asked.
type witness func(r fencing.Request)

func (w witness) Do(_ context.Context, r fencing.Request) (fencing.Record, error) {
	w(r)
	return fencing.Record{}, nil
}

// The order of the original's calls: the target is looked at, the source steps down, is fenced, the target is promoted.
func TestOrderOfAFailoverByHand(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	for i, n := range l.nodes {
		n.seen = func(what string) { note(fmt.Sprintf("nn%d %s", i+1, what)) }
	}
	a := &admin{ctx: t.Context(), log: zap.NewNop(), opts: haconfig.Options{Files: []string{l.conf}}}
	from, err := a.resolve("nn1")
	require.NoError(t, err)
	defer from.close()
	to, err := a.resolve("nn2")
	require.NoError(t, err)
	defer to.close()
	m, err := a.newManual(from, to)
	require.NoError(t, err)
	m.fencers[from] = witness(func(r fencing.Request) { note("fence " + r.Node.ServiceID + " for " + r.To.ServiceID) })
	m.fencers[to] = m.fencers[from]
	require.NoError(t, m.failover(t.Context(), from, to, true, false))
	require.Equal(t, []string{"nn2 status", "nn2 health", "nn1 standby by 0", "fence nn1 for nn2", "nn2 active by 0"}, order)

	order = nil
	l.nodes[0].noActive = target.Refused("cannot")
	require.Error(t, m.failover(t.Context(), to, from, false, false))
	require.Equal(t, []string{
		"nn1 status", "nn1 health", "nn2 standby by 0", "nn1 active by 0",
		"nn2 status", "nn2 health", "nn1 standby by 0", "fence nn1 for nn2", "nn2 active by 0",
	}, order, "back again, and the one that may still become active is fenced")
}

// frozenPartner is a controller whose partner does not answer: it says so, and takes over nevertheless.
type frozenPartner struct {
	fakeZKFC
	answer error
	later  atomic.Bool
}

func (z *frozenPartner) GracefulFailover(context.Context) error {
	if z.later.Load() {
		z.mine.set(target.Active)
	}
	return z.answer
}

func TestFailoverThatHappensIsASuccess(t *testing.T) {
	l := newLab(t, true, "", [2]string{"active", "standby"}, "nn2")
	z := &frozenPartner{
		fakeZKFC: fakeZKFC{l.nodes[1], l.nodes[0]},
		answer:   hadooprpc.NewException("java.net.SocketTimeoutException", "Call From nn2 to nn1:8019 failed on socket timeout exception: 10000 millis timeout"),
	}
	z.later.Store(true)
	port := serve(t, func(r target.Registrar) { target.RegisterZKFC(r, z) })
	set := []string{"-D", fmt.Sprintf("nameservices.ns1.nodes.nn2.zkfcPort=%d", port), "-D", "zookeeper.sessionTimeout=1ms"}
	code, stdout, stderr := l.run("", append(slices.Clone(set), "-failover", "nn1", "nn2")...)
	require.Zero(t, code, stderr)
	require.Equal(t, fmt.Sprintf("Failover to NameNode at localhost/127.0.0.1:%d successful\n", l.nodes[1].port), stdout)
	require.Contains(t, stderr, "haadmin: nn2's controller gave no clear answer (java.net.SocketTimeoutException); looking for 5.001s")

	old := append(slices.Clone(set), "-D", "admin.verifyFailover=false", "-failover", "nn1", "nn2")
	l.nodes[1].set(target.Standby)
	code, stdout, stderr = l.run("", old...)
	require.Equal(t, 255, code, "the original's way, by the key")
	require.Empty(t, stdout)
	require.Equal(t, "Operation failed: Call From nn2 to nn1:8019 failed on socket timeout exception: 10000 millis timeout\n", stderr)

	l.nodes[1].set(target.Standby)
	z.later.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var errs strings.Builder
	args := append([]string{"-conf", l.conf}, append(slices.Clone(set), "-failover", "nn1", "nn2")...)
	code = Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs})
	stderr = errs.String()
	require.Equal(t, 255, code, "it has not happened")
	require.Contains(t, stderr, "\nOperation failed: Call From nn2 to nn1:8019 failed on socket timeout")

	z.answer = target.Refused("not healthy")
	code, _, stderr = l.run("", append(slices.Clone(set), "-failover", "nn1", "nn2")...)
	require.Equal(t, 255, code)
	require.Equal(t, "Operation failed: not healthy\n", stderr, "a clear answer is believed")
}

func TestExitCodesTellWhatFailedByKey(t *testing.T) {
	l := newLab(t, false, "shell(exit 1)", [2]string{"active", "down"}, "")
	auto := newLab(t, true, "", [2]string{"active", "standby"}, "nn2")
	sick := newLab(t, false, "shell(exit 1)", [2]string{"active", "standby"}, "")
	sick.nodes[1].sick = "no space"
	stuck := newLab(t, false, "shell(exit 1)", [2]string{"active", "standby"}, "")
	stuck.nodes[0].noStandby = target.Refused("not now")
	for _, c := range []struct {
		lab  *lab
		args string
		code int
	}{
		{l, "-getServiceState nn1", 0},
		{l, "-bogus", exitUsage},
		{l, "-getServiceState", exitUsage},
		{l, "-getServiceState -x nn1", exitUsage},
		{l, "-help a b", exitUsage},
		{l, "-getServiceState nn3", exitConfig},
		{l, "-ns ns9 -getAllServiceState", exitConfig},
		{l, "-getServiceState nn2", exitNoAnswer},
		{l, "-getAllServiceState", exitNoAnswer},
		{l, "-transitionToActive nn1", exitNoAnswer},
		{l, "-failover nn1 nn2", exitNoAnswer},
		{l, "-failover nn2 nn1", exitRefused},
		{sick, "-transitionToActive nn2", exitRefused},
		{sick, "-transitionToObserver nn1", exitRefused},
		{sick, "-checkHealth nn2", exitUnhealthy},
		{sick, "-failover nn1 nn2", exitUnhealthy},
		{stuck, "-failover nn1 nn2", exitNotFenced},
		{auto, "-transitionToStandby nn1", exitRefused},
		{auto, "-transitionToStandby --forcemanual nn1", exitAborted},
		{auto, "-failover --forcefence nn1 nn2", exitRefused},
		{auto, "-failover nn1 nn2", exitNoAnswer},
	} {
		code, _, stderr := c.lab.run("", append([]string{"-D", "admin.exitCodes=distinct"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, stderr)
		if code != 0 {
			code, _, _ = c.lab.run("", strings.Fields(c.args)...)
			require.Equal(t, 255, code, c.args)
		}
	}
	code, _, stderr := l.run("", "-D", "admin.exitCodes=many", "-getServiceState", "nn1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, `admin.exitCodes: "many" is not a choice; write one of: original, distinct`)
}

// answers serves one connection after another: what it reads is thrown away, what it says is what.
func answers(t *testing.T, what []byte) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(what)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// What is no NameNode, or one of another time, is told with the key and the file that lead to it.
func TestWhatIsNoNameNodeIsToldWithItsKey(t *testing.T) {
	// The answer of a server of Hadoop 3.4.3 to a client of version 8, and of one of Hadoop 1 (version 4 is answered in the layout
	// of that time: call id, status, class name, message).
	old, err := hex.DecodeString("ffffffff" + "ffffffff" + "00000029" + hex.EncodeToString([]byte("org.apache.hadoop.ipc.RPC$VersionMismatch")) +
		"0000003e" + hex.EncodeToString([]byte("Server IPC version 4 cannot communicate with client version 9 ")))
	require.NoError(t, err)
	for name, what := range map[string][]byte{
		"a web server":       []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
		"noise":              {0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a huge frame":       {0x7f, 0xff, 0xff, 0xff},
		"nothing":            nil,
		"Hadoop 1":           old,
		"half of an answer":  {0, 0, 0, 50, 10},
		"a ssh server":       []byte("SSH-2.0-OpenSSH_9.2\r\n"),
		"an empty frame":     {0, 0, 0, 0},
		"a call that is not": {0, 0, 0, 3, 2, 8, 99},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, false, "", [2]string{"active", "standby"}, "")
			l.toHadoop(t, false)
			port := answers(t, what)
			l.set(t, fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn2=127.0.0.1:%d", port))
			for _, cmd := range []string{"-getServiceState", "-checkHealth", "-transitionToStandby"} {
				code, stdout, stderr := l.run("", cmd, "nn2")
				require.Equal(t, 255, code, stderr)
				require.Empty(t, stdout)
				require.True(t, strings.HasPrefix(stderr, "Operation failed: "), stderr)
				require.Contains(t, stderr, fmt.Sprintf("\nhaadmin: nn2 is at 127.0.0.1:%d by dfs.namenode.rpc-address.ns1.nn2 of %s:10: "+
					"is that the RPC port of a NameNode of Hadoop 2 or later?\n", port, filepath.Join(l.conf, "hdfs-site.xml")))
			}
		})
	}
}

// strange answers every call with an exception of a server that does not know it.
type strange struct {
	*fakeNode
	class string
}

func (s strange) Status(context.Context) (target.Status, error) {
	return target.Status{}, hadooprpc.NewException(s.class, "Unknown protocol or method")
}

func TestNameNodeOfAnUnknownVersion(t *testing.T) {
	for _, class := range []string{hadooprpc.ClassNoSuchMethod, hadooprpc.ClassNoSuchProtocol, hadooprpc.ClassVersion} {
		l := newLab(t, false, "", [2]string{"active", "standby"}, "")
		l.toHadoop(t, false)
		l.set(t, fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn2=127.0.0.1:%d", serve(t, func(r target.Registrar) { target.RegisterHAService(r, strange{l.nodes[1], class}) })))
		code, _, stderr := l.run("", "-getServiceState", "nn2")
		require.Equal(t, 255, code)
		require.Contains(t, stderr, "Operation failed: Unknown protocol or method\nhaadmin: nn2 is at 127.0.0.1:")
	}
}

func TestUnreadableFilesEndWithOneAsJavaDoes(t *testing.T) {
	l := newLab(t, false, "", [2]string{"active", "standby"}, "")
	l.toHadoop(t, false)
	file := filepath.Join(l.conf, "hdfs-site.xml")
	require.NoError(t, os.WriteFile(file, []byte("<configuration>\n<property><name>a</name><value>1 & 2</value></property></configuration>"), 0o600))
	code, stdout, stderr := l.run("", "-getAllServiceState")
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, file+":2:35: not valid XML: invalid character entity & (no semicolon); mend the line, or the element before it")
}

func TestWhatIsWrongWithOneNameNodeDoesNotHinderAnother(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	l.toHadoop(t, false)
	l.set(t, "dfs.ha.namenodes.ns1=nn1,nn2,nn3,nn4", "dfs.namenode.rpc-address.ns1.nn3=h:x")
	code, stdout, stderr := l.run("", "-getServiceState", "nn1")
	require.Zero(t, code, stderr)
	require.Equal(t, "active\n", stdout)
	code, _, stderr = l.run("", "-getServiceState", "nn3")
	require.Equal(t, 255, code)
	require.Equal(t, fmt.Sprintf("Illegal argument: Does not contain a valid host:port authority: h:x\nhaadmin: %s:11: dfs.namenode.rpc-address.ns1.nn3: "+
		"\"h:x\" is not host:port; write it as host:8020\n", filepath.Join(l.conf, "hdfs-site.xml")), stderr)
	code, _, stderr = l.run("", "-getServiceState", "nn4")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "Illegal argument: Unable to determine service address for namenode 'nn4'\nhaadmin: "+filepath.Join(l.conf, "hdfs-site.xml")+":10: dfs.namenode.rpc-address.ns1.nn4: is not set")
	code, stdout, stderr = l.run("", "-getAllServiceState")
	require.Equal(t, 255, code)
	require.Equal(t, 2, strings.Count(stdout, "\n"), "those before the wrong one are told")
	require.Contains(t, stderr, "Illegal argument: Does not contain")

	l.set(t, fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn2=127.0.0.1:%d", l.nodes[0].port), "dfs.ha.namenodes.ns1=nn1,nn2")
	code, _, stderr = l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Regexp(t, `^Failover failed: Can't failover a service to itself\nhaadmin: nn1 is at .* by dfs.namenode.rpc-address.ns1.nn1 of .*hdfs-site.xml:6\nhaadmin: nn2 is at .*:12\n$`, stderr)
}

func TestUnclearAnswers(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, io.EOF, fmt.Errorf("x: %w", io.ErrUnexpectedEOF), hadooprpc.NewException("java.io.EOFException", "x")} {
		require.True(t, unclear(err), "%v", err)
	}
	for _, err := range []error{errors.New("x"), target.Refused("no"), hadooprpc.NewException("java.net.ConnectException", "x")} {
		require.False(t, unclear(err), "%v", err)
	}
}

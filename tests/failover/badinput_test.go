package failover

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// said is what a controller says; until waits for a word of it.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *said) until(t *testing.T, word string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(s.String(), word) {
		select {
		case <-s.more:
		case <-deadline:
			require.FailNow(t, "never said: "+word, s.String())
		}
	}
}

// runZKFC runs a controller with Hadoop's files in dir until stop.
func runZKFC(t *testing.T, dir string, args ...string) (errs *said, stop func() int) {
	t.Helper()
	errs = &said{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- zkfc.Main(ctx, append([]string{"-conf", dir, "-D", "holdfast.controller.stateDir=" + t.TempDir()}, args...), cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: errs})
	}()
	stop = sync.OnceValue(func() int { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return errs, stop
}

func formatted(t *testing.T, dir string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	require.Zero(t, zkfc.Main(t.Context(), append(append([]string{"-conf", dir}, args...), "-formatZK", "-force"), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out}), out.String())
}

func TestBreadcrumbOfAnotherNameservice(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	dir := hadoopDir(t, addr, "")
	at := []string{"-D", fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:%d", serve(t, nn))}
	formatted(t, dir, at...)
	c, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer c.Close()
	other := node(2)
	other.NameserviceID = "ns7"
	crumb, err := target.MarshalNodeInfo(other)
	require.NoError(t, err)
	_, err = c.Create("/hadoop-ha/ns1/ActiveBreadCrumb", crumb, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)

	errs, stop := runZKFC(t, dir, at...)
	errs.until(t, `the breadcrumb /hadoop-ha/ns1/ActiveBreadCrumb names nameservice`)
	require.Contains(t, errs.String(), "Then give one another ha.zookeeper.parent-znode")
	require.Contains(t, errs.String(), "then delete the znode /hadoop-ha/ns1/ActiveBreadCrumb")
	stop()
	st, err := nn.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, target.Standby, st.State, "it does not become active before it is known who must be fenced")
	left, _, err := c.Get("/hadoop-ha/ns1/ActiveBreadCrumb")
	require.NoError(t, err)
	require.Equal(t, crumb, left)
}

func TestWrongParentZnodeIsToldWithItsKey(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	dir := hadoopDir(t, addr, "")
	formatted(t, dir)
	file := filepath.Join(dir, "hdfs-site.xml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "</configuration>",
		"<property><name>ha.zookeeper.parent-znode</name><value>/hadoop-hq</value></property></configuration>", 1)), 0o600))
	var errs bytes.Buffer
	code := zkfc.Main(t.Context(), []string{"-conf", dir}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs})
	require.Equal(t, 3, code)
	require.Contains(t, errs.String(), "Unable to start failover controller. Parent znode does not exist.\nRun with -formatZK flag to initialize ZooKeeper.")
	require.Contains(t, errs.String(), `{"path":"/hadoop-hq/ns1","set_by":"ha.zookeeper.parent-znode of `+strings.ReplaceAll(file, `\`, `\\`)+`:11"}`)
}

func TestWhatIsNoNameNodeIsToldWithItsKey(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	defer func() { _ = ln.Close(); <-served }()
	dir := hadoopDir(t, addr, "")
	at := []string{"-D", "dfs.namenode.rpc-address.ns1.nn1=" + ln.Addr().String()}
	formatted(t, dir, at...)
	errs, stop := runZKFC(t, dir, at...)
	errs.until(t, "What answers at "+ln.Addr().String()+" by dfs.namenode.rpc-address.ns1.nn1 of -D is not understood: is that the RPC port of a NameNode")
	errs.until(t, "Entering state SERVICE_NOT_RESPONDING")
	stop()
	require.Equal(t, 1, strings.Count(errs.String(), "is not understood"), "it is told once")
}

// strange answers as a NameNode that does not know the protocol, the method, or this version of it.
type strange struct {
	*namenode
	class string
}

func (s strange) Status(context.Context) (target.Status, error) {
	return target.Status{}, hadooprpc.NewException(s.class, "Unknown protocol or method")
}

func TestNameNodeOfAnUnknownVersionIsToldWithItsKey(t *testing.T) {
	for _, class := range []string{hadooprpc.ClassNoSuchMethod, hadooprpc.ClassNoSuchProtocol, hadooprpc.ClassVersion} {
		addr, _ := server(t, t.TempDir(), 0)
		dir := hadoopDir(t, addr, "")
		where := fmt.Sprintf("127.0.0.1:%d", serve(t, strange{&namenode{state: target.Standby}, class}))
		at := []string{"-D", "dfs.namenode.rpc-address.ns1.nn1=" + where}
		formatted(t, dir, at...)
		errs, stop := runZKFC(t, dir, at...)
		errs.until(t, "What answers at "+where+" by dfs.namenode.rpc-address.ns1.nn1 of -D is not understood: is that the RPC port of a NameNode of Hadoop 2 or later?")
		errs.until(t, "Entering state SERVICE_NOT_RESPONDING")
		errs.until(t, "Quitting master election for ")
		require.Zero(t, stop())
	}
}

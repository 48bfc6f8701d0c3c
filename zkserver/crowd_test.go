package zkserver

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// crowdSize is how many sessions the tests of this file hold or open: few in a plain run, HOLDFAST_SESSIONS=10000 in a full
// one (make crowd).
func crowdSize(t *testing.T, plain int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SESSIONS")); err == nil {
		return n
	}
	return plain
}

func crowdServer(t *testing.T) *running {
	t.Helper()
	return start(t, func(c *config.Config) {
		c.MaxClientCnxns, c.MinSessionTimeout, c.MaxSessionTimeout = 0, 0, 5*time.Minute
	})
}

// crowdAddr is the variable that makes this program the clients of TestIdleSessionsTakeLittleMemory: a process of their own,
// so that only the server's memory and file descriptors count. Its argument is "address number".
const crowdAddr = "HOLDFAST_TEST_CROWD"

// crowd opens n sessions from another process, and returns the function that ends it.
func (r *running) crowd(n int) (release func()) {
	r.t.Helper()
	program, err := os.Executable()
	require.NoError(r.t, err)
	c := exec.Command(program)
	c.Env = append(os.Environ(), crowdAddr+"="+r.Addr().String()+" "+strconv.Itoa(n))
	in, err := c.StdinPipe()
	require.NoError(r.t, err)
	out, err := c.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, c.Start())
	release = sync.OnceFunc(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	r.t.Cleanup(release)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(r.t, err)
	require.Equal(r.t, "ready\n", line)
	return release
}

// beCrowd is the process of the clients: it opens the sessions, says so, and leaves when its input ends.
func beCrowd(argument string) {
	addr, count, _ := strings.Cut(argument, " ")
	n, _ := strconv.Atoi(count)
	conns := make([]net.Conn, n)
	var failure atomic.Value
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			for i := w; i < n; i += 16 {
				var err error
				if conns[i], err = openSession(addr); err != nil {
					failure.Store(err.Error())
				}
			}
		})
	}
	group.Wait()
	if text := failure.Load(); text != nil {
		_, _ = os.Stdout.WriteString(text.(string) + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// openSession opens a session with as little on the client's side as there can be.
func openSession(addr string) (net.Conn, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	req := zkproto.ConnectRequest{TimeoutMillis: 300_000, Password: make([]byte, 16)}
	frame := req.AppendTo(make([]byte, 4))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err = nc.Write(frame); err == nil {
		_, err = io.ReadFull(nc, make([]byte, 4+4+4+8+4+16))
	}
	if err != nil {
		_ = nc.Close()
	}
	return nc, err
}

func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func TestIdleSessionsTakeLittleMemory(t *testing.T) {
	n := crowdSize(t, 500)
	r := crowdServer(t)
	before := memory()
	release := r.crowd(n)
	sessions := 0
	r.onCore(func() { sessions = r.core.replica.SessionTable().Len() })
	require.Equal(t, n, sessions)
	each := (memory() - before) / int64(n)
	t.Logf("%d idle sessions take %d bytes each", n, each)
	require.Less(t, each, int64(24<<10))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	release()
	await(t, func() bool { return r.port.Count() == 1 }, "the connections end")
}

// A storm of connects: each opens a session and leaves. Another client hardly notices, and nothing is left.
func TestStormOfConnects(t *testing.T) {
	n := crowdSize(t, 300)
	r := crowdServer(t)
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Minute)))
	before, goroutines := memory(), runtime.NumGoroutine()
	pace := time.NewTicker(time.Second / 1000)
	defer pace.Stop()
	errs := make(chan error, n)
	var group sync.WaitGroup
	begin := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range n {
			<-pace.C
			group.Go(func() {
				nc, err := openSession(r.Addr().String())
				if err != nil {
					errs <- err
					return
				}
				_ = nc.Close()
			})
		}
		group.Wait()
	}()
	var took []time.Duration
	for storming := true; storming; {
		at := time.Now()
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", []byte("x"))).Err)
		took = append(took, time.Since(at))
		select {
		case <-done:
			storming = false
		default:
		}
	}
	slices.Sort(took)
	t.Logf("%d connects in %v; meanwhile %d writes, p50 %v, p99 %v", n, time.Since(begin).Round(time.Millisecond), len(took),
		took[len(took)/2], took[len(took)*99/100])
	require.Empty(t, errs)
	await(t, func() bool { return r.port.Count() == 1 && runtime.NumGoroutine() <= goroutines+2 }, "all connections end")
	left := (memory() - before) / int64(n)
	t.Logf("%d bytes are left of each, whose session has not expired yet", left)
	require.Less(t, left, int64(8<<10))
}

package failover

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server runs a zkserver with its data in dir, on port, or on any (0) that it can have again after a restart. stop is idempotent and called at the end of the test.
func server(t *testing.T, dir string, port int) (addr string, stop func()) {
	t.Helper()
	if port == 0 {
		port = free(t)
	}
	cfg := config.Default()
	cfg.DataDir, cfg.ClientPort, cfg.ClientPortAddress = dir, port, "127.0.0.1"
	cfg.TickTime, cfg.PreAllocSize = 100*time.Millisecond, 1<<16
	cfg.MaxSessionTimeout = time.Minute
	s, err := zkserver.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	stop = sync.OnceFunc(func() { require.NoError(t, s.Shutdown(context.Background())) })
	t.Cleanup(stop)
	return s.Addr().String(), stop
}

// nodes of the recordings: 003-zkfc1-zk and 006-zkfc2-zk.
func node(i int) target.Identity {
	return target.Identity{
		NameserviceID: "ns1", ServiceID: fmt.Sprintf("nn%d", i), Host: "localhost",
		Port: 25520 + 1000*(i-1), ZKFCPort: 25019 + 1000*(i-1),
	}
}

func data(t *testing.T, i int) []byte {
	t.Helper()
	b, err := target.MarshalNodeInfo(node(i))
	require.NoError(t, err)
	return b
}

// proxy stands between a client and the server and keeps the client's frames.
type proxy struct {
	addr   string
	mu     sync.Mutex
	frames [][]byte
}

func record(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: ln.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				c.Close()
				continue
			}
			wg.Go(func() { defer c.Close(); _, _ = io.Copy(c, s) })
			wg.Go(func() { defer s.Close(); p.forward(s, c) })
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return p
}

func (p *proxy) forward(to io.Writer, from io.Reader) {
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if string(body[:8]) != "\xff\xff\xff\xfe\x00\x00\x00\x0b" { // no pings
			p.mu.Lock()
			p.frames = append(p.frames, body)
			p.mu.Unlock()
		}
		if _, err := to.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// requests is what the client asked after connecting, in hex, without xids.
func (p *proxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, f := range p.frames[1:] {
		out = append(out, hex.EncodeToString(f[4:]))
	}
	return out
}

type app struct{ fence func([]byte) }

func (a app) FenceOldActive(_ context.Context, d []byte) error { a.fence(d); return nil }
func (app) BecomeActive(context.Context) error                 { return nil }
func (app) BecomeStandby(context.Context) error                { return nil }

// run runs an elector; its state changes come out of the channel.
func run(t *testing.T, addr string, a elector.App) (*elector.Elector, <-chan elector.State) {
	t.Helper()
	return runWith(t, elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: 2 * time.Second}, a)
}

func runWith(t *testing.T, zoo elector.ZooKeeper, a elector.App) (*elector.Elector, <-chan elector.State) {
	t.Helper()
	states := make(chan elector.State, 100)
	last := elector.Init
	e := elector.New(elector.Config{
		Parent: "/hadoop-ha/ns1", Connect: zoo.Connect, App: a,
		Observe: func(n elector.Notification) {
			if n.State == elector.Active && n.Step != elector.CheckLock {
				return // told when the watch is set, too
			}
			if n.State != last {
				last = n.State
				states <- last
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return e, states
}

func await(t *testing.T, states <-chan elector.State, want elector.State) {
	t.Helper()
	for {
		select {
		case s := <-states:
			if s == want {
				return
			}
		case <-time.After(10 * time.Second):
			require.FailNow(t, "never became "+want.String())
		}
	}
}

func format(t *testing.T, addr string) {
	t.Helper()
	tree, err := elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: 2 * time.Second}.OpenTree(t.Context())
	require.NoError(t, err)
	defer tree.Close()
	require.NoError(t, tree.Ensure(t.Context(), "/hadoop-ha/ns1"))
}

// The bodies of recorded requests without length and xid; ab and cd are lock and breadcrumb of nn1, nn2.
const (
	lockPath   = "00000027" + "2f6861646f6f702d68612f6e73312f4163746976655374616e646279456c6563746f724c6f636b"
	crumbPath  = "0000001f" + "2f6861646f6f702d68612f6e73312f4163746976654272656164437275" + "6d62"
	openACL    = "00000001" + "0000001f" + "00000005776f726c64" + "00000006616e796f6e65"
	dataNN1    = "0000001d" + "0a036e733112036e6e311a096c6f63616c686f737420b0c70128bbc301"
	dataNN2    = "0000001d" + "0a036e733112036e6e321a096c6f63616c686f73742098cf0128a3cb01"
	existsLock = "00000003" + lockPath + "01"
	readCrumb  = "00000004" + crumbPath + "00"
	deleteIt   = "00000002" + crumbPath + "00000000"
	closeIt    = "fffffff5"
)

func create(path, data string, flags string) string {
	return "00000001" + path + data + openACL + flags
}

func TestElectionOnTheWireIsTheOriginals(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	format(t, addr)
	p1, p2 := record(t, addr), record(t, addr)
	fenced := make(chan []byte, 1)
	e1, s1 := run(t, p1.addr, app{})
	e1.Join(data(t, 1), false)
	await(t, s1, elector.Active)
	e2, s2 := run(t, p2.addr, app{fence: func(d []byte) { fenced <- d }})
	e2.Join(data(t, 2), false)
	await(t, s2, elector.Standby)
	require.NoError(t, e1.Leave(t.Context(), false))
	await(t, s2, elector.Active)
	require.Equal(t, []string{ // 003-zkfc1-zk from its xid 2 on
		create(lockPath, dataNN1, "00000001"), readCrumb, create(crumbPath, dataNN1, "00000000"), existsLock,
		readCrumb, deleteIt, closeIt,
	}, p1.requests())
	require.NoError(t, e2.Leave(t.Context(), true))
	require.Equal(t, []string{ // 006-zkfc2-zk from its xid 2 on, without its getData for haadmin
		create(lockPath, dataNN2, "00000001"), existsLock, create(lockPath, dataNN2, "00000001"), readCrumb,
		create(crumbPath, dataNN2, "00000000"), existsLock, closeIt,
	}, p2.requests())

	// It left in disorder: the next one finds the breadcrumb, fences, and writes with the version read.
	p3 := record(t, addr)
	e3, s3 := run(t, p3.addr, app{fence: func(d []byte) { fenced <- d }})
	e3.Join(data(t, 1), false)
	await(t, s3, elector.Active)
	require.Equal(t, data(t, 2), <-fenced)
	require.Equal(t, "00000005"+crumbPath+dataNN1+"00000000", p3.requests()[2])
}

func TestActiveStaysActiveThroughARestartOfTheServer(t *testing.T) {
	dir := t.TempDir()
	addr, stop := server(t, dir, 0)
	format(t, addr)
	e, states := run(t, addr, app{fence: func([]byte) { t.Error("nobody is to be fenced") }})
	e.Join(data(t, 1), false)
	await(t, states, elector.Active)
	lead := e.Leadership()
	stop()
	await(t, states, elector.Neutral)
	require.Error(t, lead.Err())
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	var n int
	_, err = fmt.Sscan(port, &n)
	require.NoError(t, err)
	server(t, dir, n)
	await(t, states, elector.Active)
}

func TestFormatMakesEveryLevelAndMendsItsACL(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	c, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Create("/a", []byte("kept"), 0, zk.AuthACL(zk.PermAll))
	require.ErrorIs(t, err, zk.ErrInvalidACL)
	_, err = c.Create("/a", []byte("kept"), 0, zk.WorldACL(zk.PermRead|zk.PermAdmin|zk.PermCreate))
	require.NoError(t, err)

	tree, err := elector.ZooKeeper{
		Servers: []string{addr}, SessionTimeout: 2 * time.Second,
		ACL:  []elector.ACL{{Scheme: "world", ID: "anyone", Perms: 1}, {Scheme: "auth", ID: "", Perms: 31}},
		Auth: []elector.Auth{{Scheme: "digest", Data: []byte("zkfc:secret")}},
	}.OpenTree(t.Context())
	require.NoError(t, err)
	defer tree.Close()
	ok, err := tree.Exists(t.Context(), "/a/b/ns1")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, tree.Ensure(t.Context(), "/a/b/ns1"))
	require.NoError(t, tree.Ensure(t.Context(), "/a/b/ns1"), "again")
	for _, p := range []string{"/a", "/a/b", "/a/b/ns1"} {
		acl, st, failed := c.GetACL(p)
		require.NoError(t, failed)
		require.Len(t, acl, 2, p)
		require.Equal(t, zk.ACL{Scheme: "digest", ID: acl[1].ID, Perms: 31}, acl[1])
		require.Equal(t, p == "/a", st.DataLength == 4, "the data is left alone")
	}
	require.NoError(t, tree.Clear(t.Context(), "/a/b"))
	ok, err = tree.Exists(t.Context(), "/a/b/ns1")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestGarbageOnTheServersPortNeitherPanicsNorHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	answers := make(chan struct{}, 100)
	wg.Go(func() {
		for {
			c, closed := ln.Accept()
			if closed != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
			select {
			case answers <- struct{}{}:
			default:
			}
		}
	})
	defer wg.Wait()
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range 3 {
			<-answers
		}
		cancel()
	}()
	_, err = elector.ZooKeeper{Servers: []string{ln.Addr().String()}, SessionTimeout: time.Second}.OpenTree(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

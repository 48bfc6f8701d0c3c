package zkserver

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// gated is a disk whose log syncs wait while the gate is closed.
type gated struct {
	mu     sync.Mutex
	closed bool
	open   *sync.Cond
}

func newGated() (*gated, vfs.FS) {
	g := &gated{}
	g.open = sync.NewCond(&g.mu)
	return g, vfs.Inject(vfs.OS(), func(c vfs.Call) error {
		if c.Op == vfs.OpSync && strings.HasPrefix(filepath.Base(c.Path), "log.") {
			g.mu.Lock()
			for g.closed {
				g.open.Wait()
			}
			g.mu.Unlock()
		}
		return nil
	})
}

func (g *gated) set(closed bool) {
	g.mu.Lock()
	g.closed = closed
	g.open.Broadcast()
	g.mu.Unlock()
}

// waited waits until the throttle has looked n times in vain.
func (r *running) waited(n int64) {
	r.t.Helper()
	await(r.t, func() bool { return r.LimitStats().ThrottleWaits >= n }, "nothing is held back")
}

// createsAndMore is a pipeline: three creates, a ping and a read.
func createsAndMore() (out []byte) {
	for i := range 3 {
		out = append(out, frame(int32(i+1), zkproto.OpCreate, createBody(fmt.Sprintf("/n%d", i), nil, 0))...)
	}
	out = append(out, frame(zkproto.XidPing, zkproto.OpPing, nil)...)
	return append(out, frame(5, zkproto.OpExists, readBody("/n2", false))...)
}

func TestRequestThrottle(t *testing.T) {
	g, fs := newGated()
	cfg := testConfig(t)
	cfg.ThrottleLimit, cfg.ThrottleStall, cfg.ThrottledOpWait = 2, time.Millisecond, 20*time.Millisecond
	r := startWith(t, cfg, WithFS(fs))
	c := r.raw(zkclient.Handshake{})
	g.set(true)
	defer g.set(false)
	require.NoError(t, c.Write(createsAndMore()))
	r.waited(1)
	require.LessOrEqual(t, r.throttle.count.Load(), int64(2), "no more than requestThrottleLimit under way")
	begin := time.Now()
	await(t, func() bool { return time.Since(begin) > 40*time.Millisecond }, "time passes")
	g.set(false)
	want := []zkproto.Error{zkproto.ErrOK, zkproto.ErrOK, zkproto.ErrThrottledOp, zkproto.ErrOK, zkproto.ErrThrottledOp}
	for i, err := range want {
		rep := c.next()
		require.Equal(t, []int32{1, 2, 3, zkproto.XidPing, 5}[i], rep.Xid)
		require.Equal(t, err, rep.Err, "reply %d", i)
	}
	require.Equal(t, int64(2), r.LimitStats().ThrottledOps)
	require.Equal(t, zkproto.ErrNoNode, c.ask(zkproto.OpExists, readBody("/n2", false)).Err, "what was throttled was not done")
}

func TestHeldBackRequestsAreDoneWhenThereIsRoom(t *testing.T) {
	g, fs := newGated()
	cfg := testConfig(t)
	cfg.ThrottleLimit, cfg.ThrottleStall = 1, time.Hour // woken by the answers, not by the clock
	r := startWith(t, cfg, WithFS(fs))
	c := r.raw(zkclient.Handshake{})
	g.set(true)
	defer g.set(false)
	require.NoError(t, c.Write(createsAndMore()))
	r.waited(1)
	g.set(false)
	for range 5 {
		require.Equal(t, zkproto.ErrOK, c.next().Err)
	}
}

func TestStaleRequestsAreDropped(t *testing.T) {
	for _, drop := range []bool{true, false} {
		g, fs := newGated()
		cfg := testConfig(t)
		cfg.ThrottleLimit, cfg.ThrottleStall, cfg.StaleLatencyCheck, cfg.DropStale = 1, time.Millisecond, true, drop
		r := startWith(t, cfg, WithFS(fs))
		c := r.raw(zkclient.Handshake{Timeout: 200 * time.Millisecond})
		g.set(true)
		require.NoError(t, c.Write(createsAndMore()))
		r.waited(1)
		if drop {
			r.awaitLog("a request waited until it was stale")
			require.Equal(t, int64(1), r.LimitStats().StaleDropped)
		} else {
			begin := time.Now()
			await(t, func() bool { return time.Since(begin) > 300*time.Millisecond }, "time passes")
		}
		g.set(false)
		if !drop {
			require.Equal(t, zkproto.ErrOK, c.next().Err)
			await(t, func() bool { return r.LimitStats().StaleRequests > 0 }, "counted")
		}
		r.stop()
	}
}

func TestOversizedRequestIsNamed(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 2048 })
	c := r.raw(zkclient.Handshake{})
	require.NoError(t, c.Write(frame(9, zkproto.OpSetData, setBody("/a/large/one", make([]byte, 4096)))))
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }))
	r.awaitLog("a request is too large")
	fields := r.logs.FilterMessageSnippet("a request is too large").All()[0].ContextMap()
	require.Equal(t, "/a/large/one", fields["path"])
	require.Equal(t, "setData", fields["op"])
	require.Equal(t, int64(4096+8+4+12+4+4), fields["bytes"])
	require.Equal(t, int64(2048), fields["limit"])
	require.Regexp(t, "^0x[0-9a-f]+$", fields["session"])
	require.Equal(t, int64(1), r.LimitStats().OversizedRequests)

	// A multi, by its first part; and a frame of which only the head ever comes.
	d := r.raw(zkclient.Handshake{})
	body := zkproto.MultiHeader{Type: zkproto.OpCreate}.AppendTo(nil)
	require.NoError(t, d.Write(frame(9, zkproto.OpMulti, append(body, createBody("/in/multi", make([]byte, 3000), 0)...))[:200]))
	require.Error(t, d.ReadBatch(func([]byte) error { return nil }))
	await(t, func() bool { return r.logs.FilterMessageSnippet("a request is too large").Len() == 2 }, "named")
	require.Equal(t, "/in/multi", r.logs.FilterMessageSnippet("a request is too large").All()[1].ContextMap()["path"])
}

// A client cannot help having many watches: its setWatches may be larger than other requests (ZOOKEEPER-706).
func TestSetWatchesMayBeLarge(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 2048 })
	c := r.raw(zkclient.Handshake{})
	req := zkproto.SetWatchesRequest{RelativeZxid: 1}
	for i := range 500 {
		req.Data = append(req.Data, fmt.Sprintf("/some/path/%d", i))
	}
	body := req.AppendTo(nil, zkproto.OpSetWatches)
	require.Greater(t, len(body), 4*2048)
	require.NoError(t, c.Write(frame(zkproto.XidSetWatches, zkproto.OpSetWatches, body)))
	var rep reply
	for rep = c.next(); rep.Xid == zkproto.XidNotification; rep = c.next() {
	}
	require.Equal(t, zkproto.ErrOK, rep.Err)
}

func TestLargeRequests(t *testing.T) {
	g, fs := newGated()
	cfg := testConfig(t)
	cfg.LargeRequestThreshold, cfg.LargeRequestMaxBytes = 1000, 5000
	r := startWith(t, cfg, WithFS(fs))
	a, b := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	g.set(true)
	defer g.set(false)
	require.NoError(t, a.Write(frame(1, zkproto.OpCreate, createBody("/a", make([]byte, 3000), 0))))
	await(t, func() bool { return r.throttle.count.Load() == 1 }, "under way")
	require.NoError(t, b.Write(frame(1, zkproto.OpCreate, createBody("/b", make([]byte, 3000), 0))))
	require.Error(t, b.ReadBatch(func([]byte) error { return nil }))
	r.awaitLog("largeRequestMaxBytes")
	require.Equal(t, int64(1), r.LimitStats().LargeRejected)
	g.set(false)
	require.Equal(t, zkproto.ErrOK, a.next().Err)
	for range 5 { // and when it is done there is room for the next
		require.Equal(t, zkproto.ErrOK, a.ask(zkproto.OpSetData, setBody("/a", make([]byte, 3000))).Err)
	}
	await(t, func() bool { return r.throttle.large.Load() == 0 }, "all bytes are given back")
}

func TestLargeAnswersAreTold(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 2048 })
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/kids", nil, 0)).Err)
	for i := range 40 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(fmt.Sprintf("/kids/%060d", i), nil, 0)).Err)
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetChildren, readBody("/kids", false)).Err)
	fields := r.logs.FilterMessageSnippet("an answer is larger than jute.maxbuffer").All()[0].ContextMap()
	require.Equal(t, "/kids", fields["path"])
	require.Equal(t, int64(1), r.LimitStats().LargeAnswers)
}

func TestTimeoutsThatAreNotGivenAreTold(t *testing.T) {
	r := start(t) // ticks of 100 ms: 200 ms to 2 s
	for range 3 {
		r.raw(zkclient.Handshake{Timeout: time.Minute})
	}
	r.raw(zkclient.Handshake{Timeout: time.Second})
	told := r.logs.FilterMessageSnippet("session timeout is not the one asked for, which").All()
	require.Len(t, told, 1)
	require.Equal(t, int64(60_000), int64(told[0].ContextMap()["askedMillis"].(int32)))
	require.Equal(t, int64(2_000), int64(told[0].ContextMap()["givenMillis"].(int32)))
	require.Equal(t, int64(3), r.LimitStats().ClampedTimeouts)
}

func TestReload(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxClientCnxns = 1 })
	c := r.raw(zkclient.Handshake{})
	require.Empty(t, closedByServer(t, r.dial()))
	next := r.cfg
	next.MaxClientCnxns, next.MaxSessionTimeout, next.MaxBuffer, next.PreAllocSize = 3, 5*time.Second, 2048, 1<<20
	changed, waiting, err := r.Reload(next)
	require.NoError(t, err)
	require.Equal(t, []string{"maxSessionTimeout", "maxClientCnxns", "jute.maxbuffer"}, changed)
	require.Equal(t, []string{"preAllocSize"}, waiting)
	d := r.raw(zkclient.Handshake{Timeout: time.Minute})
	require.Equal(t, 5*time.Second, d.Session.Timeout)
	require.NoError(t, d.Write(frame(1, zkproto.OpCreate, createBody("/a", make([]byte, 3000), 0))))
	require.Error(t, d.ReadBatch(func([]byte) error { return nil }))
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/", false)).Err, "what is open stays open")

	next.TickTime = 0
	_, _, err = r.Reload(next)
	require.ErrorContains(t, err, "tickTime")
}

// A client that would take a read-only server gets this one, which is not read-only.
func TestReadOnlyClient(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{ReadOnly: true})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	nc := r.dial()
	_, err := nc.Write([]byte("isro"))
	require.NoError(t, err)
	require.Equal(t, "rw", strings.TrimSpace(string(closedByServer(t, nc))))
}

func TestKeepAliveAndBacklog(t *testing.T) {
	r := start(t, func(c *config.Config) { c.TCPKeepAlive, c.ListenBacklog = true, 7 })
	require.Equal(t, zkproto.ErrOK, r.raw(zkclient.Handshake{}).ask(zkproto.OpExists, readBody("/", false)).Err)
	_, ok := r.listener.(*net.TCPListener)
	require.True(t, ok)
}

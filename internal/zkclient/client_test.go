package zkclient_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// events collects what a client tells, and lets a test wait for the next.
type events chan zkclient.Event

func (e events) next(t *testing.T) zkclient.Event {
	t.Helper()
	select {
	case ev := <-e:
		return ev
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no event came")
		return zkclient.Event{}
	}
}

func (e events) until(t *testing.T, s zkproto.KeeperState) {
	t.Helper()
	for {
		if ev := e.next(t); ev.Type == zkproto.EventNone && ev.State == s {
			return
		}
	}
}

func connect(t *testing.T, cfg zkclient.Config) (*zkclient.Client, events) {
	t.Helper()
	e := make(events, 10_000)
	cfg.OnEvent = func(ev zkclient.Event) { e <- ev }
	c, err := zkclient.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	e.until(t, zkproto.StateSyncConnected)
	return c, e
}

func TestOperationsReachTheServerAndComeBack(t *testing.T) {
	c, _ := connect(t, zkclient.Config{Servers: []string{zktest.Start(t).Addr()}})
	ctx := t.Context()
	name, err := c.Create(ctx, "/a", []byte("x"), zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	require.Equal(t, "/a", name)
	name, err = c.Create(ctx, "/a/", nil, zkproto.WorldAll(), zkproto.ModePersistentSequential, 0)
	require.NoError(t, err)
	require.Equal(t, "/a/0000000000", name)
	data, st, err := c.Get(ctx, "/a", false)
	require.NoError(t, err)
	require.Equal(t, "x", string(data))
	require.EqualValues(t, 1, st.NumChildren)
	data, _, err = c.Get(ctx, name, false)
	require.NoError(t, err)
	require.Nil(t, data, "a znode created without data has null, not empty, data")
	_, err = c.Set(ctx, "/a", []byte("y"), 5)
	require.ErrorIs(t, err, zkproto.ErrBadVersion)
	st, err = c.Set(ctx, "/a", []byte("yy"), 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, st.Version)
	kids, _, err := c.Children(ctx, "/a", false)
	require.NoError(t, err)
	require.Equal(t, []string{"0000000000"}, kids)
	_, err = c.Exists(ctx, "/nope", false)
	require.ErrorIs(t, err, zkproto.ErrNoNode)
	require.NoError(t, c.Sync(ctx, "/"))
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("u:p")))
	who, err := c.WhoAmI(ctx)
	require.NoError(t, err)
	require.Equal(t, []zkproto.ClientInfo{{Scheme: "ip", User: "127.0.0.1"}, {Scheme: "digest", User: "u"}}, who)
	acl := []zkproto.ACL{{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}
	_, err = c.SetACL(ctx, "/a", acl, -1)
	require.NoError(t, err)
	got, _, err := c.ACL(ctx, "/a")
	require.NoError(t, err)
	require.Equal(t, acl, got)
	require.ErrorIs(t, c.Delete(ctx, "/a", -1), zkproto.ErrNotEmpty)
	require.ErrorIs(t, c.DeleteMulti(ctx, []string{"/nope", "/a"}), zkproto.ErrNoNode)
	require.NoError(t, c.DeleteMulti(ctx, []string{name, "/a"}))
	var bad *zkclient.PathError
	require.ErrorAs(t, c.Delete(ctx, "a", -1), &bad)
}

func TestRequestsArePipelinedAndAnsweredInOrder(t *testing.T) {
	c, _ := connect(t, zkclient.Config{Servers: []string{zktest.Start(t).Addr()}})
	const n = 5000
	var wg sync.WaitGroup
	var order []int
	for i := range n {
		wg.Add(1)
		req := zkproto.PathWatchRequest{Path: "/"}
		c.Submit(zkproto.OpExists, req.AppendTo, func(r zkclient.Reply) {
			defer wg.Done()
			if r.Err == nil && len(r.Body) == zkproto.StatSize {
				order = append(order, i)
			}
		})
	}
	wg.Wait()
	require.Len(t, order, n)
	require.IsIncreasing(t, order)
}

func TestRequestsOfManyGoroutinesKeepTheirBytes(t *testing.T) {
	c, _ := connect(t, zkclient.Config{Servers: []string{zktest.Start(t).Addr()}})
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			path := "/" + string(rune('a'+g))
			_, err := c.Create(ctx, path, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
			for i := 0; i < 300 && err == nil; i++ {
				_, err = c.Set(ctx, path, []byte(path), int32(i))
			}
			if !assert.NoError(t, err) {
				return
			}
			data, st, err := c.Get(ctx, path, false)
			assert.NoError(t, err)
			assert.Equal(t, path, string(data))
			assert.EqualValues(t, 300, st.Version)
		})
	}
	wg.Wait()
}

func TestWatchComesBeforeTheReplyAndOnce(t *testing.T) {
	c, e := connect(t, zkclient.Config{Servers: []string{zktest.Start(t).Addr()}})
	ctx := t.Context()
	_, err := c.Exists(ctx, "/w", true)
	require.ErrorIs(t, err, zkproto.ErrNoNode)
	for range 2 {
		_, err = c.Create(ctx, "/w", nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
		require.NoError(t, err)
		require.NoError(t, c.Delete(ctx, "/w", -1))
	}
	ev := e.next(t)
	require.Equal(t, zkproto.EventNodeCreated, ev.Type)
	require.Equal(t, "/w", ev.Path)
	require.NoError(t, c.Sync(ctx, "/"))
	require.Empty(t, e)
}

func TestChrootIsAddedAndTakenOff(t *testing.T) {
	s := zktest.Start(t)
	outer, _ := connect(t, zkclient.Config{Servers: []string{s.Addr()}})
	ctx := t.Context()
	_, err := outer.Create(ctx, "/app", nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	inner, e := connect(t, zkclient.Config{Servers: []string{s.Addr()}, Chroot: "/app"})
	_, _, err = inner.Children(ctx, "/", true)
	require.NoError(t, err)
	name, err := inner.Create(ctx, "/x", nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	require.Equal(t, "/x", name)
	require.Equal(t, "/", e.next(t).Path)
	_, err = outer.Exists(ctx, "/app/x", false)
	require.NoError(t, err)
}

func TestSessionSurvivesABrokenConnection(t *testing.T) {
	s := zktest.Start(t)
	c, e := connect(t, zkclient.Config{Servers: []string{s.Addr()}, Reconnect: true})
	ctx := t.Context()
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("u:p")))
	_, _, err := c.Children(ctx, "/", true)
	require.NoError(t, err)
	_, err = c.Exists(ctx, "/later", true)
	require.ErrorIs(t, err, zkproto.ErrNoNode)
	id := c.Session().ID

	s.Silence(true)
	lost := make(chan error, 1)
	c.Submit(zkproto.OpExists, (&zkproto.PathWatchRequest{Path: "/"}).AppendTo, func(r zkclient.Reply) { lost <- r.Err })
	s.Drop()
	require.ErrorIs(t, <-lost, zkproto.ErrConnectionLoss)
	s.Silence(false)
	e.until(t, zkproto.StateDisconnected)
	e.until(t, zkproto.StateSyncConnected)

	require.NoError(t, c.Sync(ctx, "/"))
	require.Equal(t, id, c.Session().ID)
	who, err := c.WhoAmI(ctx)
	require.NoError(t, err)
	require.Len(t, who, 2, "credentials are presented again")
	require.Len(t, s.Restored(), 1)
	require.Equal(t, []string{"/"}, s.Restored()[0].Child)
	require.Equal(t, []string{"/later"}, s.Restored()[0].Exist)
}

func TestExpiredSessionEndsTheClient(t *testing.T) {
	s := zktest.Start(t)
	c, e := connect(t, zkclient.Config{Servers: []string{s.Addr()}, Reconnect: true})
	s.Expire()
	e.until(t, zkproto.StateExpired)
	<-c.Done()
	require.ErrorIs(t, c.Err(), zkproto.ErrSessionExpired)
	require.ErrorIs(t, c.Sync(t.Context(), "/"), zkproto.ErrSessionExpired)
}

func TestWithoutReconnectABrokenConnectionEndsTheClient(t *testing.T) {
	s := zktest.Start(t)
	c, _ := connect(t, zkclient.Config{Servers: []string{s.Addr()}})
	s.Drop()
	<-c.Done()
	require.ErrorIs(t, c.Sync(t.Context(), "/"), zkproto.ErrConnectionLoss)
	require.NoError(t, c.Close())
}

func TestIdleSessionIsPingedAndSilentServerIsLeft(t *testing.T) {
	s := zktest.Start(t)
	// on a busy machine the connection may be given up before its first ping; then there is a next one
	_, e := connect(t, zkclient.Config{Servers: []string{s.Addr()}, SessionTimeout: 300 * time.Millisecond, Reconnect: true})
	require.Eventually(t, func() bool { return slices.Contains(s.Seen(), zkproto.OpPing) }, 20*time.Second, time.Millisecond)
	s.Silence(true)
	for len(e) > 0 {
		<-e
	}
	e.until(t, zkproto.StateDisconnected)
	s.Silence(false)
	e.until(t, zkproto.StateSyncConnected)
}

func TestCloseEndsTheSessionAndItsEphemerals(t *testing.T) {
	s := zktest.Start(t)
	c, _ := connect(t, zkclient.Config{Servers: []string{s.Addr()}})
	_, err := c.Create(t.Context(), "/e", nil, zkproto.WorldAll(), zkproto.ModeEphemeral, 0)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.Sync(t.Context(), "/"), zkclient.ErrClosed)
	other, _ := connect(t, zkclient.Config{Servers: []string{s.Addr()}})
	_, err = other.Exists(t.Context(), "/e", false)
	require.ErrorIs(t, err, zkproto.ErrNoNode)
}

func TestManyWatchesAreRestoredInSeveralRequests(t *testing.T) {
	s := zktest.Start(t)
	c, e := connect(t, zkclient.Config{Servers: []string{s.Addr()}, Reconnect: true})
	long := "/" + string(bytes.Repeat([]byte("n"), 40<<10))
	for _, p := range []string{long + "1", long + "2", long + "3", long + "4"} {
		_, err := c.Exists(t.Context(), p, true)
		require.ErrorIs(t, err, zkproto.ErrNoNode)
	}
	s.Drop()
	e.until(t, zkproto.StateSyncConnected)
	require.NoError(t, c.Sync(t.Context(), "/"))
	require.Len(t, s.Restored(), 2)
	require.Len(t, s.Restored()[0].Exist, 3)
	require.Len(t, s.Restored()[1].Exist, 1)
}

// peer answers every connection with fixed bytes.
func peer(t *testing.T, answer []byte, hold bool) string {
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
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(answer)
			if hold {
				_, _ = c.Read(make([]byte, 1024))
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestBadPeersAreRefusedClearly(t *testing.T) {
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	for name, tc := range map[string]struct {
		answer []byte
		hold   bool
		want   string
	}{
		"closes at once":     {nil, false, "closed the connection without an answer"},
		"speaks http":        {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true, "does not speak the zookeeper client protocol"},
		"claims a huge one":  {huge, true, "does not speak the zookeeper client protocol"},
		"too short a record": {[]byte{0, 0, 0, 4, 0, 0, 0, 0}, true, "does not speak the zookeeper client protocol"},
		"never answers":      {nil, true, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := zkclient.Connect(ctx, zkclient.Config{Servers: []string{peer(t, tc.answer, tc.hold)}})
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := zkclient.Connect(t.Context(), zkclient.Config{Servers: []string{"127.0.0.1:1"}})
	require.ErrorContains(t, err, "connect to 127.0.0.1:1")
}

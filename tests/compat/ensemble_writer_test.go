//go:build compat

package compat

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// writer is a client that writes all the time, one znode after the other, wherever it finds a server, and remembers what was
// acknowledged.
type writer struct {
	e    *ensemble
	top  string
	stop chan struct{}
	done chan struct{}

	wanted atomic.Int32 // how many wait for its writes

	mu        sync.Mutex
	acked     []int // numbers of the znodes
	attempted int
	sessions  int
	pause     time.Duration // the longest between two acknowledgements since it was last asked for
	last      time.Time
}

// write starts a writer below a znode of that name.
func (e *ensemble) write(name string) *writer {
	e.t.Helper()
	c := e.session(20*time.Second, e.up()...)
	_, err := c.Create(e.t.Context(), "/"+name, nil, world, zkproto.ModePersistent, 0)
	require.NoError(e.t, err)
	c.Leave()
	return e.writeBelow("/" + name)
}

// writeBelow starts a writer below a znode that is there.
func (e *ensemble) writeBelow(top string) *writer {
	e.t.Helper()
	w := &writer{e: e, top: top, stop: make(chan struct{}), done: make(chan struct{}), last: time.Now()}
	go w.run()
	e.t.Cleanup(w.end)
	return w
}

var world = []zkproto.ACL{{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}

func (w *writer) run() {
	defer close(w.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-w.stop:
		case <-w.done:
		}
		cancel()
	}()
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	var servers []string
	for _, m := range w.e.members {
		servers = append(servers, m.addr())
	}
	for ctx.Err() == nil {
		c, err := zkclient.Connect(ctx, zkclient.Config{
			Servers: servers, SessionTimeout: 20 * time.Second, DialTimeout: time.Second, Reconnect: true, RequestTimeout: 20 * time.Second,
		})
		if err != nil {
			continue // all servers were tried, with pauses, for as long as the context lives
		}
		w.mu.Lock()
		w.sessions++
		w.mu.Unlock()
		for ctx.Err() == nil && c.Err() == nil {
			w.one(ctx, c)
			ticks := 5 // all the time, but servers that start have something else to do
			if w.wanted.Load() > 0 {
				ticks = 1
			}
			for range ticks {
				select {
				case <-every.C:
				case <-ctx.Done():
				}
			}
		}
		c.Leave()
	}
}

func (w *writer) one(ctx context.Context, c *zkclient.Client) {
	w.mu.Lock()
	n := w.attempted
	w.attempted++
	w.mu.Unlock()
	path := w.path(n)
	got, err := c.Create(ctx, path, []byte(path), world, zkproto.ModePersistent, 0)
	if err != nil || got != path {
		return // whether it happened is unknown
	}
	w.mu.Lock()
	w.acked = append(w.acked, n)
	now := time.Now()
	w.pause = max(w.pause, now.Sub(w.last))
	w.last = now
	w.mu.Unlock()
}

func (w *writer) path(n int) string { return fmt.Sprintf("%s/%06d", w.top, n) }

// goesOn waits until n more writes have been acknowledged.
func (w *writer) goesOn(n int) {
	w.e.t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	w.wanted.Add(1)
	defer w.wanted.Add(-1)
	want := count() + n
	w.e.await(func() string { return fmt.Sprintf("%d writes are acknowledged, %d are", want, count()) }, func() bool { return count() >= want })
}

// longestPause answers the longest time without an acknowledgement since it was last asked.
func (w *writer) longestPause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := max(w.pause, time.Since(w.last))
	w.pause, w.last = 0, time.Now()
	return p
}

// end stops the writer.
func (w *writer) end() {
	w.mu.Lock()
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.mu.Unlock()
	<-w.done
}

// check ends the writer and says whether a tree holds everything that was acknowledged, in the order of the
// acknowledgements, and nothing that was never written.
func (w *writer) check(tree map[string]node) {
	t := w.e.t
	t.Helper()
	w.end()
	require.NotEmpty(t, w.acked)
	var before zkproto.Zxid
	for _, n := range w.acked {
		z, ok := tree[w.path(n)]
		require.True(t, ok, "%s was acknowledged and is lost", w.path(n))
		require.Equal(t, w.path(n), z.data)
		require.Greater(t, z.stat.Czxid, before, "%s: written later", w.path(n))
		before = z.stat.Czxid
	}
	children := 0
	for path := range tree {
		if len(path) == len(w.top)+7 && path[:len(w.top)+1] == w.top+"/" {
			children++
		}
	}
	require.GreaterOrEqual(t, children, len(w.acked))
	require.LessOrEqual(t, children, w.attempted)
	t.Logf("%s: %d acknowledged of %d, %d sessions", w.top, len(w.acked), w.attempted, w.sessions)
}

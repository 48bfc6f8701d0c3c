package elector

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a ZooKeeper with just what electors use.
type world struct {
	mu      sync.Mutex
	nodes   map[string]*znode
	zxid    int64
	clients []*fake
	journal []string // the writes
}

type znode struct {
	data    []byte
	version int32
	czxid   int64
	owner   int64
}

type fake struct {
	w      *world
	id     int64
	events func(Event)
	watch  map[string]bool
	closed bool
}

func newWorld() *world { return &world{nodes: map[string]*znode{}} }

func (w *world) connect(events func(Event)) (Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zxid++
	f := &fake{w: w, id: w.zxid, events: events, watch: map[string]bool{}}
	w.clients = append(w.clients, f)
	events(Connected{f.id})
	return f, nil
}

func (w *world) fire(path string) {
	for _, c := range w.clients {
		if c.watch[path] && !c.closed {
			delete(c.watch, path)
			c.events(LockDeleted{})
		}
	}
}

// end is the end of a session, by close or expiry.
func (f *fake) end() {
	f.closed = true
	for p, n := range f.w.nodes {
		if n.owner == f.id {
			delete(f.w.nodes, p)
			f.w.fire(p)
		}
	}
}

func (f *fake) begin() (unlock func(), err error) {
	f.w.mu.Lock()
	if f.closed {
		f.w.mu.Unlock()
		return nil, ErrLost
	}
	return f.w.mu.Unlock, nil
}

func (f *fake) Create(path string, data []byte, ephemeral bool) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	if f.w.nodes[path] != nil {
		return ErrNodeExists
	}
	f.w.zxid++
	n := &znode{data: data, czxid: f.w.zxid}
	if ephemeral {
		n.owner = f.id
	}
	f.w.nodes[path] = n
	f.w.journal = append(f.w.journal, "create "+path+" "+string(data))
	return nil
}

func (f *fake) Get(path string) ([]byte, int32, error) {
	unlock, err := f.begin()
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return nil, 0, ErrNoNode
	}
	return n.data, n.version, nil
}

func (f *fake) Set(path string, data []byte, version int32) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return ErrNoNode
	}
	if n.version != version {
		return ErrBadVersion
	}
	n.data, n.version = data, n.version+1
	f.w.journal = append(f.w.journal, "set "+path+" "+string(data))
	return nil
}

func (f *fake) Delete(path string, version int32) error {
	unlock, err := f.begin()
	if err != nil {
		return err
	}
	defer unlock()
	n := f.w.nodes[path]
	if n == nil {
		return ErrNoNode
	}
	if n.version != version {
		return ErrBadVersion
	}
	delete(f.w.nodes, path)
	f.w.journal = append(f.w.journal, "delete "+path)
	return nil
}

func (f *fake) Watch(path string) (Lock, error) {
	unlock, err := f.begin()
	if err != nil {
		return Lock{}, err
	}
	defer unlock()
	f.watch[path] = true
	n := f.w.nodes[path]
	if n == nil {
		return Lock{}, ErrNoNode
	}
	return Lock{n.owner, n.czxid}, nil
}

func (f *fake) Close() {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.end()
}

// app is an App of functions; nil ones succeed.
type app struct {
	fence   func(context.Context, []byte) error
	active  func(context.Context) error
	standby func(context.Context) error
}

func (a app) FenceOldActive(ctx context.Context, data []byte) error {
	if a.fence == nil {
		return nil
	}
	return a.fence(ctx, data)
}

func (a app) BecomeActive(ctx context.Context) error {
	if a.active == nil {
		return nil
	}
	return a.active(ctx)
}

func (a app) BecomeStandby(ctx context.Context) error {
	if a.standby == nil {
		return nil
	}
	return a.standby(ctx)
}

func start(t *testing.T, w *world, a App) *Elector {
	t.Helper()
	e := New(Config{Parent: "/p", Connect: w.connect, App: a})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return e
}

func TestStandbyFencesAndTakesOverWhenTheActiveQuitsInDisorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var fenced []byte
		a := start(t, w, app{})
		b := start(t, w, app{fence: func(_ context.Context, d []byte) error { fenced = d; return nil }})
		a.Join([]byte("a"))
		synctest.Wait()
		b.Join([]byte("b"))
		synctest.Wait()
		require.Equal(t, []State{Active, Standby}, []State{a.State(), b.State()})
		lead := a.Leadership()
		require.NoError(t, lead.Err())

		require.NoError(t, a.Leave(t.Context(), true))
		synctest.Wait()
		require.Equal(t, []State{Init, Active}, []State{a.State(), b.State()})
		require.Error(t, lead.Err(), "leadership ends with the lock")
		require.Equal(t, "a", string(fenced))
		require.Equal(t, []string{
			"create /p/" + LockName + " a", "create /p/" + BreadcrumbName + " a",
			"create /p/" + LockName + " b", "set /p/" + BreadcrumbName + " b",
		}, w.journal)
	})
}

func TestOrderlyLeaveNeedsNoFencing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := start(t, w, app{})
		b := start(t, w, app{fence: func(context.Context, []byte) error { return errors.New("must not be asked") }})
		a.Join([]byte("a"))
		synctest.Wait()
		b.Join([]byte("b"))
		synctest.Wait()
		require.NoError(t, a.Leave(t.Context(), false))
		synctest.Wait()
		require.Equal(t, Active, b.State())
		data, err := a.ActiveData(t.Context()) // by a session of its own
		require.NoError(t, err)
		require.Equal(t, "b", string(data))
	})
}

func TestExpiryEndsLeadershipAndThePromotionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var ended error
		once := true
		a := start(t, w, app{active: func(ctx context.Context) error {
			if once {
				once = false
				<-ctx.Done()
				ended = ctx.Err()
			}
			return ended
		}})
		a.Join([]byte("a"))
		synctest.Wait()
		w.mu.Lock()
		c := w.clients[0]
		c.end()
		c.events(Expired{})
		w.mu.Unlock()
		synctest.Wait()
		require.ErrorIs(t, ended, context.Canceled)
	})
}

func TestFailedFencingLeavesTheLockToOthersForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.nodes["/p/"+BreadcrumbName] = &znode{data: []byte("old")}
		tries := 0
		a := start(t, w, app{fence: func(context.Context, []byte) error {
			if tries++; tries < 3 {
				return errors.New("no method worked")
			}
			return nil
		}})
		a.Join([]byte("a"))
		synctest.Wait()
		require.Equal(t, 1, tries)
		require.NotEqual(t, Active, a.State())
		require.Nil(t, w.nodes["/p/"+LockName], "the lock is free")
		require.Equal(t, "old", string(w.nodes["/p/"+BreadcrumbName].data), "the breadcrumb still names who must be fenced")
		_, err := a.ActiveData(t.Context())
		require.ErrorIs(t, err, ErrNoActive)
		time.Sleep(3 * time.Second) // 1s, then 2s
		synctest.Wait()
		require.Equal(t, Active, a.State())
	})
}

func TestLeaveWithoutSessionReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, start(t, newWorld(), app{}).Leave(t.Context(), true))
	})
}

package zkserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// writers are clients of all servers that create znodes until they are stopped.
type writers struct {
	e      *ensemble
	cancel context.CancelFunc
	group  sync.WaitGroup
	count  atomic.Int64
	mu     sync.Mutex
	acked  []string
	errs   map[string]int
}

func (e *ensemble) write(n int) *writers { return e.writeAt(n, e.members) }

// writeAt starts writers whose clients know these servers.
func (e *ensemble) writeAt(n int, at []*member) *writers {
	ctx, cancel := context.WithCancel(context.Background())
	w := &writers{e: e, cancel: cancel, errs: map[string]int{}}
	e.t.Cleanup(w.group.Wait) // when the connections below are closed
	defer e.t.Cleanup(cancel)
	e.groups++
	group := e.groups
	for i := range n {
		order := append(append([]*member(nil), at[i%len(at):]...), at[:i%len(at)]...)
		c := e.connect(order...)
		w.group.Go(func() {
			for k := 0; ctx.Err() == nil; k++ {
				path := fmt.Sprintf("/w%d-%d-%d", group, i, k)
				_, err := c.Create(path, []byte("x"), 0, zk.WorldACL(zk.PermAll))
				w.mu.Lock()
				if err == nil {
					w.acked = append(w.acked, path)
					w.count.Add(1)
				} else {
					w.errs[err.Error()]++
				}
				w.mu.Unlock()
			}
		})
	}
	return w
}

// more waits for n further acknowledged writes.
func (w *writers) more(n int64) {
	w.e.t.Helper()
	want := w.count.Load() + n
	w.e.await("more writes", func() bool { return w.count.Load() >= want })
}

// stop ends the writers and checks that nothing acknowledged is lost, on any server that runs.
func (w *writers) stop() {
	t := w.e.t
	t.Helper()
	w.cancel()
	w.group.Wait()
	w.e.same()
	for _, m := range w.e.members {
		if m.Server == nil {
			continue
		}
		m.treeMu.RLock()
		for _, path := range w.acked {
			_, _, ok := m.tree.Exists(path)
			require.True(t, ok, "server %d has lost %s", m.id, path)
		}
		m.treeMu.RUnlock()
	}
	t.Logf("%d acknowledged, errors: %v", len(w.acked), w.errs)
}

func TestEnsembleLosesItsLeader(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(6)
	w.more(50)
	for range 3 {
		old := e.leader()
		begin := time.Now()
		old.kill()
		w.more(1)
		t.Logf("next acknowledged write after %v", time.Since(begin))
		w.more(50)
		old.start()
		e.startAll()
		w.more(20)
	}
	w.stop()
}

func TestEnsembleLosesAFollower(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(3)
	for range 2 {
		w.more(20)
		m := e.followers()[0]
		m.kill()
		w.more(20)
		m.start()
		e.startAll()
		m.mustHaveLogged("zab: sync", "DIFF from the leader")
	}
	w.stop()
}

// All lose their power at once, again and again.
func TestEnsembleLosesItsPower(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(3)
	for range 2 {
		w.more(20)
		for _, m := range e.members {
			m.off.Store(true)
		}
		for _, m := range e.members {
			m.kill()
		}
		e.startAll()
	}
	w.more(20)
	w.stop()
}

// A server with an empty disk gets everything from the log as long as that goes back to the beginning.
func TestEnsembleFillsAnEmptyDisk(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(2)
	w.more(600)
	m := e.followers()[0]
	m.kill()
	m.mem = vfs.NewMem()
	m.start()
	e.startAll()
	m.mustHaveLogged("zab: sync", "DIFF from the leader")
	w.stop()
}

// When the log does not go back far enough, a snapshot comes.
func TestEnsembleSendsASnapshot(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.SnapCount, c.CommitLogCount, c.PurgeInterval = 20, 5, 0 })
	e.startAll()
	w := e.write(2)
	w.more(200)
	gone := e.followers()[0]
	gone.kill()
	gone.mem = vfs.NewMem()
	w.more(100)
	e.await("snapshots", func() bool {
		for _, m := range e.members {
			if m.Server == nil {
				continue
			}
			purged, err := snapshot.Retain(m.fs, m.snapDir(), m.logDir(), 1)
			if err != nil || len(purged.Logs) == 0 {
				return false
			}
		}
		return true
	})
	gone.start()
	e.startAll()
	gone.mustHaveLogged("zab: sync", "SNAP from the leader")
	gone.mustHaveLogged("the leader's snapshot is in place", "")
	w.more(50)
	gone.kill() // what it has got is durable
	gone.start()
	e.startAll()
	gone.mustHaveLogged("zab: sync", "DIFF from the leader")
	w.stop()
}

// leaderWithMore gives the leader a proposal, /never, that only its own disk has; then it is killed, and the others go on
// without it.
func (e *ensemble) leaderWithMore() *member {
	t := e.t
	w := e.write(1)
	w.more(10)
	w.stop()
	old := e.leader()
	c := e.connect(old)
	before := old.zxid() // that of the session, which need not be on this disk yet
	for _, m := range e.followers() {
		m.off.Store(true)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Create("/never", nil, 0, zk.WorldACL(zk.PermAll))
		done <- err
	}()
	e.await("a proposal that is durable here", func() bool { return old.disk.lastPersisted() > before })
	old.kill()
	require.Error(t, <-done)
	for _, m := range e.members {
		if m != old {
			m.kill()
			m.start()
		}
	}
	return old
}

// A leader that has logged what no other has gets it cut off when it comes back (C.2 row 1).
func TestEnsembleTruncates(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	old := e.leaderWithMore()
	w := e.write(1)
	w.more(20)
	old.start()
	e.startAll()
	old.mustHaveLogged("history truncated", "")
	w.stop()
	_, _, ok := old.tree.Exists("/never")
	require.False(t, ok)
}

// The disk refuses to truncate: that is no truncation. The server stops, and what it had comes back with its disk, to be cut then
// (ZOOKEEPER-3701).
func TestTruncationThatFailsStopsTheServer(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	old := e.leaderWithMore()
	w := e.write(1)
	w.more(20)
	failing := func(c vfs.Call) error {
		if c.Op == vfs.OpTruncate {
			return errors.New("no space left on device")
		}
		return nil
	}
	old.fault.Store(&failing)
	old.start()
	e.await("it has stopped", func() bool { return old.Err() != nil })
	require.ErrorContains(t, old.Err(), "no space left on device")
	require.False(t, old.logged("history truncated", ""))
	w.more(20)
	old.fault.Store(nil)
	old.stop()
	old.start()
	e.startAll()
	old.mustHaveLogged("history truncated", "")
	w.stop()
	_, _, ok := old.tree.Exists("/never")
	require.False(t, ok)
}

// Members of an ensemble of five come and go in every way, up to two at a time.
func TestEnsembleComesAndGoes(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	e := newEnsemble(t, 5, 1, func(c *config.Config) { c.SnapCount, c.CommitLogCount = 60, 10 })
	e.startAll()
	w := e.write(4)
	var done []string
	defer func() {
		if t.Failed() {
			t.Log(done)
		}
	}()
	for range 10 {
		w.more(r.Int64N(40))
		m := e.members[r.IntN(len(e.members))]
		down := 0
		for _, o := range e.members[:5] {
			if o.Server == nil {
				down++
			}
		}
		switch what := r.IntN(4); {
		case m.Server == nil:
			done = append(done, fmt.Sprint("start ", m.id))
			m.start()
		case down == 2:
			done = append(done, "start all")
			e.startAll()
		case what == 0:
			done = append(done, fmt.Sprint("stop ", m.id))
			m.stop()
		case what == 1:
			done = append(done, fmt.Sprint("kill and start ", m.id))
			m.kill()
			m.start()
		case what == 2 && down == 0:
			done = append(done, fmt.Sprint("empty ", m.id))
			m.kill()
			m.mem = vfs.NewMem()
			m.start()
			e.startAll() // without its disk it must not vote before it has been filled
		default:
			done = append(done, fmt.Sprint("kill ", m.id))
			m.kill()
		}
	}
	e.startAll()
	w.more(20)
	w.stop()
}

// Clients of the survivors feel a pause when the leader dies, no error.
func TestLeaderDiesAndItsFollowersClientsFeelNothing(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	old, at := e.leader(), e.followers()
	one, other := e.writeAt(2, at[:1]), e.writeAt(2, at[1:]) // each client knows one server
	one.more(20)
	other.more(20)
	old.kill()
	one.more(20)
	other.more(20)
	one.cancel()
	one.group.Wait()
	for _, w := range []*writers{other, one} {
		w.stop()
		require.Empty(t, w.errs)
	}
}

// A server that ran alone becomes the first of three, with what it has.
func TestStandaloneBecomesAnEnsemble(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	first := e.members[0]
	e.change = func(c *config.Config) { c.Members = config.Members{} }
	first.start()
	c := e.connect(first)
	_, err := c.Create("/before", []byte("x"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	first.stop()
	e.change = nil
	e.startAll()
	e.same()
	require.True(t, e.members[2].has("/before"))
	w := e.write(2)
	w.more(10)
	w.stop()
}

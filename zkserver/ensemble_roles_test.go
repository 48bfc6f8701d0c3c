package zkserver

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func (m *member) has(path string) bool {
	m.treeMu.RLock()
	defer m.treeMu.RUnlock()
	_, _, ok := m.tree.Exists(path)
	return ok
}

func TestObserverServesAndForwards(t *testing.T) {
	e := newEnsemble(t, 3, 1, nil)
	e.startAll()
	observer := e.members[3]
	require.Equal(t, zab.Observing, observer.role())
	c := e.connect(observer)
	_, err := c.Create("/o", []byte("x"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	w := e.write(4)
	w.more(30)
	e.leader().kill()
	w.more(30)
	e.startAll()
	observer.kill()
	w.more(30)
	e.startAll()
	w.stop()
	require.True(t, observer.has("/o"), "the session lives on")
}

// An ephemeral znode ends on all servers with its session, wherever that was (C.2 row 2, 25).
func TestEphemeralsEndEverywhere(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	gone := func(path string) func() bool {
		return func() bool {
			for _, m := range e.members {
				if m.Server != nil && m.has(path) {
					return false
				}
			}
			return true
		}
	}
	closed := e.connect(e.followers()[0])
	_, err := closed.Create("/closed", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	closed.Close()
	e.await("/closed is gone", gone("/closed"))

	// A client whose server has died and that does not come back expires by the leader's clock; the others do not.
	m := e.followers()[0]
	lost, _, err := zk.Connect([]string{m.addr()}, time.Second, zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(lost.Close)
	_, err = lost.Create("/lost", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	stays := e.connect(e.followers()[1])
	_, err = stays.Create("/stays", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	m.kill()
	e.await("/lost is gone", gone("/lost"))
	m.start()
	e.startAll()
	e.same()
	require.False(t, m.has("/lost"))
	require.True(t, m.has("/stays"))
}

// A session that continues at another server: the old connection ends, requests by it are refused.
func TestSessionMovesBetweenServers(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	followers := e.followers()
	c, events, err := zk.Connect([]string{followers[0].addr(), followers[1].addr()}, 4*time.Second, zk.WithLogger(quiet{}),
		zk.WithHostProvider(&inOrder{}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	awaitState(t, events, zk.StateHasSession)
	id := c.SessionID()
	_, err = c.Create("/moving", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	for range 3 {
		var open []*cnxn.Conn
		e.await("the old connection is forgotten", func() bool {
			open = append(followers[0].port.Conns(), followers[1].port.Conns()...)
			return len(open) == 1
		})
		open[0].Close(errReplaceTest)
		awaitState(t, events, zk.StateHasSession)
		_, err = c.Set("/moving", []byte("x"), -1)
		require.NoError(t, err)
	}
	require.Equal(t, id, c.SessionID())
	require.True(t, e.leader().has("/moving"))
}

var errReplaceTest = errors.New("the test closes it")

// inOrder hands out the servers in turn.
type inOrder struct {
	servers []string
	next    int
}

func (p *inOrder) Init(servers []string) error { p.servers = servers; return nil }
func (p *inOrder) Len() int                    { return len(p.servers) }
func (p *inOrder) Connected()                  {}

func (p *inOrder) Next() (string, bool) {
	s := p.servers[p.next%len(p.servers)]
	p.next++
	return s, false
}

// After a sync a follower shows what was acknowledged elsewhere before.
func TestSyncCatchesUp(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	writer, reader := e.connect(e.followers()[0]), e.connect(e.followers()[1])
	_, err := writer.Create("/s", []byte("0"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	for i := range 100 {
		want := fmt.Sprint(i)
		_, err = writer.Set("/s", []byte(want), -1)
		require.NoError(t, err)
		_, err = reader.Sync("/s")
		require.NoError(t, err)
		got, _, err := reader.Get("/s")
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// Watches of clients that are held over a change of leader go on.
func TestWatchesOutliveTheLeader(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	watcher := e.connect(e.followers()[0])
	id := watcher.SessionID()
	_, _, events, err := watcher.ExistsW("/later")
	require.NoError(t, err)
	e.leader().kill()
	e.leader()
	writer := e.connect(e.followers()[0])
	_, err = writer.Create("/later", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	require.Equal(t, zk.EventNodeCreated, awaitEvent(t, events).Type)
	require.Equal(t, id, watcher.SessionID())
}

// A member whose disk is full leaves the ensemble; the others go on, and it comes back when there is room.
func TestFullDiskOfOneMember(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(3)
	for _, who := range []func() *member{func() *member { return e.followers()[0] }, e.leader} {
		w.more(20)
		m := who()
		full := func(c vfs.Call) error {
			if c.Op == vfs.OpWrite {
				return errors.New("no space left on device")
			}
			return nil
		}
		m.fault.Store(&full)
		e.await("it has stopped", func() bool { return m.Err() != nil })
		w.more(50)
		m.fault.Store(nil)
		m.stop()
		m.start()
		e.startAll()
	}
	w.more(20)
	w.stop()
}

// A server without a quorum lets nobody read, unless it may be read-only and the client agrees.
func TestMinorityDoesNotServe(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.RejoinGrace = 50 * time.Millisecond })
	e.startAll()
	m := e.followers()[0]
	c := e.connect(m)
	for _, o := range e.members {
		if o != m {
			o.stop()
		}
	}
	e.await("not serving", func() bool { return !m.serves() && len(m.port.Conns()) == 0 })
	done := make(chan error, 1)
	go func() {
		_, _, err := c.Get("/")
		done <- err
	}()
	for _, o := range e.members {
		if o != m {
			o.start()
		}
	}
	e.startAll()
	<-done // served now, or told of the lost connection
	_, _, err := c.Get("/")
	require.NoError(t, err)
}

// Each member ends in order, whatever its role and whoever is left, before the time it is given is over.
func TestEnsembleStops(t *testing.T) {
	e := newEnsemble(t, 3, 1, nil)
	e.startAll()
	e.write(2).more(10)
	for _, m := range e.members {
		m.stop()
	}
}

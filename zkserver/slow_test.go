package zkserver

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// slowLine passes connections to a port on, slowly in the direction of who has connected.
type slowLine struct {
	net.Listener
	passed  atomic.Int64
	stopAt  atomic.Int64 // so many bytes are passed at most; 0: all
	closing chan struct{}
	group   sync.WaitGroup
}

const (
	slowPiece = 8 << 10
	slowEvery = 5 * time.Millisecond
)

func newSlowLine(t *testing.T, port int) *slowLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &slowLine{Listener: l, closing: make(chan struct{})}
	s.group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			s.group.Go(func() { s.pass(near, port) })
		}
	})
	t.Cleanup(func() {
		close(s.closing)
		_ = l.Close()
		s.group.Wait()
	})
	return s
}

func (s *slowLine) pass(near net.Conn, port int) {
	defer near.Close()
	far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer far.Close()
	piece := make([]byte, slowPiece)
	done := make(chan struct{})
	s.group.Go(func() {
		defer close(done)
		_, _ = io.Copy(far, near)
	})
	defer func() { _ = near.Close(); _ = far.Close(); <-done }()
	tick := time.NewTicker(slowEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-done:
			return
		case <-s.closing:
			return
		}
		if stop := s.stopAt.Load(); stop > 0 && s.passed.Load() >= stop {
			continue
		}
		n, err := far.Read(piece)
		if err == nil {
			_, err = near.Write(piece[:n])
		}
		if s.passed.Add(int64(n)); err != nil {
			return
		}
	}
}

// A snapshot takes several times as long as the limits on its way to a learner. It is not given up while it comes; when
// nothing comes any more, it is.
func TestSnapshotOverASlowLine(t *testing.T) {
	const limit = time.Second
	var slow quorum.Sid
	lines := map[quorum.Sid]*slowLine{}
	e := newEnsemble(t, 3, 0, func(c *config.Config) {
		c.SnapCount, c.CommitLogCount, c.PurgeInterval = 20, 5, 0
		if c.MyID != slow {
			return
		}
		c.InitLimit = int(limit / c.TickTime)
		for i := range c.Servers {
			if line := lines[c.Servers[i].ID]; line != nil {
				c.Servers[i].Addresses = slices.Clone(c.Servers[i].Addresses)
				c.Servers[i].Addresses[0].QuorumPort = line.Addr().(*net.TCPAddr).Port
			}
		}
	})
	e.startAll()
	gone := e.followers()[0]
	gone.kill()
	gone.mem = vfs.NewMem()
	leader := e.leader()
	c := e.connect(leader)
	const znodes, size = 50, 64 << 10
	data := make([]byte, size)
	for i := range znodes {
		_, _ = rand.Read(data) // never fails
		_, err := c.Create(fmt.Sprintf("/big%d", i), data, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	e.await("snapshots", func() bool {
		_, err := c.Set("/big0", data, -1)
		require.NoError(t, err)
		for _, m := range e.members {
			if m.Server == nil {
				continue
			}
			purged, err := snapshot.Retain(m.fs, m.snapDir(), m.logDir(), 1)
			if err != nil || len(purged.Logs) == 0 && m == leader {
				return false
			}
		}
		return true
	})
	slow = gone.id
	for _, m := range e.members {
		if m != gone {
			lines[m.id] = newSlowLine(t, m.server.Addresses[0].QuorumPort)
		}
	}
	line := lines[leader.id]
	line.stopAt.Store(znodes * size / 3)
	gone.start()
	e.await("a stalled snapshot is given up", func() bool {
		return gone.logged("zab: lost", "not in sync") || gone.logged("zab: lost", "link to the leader closed")
	})
	line.stopAt.Store(0)
	begin := time.Now()
	e.await("all serve", func() bool { return gone.serves() })
	require.Greater(t, time.Since(begin), limit, "the line was not slow")
	gone.mustHaveLogged("zab: sync", "SNAP from the leader")
	require.Equal(t, leader, e.leader())
	e.same()
}

package zkserver

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Connections that are the core for their small batches, others that go through the inbox, large batches that do always:
// each connection has its answers in its order, and every write happens once.
func TestSmallAndLargeBatchesKeepTheirOrder(t *testing.T) {
	r := start(t)
	total := inBatches(t, func(int) *raw { return r.raw(zkclient.Handshake{}) })
	require.EqualValues(t, total, r.versionOf("/n"))
}

// The same at an ensemble, where the goroutines that hear the other servers, and the disk's, are the core for a moment, too.
func TestBatchesKeepTheirOrderInAnEnsemble(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	total := inBatches(t, func(i int) *raw {
		r := running{Server: e.members[i%3].Server, t: t}
		return r.raw(zkclient.Handshake{Timeout: 4 * time.Second})
	})
	e.same()
	r := running{Server: e.members[0].Server, t: t}
	require.EqualValues(t, total, r.versionOf("/n"))
}

// inBatches lets several connections write batches of different sizes to one znode, and tells how many writes there were.
func inBatches(t *testing.T, connect func(i int) *raw) (total int) {
	t.Helper()
	require.Equal(t, zkproto.ErrOK, connect(0).ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	const clients, rounds = 4, 60
	var wg sync.WaitGroup
	for i := range clients {
		c := connect(i)
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSync, jute.AppendString(nil, "/")).Err)
		for round := range rounds {
			total += 1 + (round+i)%4
		}
		wg.Go(func() {
			last := zkproto.Zxid(0)
			for round := range rounds {
				var out []byte
				n := 1 + (round+i)%4 // up to directBatch and more
				for range n {
					c.xid++
					out = append(out, frame(c.xid, zkproto.OpSetData, setBody("/n", fmt.Append(nil, c.xid)))...)
				}
				if err := c.Write(out); err != nil {
					t.Error(err)
					return
				}
				for k := range n {
					rep := c.next()
					if want := c.xid - int32(n-1-k); rep.Xid != want || rep.Err != zkproto.ErrOK || rep.Zxid <= last {
						t.Errorf("client %d: %+v after zxid %s, want xid %d", i, rep, last, want)
						return
					}
					last = rep.Zxid
				}
			}
		})
	}
	wg.Wait()
	return total
}

func (r *running) versionOf(path string) int32 {
	r.treeMu.RLock()
	defer r.treeMu.RUnlock()
	st, _, ok := r.tree.Exists(path)
	require.True(r.t, ok)
	return st.Version
}

// Members that have nothing to do are not woken a hundred times a second, and notice nevertheless when their leader is gone.
func TestIdleMembersSleep(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.TickTime, c.SyncLimit = 2*time.Second, 5 })
	e.startAll()
	for _, m := range e.members {
		e.await("a long sleep", func() bool {
			c := &m.core
			c.mu.Lock()
			defer m.leaveCore(0)
			return c.alarmAt.Sub(m.clock.Now()) > 5*m.core.interval
		})
	}
	e.leader().kill()
	e.await("another leader", func() bool {
		for _, m := range e.members {
			if m.Server != nil && m.role() == zab.Leading && m.serves() {
				return true
			}
		}
		return false
	})
}

// A write that finds the core idle is answered without the core goroutine.
func TestALonelyWriteNeedsNoOtherGoroutine(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	r.core.mu.Lock()
	require.False(t, r.direct(r.inbox.Get(), directBatch), "somebody else is the core")
	r.leaveCore(0)
	await(t, func() bool { return r.direct(r.inbox.Get(), directBatch) }, "nobody is")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	require.NoError(t, r.Shutdown(t.Context()))
	require.False(t, r.direct(r.inbox.Get(), directBatch), "the server has ended")
}

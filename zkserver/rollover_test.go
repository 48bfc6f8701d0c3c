package zkserver

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// The lower half of the zxid overflows in the middle of a pipeline (ZOOKEEPER-1277, 2789): the server goes on in the next
// epoch, answers everything once, and recovers across the border.
func TestZxidCounterRollsOver(t *testing.T) {
	cfg := testConfig(t)
	dir := filepath.Join(cfg.DataDir, versionDir)
	require.NoError(t, vfs.OS().MkdirAll(dir))
	empty := &snapshotSource{mu: new(sync.RWMutex), tree: tree.New(), sessions: map[zkproto.SessionID]int32{}}
	_, err := snapshot.Write(vfs.OS(), dir, zkproto.MakeZxid(7, 0xfffffff0), empty)
	require.NoError(t, err)

	r := startWith(t, cfg)
	c := r.raw(zkclient.Handshake{})
	var out []byte
	for i := range 60 {
		out = append(out, frame(int32(i), zkproto.OpCreate, createBody(fmt.Sprintf("/n%d", i), nil, 0))...)
	}
	require.NoError(t, c.Write(out))
	last := zkproto.Zxid(0)
	for i := range 60 {
		rep := c.next()
		require.Equal(t, int32(i), rep.Xid)
		require.Equal(t, zkproto.ErrOK, rep.Err)
		require.Greater(t, rep.Zxid, last)
		last = rep.Zxid
	}
	require.Equal(t, uint32(8), last.Epoch())
	r = r.restart()
	require.Equal(t, last, r.tree.LastZxid())
	require.Equal(t, 65, r.tree.NodeCount())
}

// The zxids of an epoch are used up again and again while clients of all servers write: new epochs begin, and the clients
// hear of no error and of no lost connection (ZOOKEEPER-1277, 2789).
func TestEnsembleUsesUpItsEpochs(t *testing.T) {
	const each = 100
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.RejoinGrace = time.Minute }) // however slow the machine is
	e.lastCounter = 100
	e.startAll()
	var writers sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]string{}
	for i, m := range e.members {
		c, events, err := zk.Connect([]string{m.addr()}, 10*time.Second, zk.WithLogger(quiet{}))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		awaitState(t, events, zk.StateHasSession)
		writers.Go(func() {
			last := int64(0)
			for k := range each {
				path := fmt.Sprintf("/n-%d-%d", i, k)
				if _, err := c.Create(path, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				_, stat, err := c.Get(path)
				if err != nil || stat.Czxid <= last {
					t.Errorf("%s: %v, zxid %#x after %#x", path, err, stat.Czxid, last)
					return
				}
				last = stat.Czxid
				mu.Lock()
				if other, twice := seen[last]; twice {
					t.Errorf("%s and %s have zxid %#x", path, other, last)
				}
				seen[last] = path
				mu.Unlock()
			}
			for len(events) > 0 {
				if ev := <-events; ev.State != zk.StateHasSession {
					t.Errorf("the client of server %d has heard of %v", m.id, ev)
				}
			}
		})
	}
	writers.Wait()
	require.Len(t, seen, 3*each)
	e.same()
	require.GreaterOrEqual(t, e.leader().zxid().Epoch(), uint32(4), "three sessions and 300 znodes, 100 in an epoch")
}

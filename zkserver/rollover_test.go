package zkserver

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
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

//go:build compat

package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// The counter of a single server's zxids runs over in the middle of its work (ZOOKEEPER-1277, 2789). The original counts on in
// 64 bits: through counter 0xffffffff of the old epoch and counter 0 of the next. zkserver leaves these two out, since an
// ensemble cannot have them; all else is equal: sessions, watches and data go on, a restart finds everything, and the other
// server opens what either has written.
func TestZxidsRollOverOnASingleServer(t *testing.T) {
	t.Parallel()
	tree := &oldTree{nodes: []oldNode{{path: ""}, {path: "/zookeeper"}, {path: "/zookeeper/config"}, {path: "/zookeeper/quota"}}}
	start := [2]func(*testing.T, string) server{startOriginal, startOurs}
	var zxids [2][]string
	var dirs [2]string
	for i, begin := range start {
		dirs[i] = t.TempDir()
		v := filepath.Join(dirs[i], "version-2")
		require.NoError(t, os.Mkdir(v, 0o755))
		_, err := snapshot.Write(vfs.OS(), v, zkproto.MakeZxid(7, 0xfffffffa), tree)
		require.NoError(t, err)
		s := begin(t, dirs[i])
		c := s.connect(t)
		_, err = c.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		_, _, events, err := c.GetW("/e")
		require.NoError(t, err)
		for k := range 6 {
			path := fmt.Sprintf("/n%d", k)
			_, err = c.Create(path, []byte("d"), 0, zk.WorldACL(zk.PermAll))
			require.NoError(t, err)
			_, stat, err := c.Get(path)
			require.NoError(t, err)
			zxids[i] = append(zxids[i], zkproto.Zxid(stat.Czxid).String())
		}
		_, err = c.Set("/e", []byte("x"), 0)
		require.NoError(t, err)
		require.Equal(t, zk.EventNodeDataChanged, (<-events).Type)
		require.Equal(t, zk.StateHasSession, c.State(), "the session has not noticed")
		c.Close()
		s.kill()
	}
	// 0x7fffffffb is the session's, 0x7fffffffc that of /e
	require.Equal(t, []string{"0x7fffffffd", "0x7fffffffe", "0x7ffffffff", "0x800000000", "0x800000001", "0x800000002"}, zxids[0])
	require.Equal(t, []string{"0x7fffffffd", "0x7fffffffe", "0x800000001", "0x800000002", "0x800000003", "0x800000004"}, zxids[1])
	for i := range start {
		before := ""
		for _, again := range []func(*testing.T, string) server{start[i], start[1-i], start[i]} {
			s := again(t, dirs[i])
			c := s.connect(t)
			now := dump(t, c)
			if before != "" {
				require.Equal(t, before, now)
			}
			before = now
			c.Close()
			s.kill()
		}
	}
}

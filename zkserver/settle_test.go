package zkserver

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// forced is how often the collector was called by name, and the percentage it is set to.
func forced() (times uint32, percent uint64) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	set := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(set)
	return stats.NumForcedGC, set[0].Value.Uint64()
}

func TestWhatLoadingALargeTreeHasLeftIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		znodes int
		large  bool
	}{{10, false}, {manyZnodes, true}} {
		cfg := testConfig(t)
		dir := filepath.Join(cfg.DataDir, versionDir)
		require.NoError(t, vfs.OS().MkdirAll(dir))
		state := tree.New()
		for i := range c.znodes {
			h := zkproto.TxnHeader{Type: zkproto.OpCreate, Zxid: zkproto.Zxid(i + 1)}
			state.Apply(&h, &zkproto.CreateTxn{Path: fmt.Sprintf("/n%d", i), ACL: zkproto.WorldAll(), ParentCVersion: -1}, nil)
		}
		_, err := snapshot.Write(vfs.OS(), dir, state.LastZxid(), &snapshotSource{mu: new(sync.RWMutex), tree: state})
		require.NoError(t, err)

		times, percent := forced()
		s := startWith(t, cfg)
		s.raw(zkclient.Handshake{}) // it serves meanwhile
		require.Eventually(t, func() bool {
			now, is := forced()
			return is == percent && (now > times) == c.large
		}, time.Minute, time.Millisecond, "%d znodes", c.znodes)
	}
}

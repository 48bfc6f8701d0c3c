package zkserver

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// BenchmarkStart starts a server on a snapshot of a million znodes of 100 bytes. It reports the time until clients can be
// served and the bytes of live heap per znode.
func BenchmarkStart(b *testing.B) {
	const n = 1_000_000
	t := tree.New()
	data := make([]byte, 100)
	for i := range n {
		h := zkproto.TxnHeader{Type: zkproto.OpCreate, Zxid: zkproto.Zxid(i + 1), Time: 1_700_000_000_000}
		t.Apply(&h, &zkproto.CreateTxn{Path: fmt.Sprintf("/bench-%09d", i), Data: data, ACL: zkproto.WorldAll(), ParentCVersion: -1}, nil)
	}
	cfg := testConfig(b)
	dir := filepath.Join(cfg.DataDir, versionDir)
	require.NoError(b, vfs.OS().MkdirAll(dir))
	_, err := snapshot.Write(vfs.OS(), dir, t.LastZxid(), &snapshotSource{mu: new(sync.RWMutex), tree: t})
	require.NoError(b, err)
	t = nil
	var load time.Duration
	starts := 0
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, err := New(cfg)
		require.NoError(b, err)
		require.NoError(b, s.Start())
		load += s.LoadTime()
		starts++
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/znode")
		require.NoError(b, s.Shutdown(b.Context()))
	}
	b.ReportMetric(load.Seconds()/float64(starts), "s/start")
}

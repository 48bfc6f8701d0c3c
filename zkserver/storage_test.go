package zkserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// fill writes enough for a snapshot, and returns the client.
func (r *running) fill(n int) *raw {
	c := r.raw(zkclient.Handshake{})
	require.Equal(r.t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/f", []byte("x"), 0)).Err)
	body := zkproto.SetDataRequest{Path: "/f", Data: []byte("a little more"), Version: -1}
	for range n {
		require.Equal(r.t, zkproto.ErrOK, c.ask(zkproto.OpSetData, body.AppendTo(nil)).Err)
	}
	return c
}

func TestSnapshotsInEveryFormLeadBack(t *testing.T) {
	for _, method := range []string{"", "gz", "snappy"} {
		for _, digest := range []bool{true, false} {
			r := start(t, func(c *config.Config) {
				c.Compression, c.Digest, c.SnapCount = method, digest, 10
			})
			r.fill(50)
			r.awaitLog("snapshot written")
			want := r.dumpTree()
			require.Equal(t, digest, r.tree.Digest() != 0)
			sum := r.tree.Digest()
			again := r.restart()
			require.Equal(t, want, again.dumpTree())
			require.Equal(t, sum, again.tree.Digest())
			require.Zero(t, again.DigestMismatches())
		}
	}
}

// What is in the tree is not what was logged: the next start says so, counts it and goes on.
func TestDigestMismatchIsReported(t *testing.T) {
	r := start(t)
	r.onCore(func() {
		r.treeMu.Lock()
		defer r.treeMu.Unlock()
		h := zkproto.TxnHeader{Type: zkproto.OpCreate, Zxid: r.tree.LastZxid(), Time: 1}
		r.tree.Apply(&h, &zkproto.CreateTxn{Path: "/from-nowhere", ParentCVersion: -1}, nil) // never logged
	})
	r.fill(2)
	require.Zero(t, r.DigestMismatches())
	again := r.restart()
	require.NotZero(t, again.DigestMismatches())
	again.awaitLog("digests are not matching")
	again.raw(zkclient.Handshake{})
}

func TestHardQuotaIsEnforcedWhenAsked(t *testing.T) {
	for _, enforce := range []bool{false, true} {
		r := start(t, func(c *config.Config) { c.EnforceQuota = enforce })
		c := r.raw(zkclient.Handshake{})
		create := func(path, data string) zkproto.Error {
			return c.ask(zkproto.OpCreate, createBody(path, []byte(data), 0)).Err
		}
		require.Equal(t, zkproto.ErrOK, create("/q", ""))
		require.Equal(t, zkproto.ErrOK, create("/zookeeper/quota/q", ""))
		require.Equal(t, zkproto.ErrOK, create("/zookeeper/quota/q/zookeeper_limits", "count=-1,bytes=-1=;countHardLimit=1"))
		require.Equal(t, zkproto.ErrOK, create("/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0"))
		want := zkproto.ErrOK
		if enforce {
			want = zkproto.ErrQuotaExceeded
		}
		require.Equal(t, want, create("/q/one", ""))
		r.awaitLog("quota exceeded")
		again := r.restart()
		data, _, _, _ := again.tree.Get("/zookeeper/quota/q/zookeeper_stats")
		require.Equal(t, map[bool]string{true: "count=1,bytes=0", false: "count=2,bytes=0"}[enforce], string(data))
	}
}

// Without db.autocreate an empty server begins only when that was announced (ZOOKEEPER-261).
func TestEmptyServerIsAnnounced(t *testing.T) {
	cfg := testConfig(t)
	cfg.DBAutocreate = false
	s, err := New(cfg)
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(), "initialize")

	file := filepath.Join(cfg.DataDir, "initialize")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := startWith(t, cfg)
	require.NoFileExists(t, file)
	r.fill(1)
	require.NotEmpty(t, r.restart().dumpTree(), "it has data now")
}

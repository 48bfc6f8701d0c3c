//go:build compat

package compat

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// word sends a four-letter word and returns the answer.
func (s server) word(t *testing.T, word string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(word))
	require.NoError(t, err)
	out, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(out)
}

// churn lets several sessions change the same few znodes at the same time, refused requests and closing sessions with
// ephemerals among them, so that most requests are decided while others are under way.
func churn(t *testing.T, s server, seed int64) {
	t.Helper()
	beginChurn(t, s, seed)()
}

// beginChurn is churn in the background, which ends with the answer's call.
func beginChurn(t *testing.T, s server, seed int64) (wait func()) {
	t.Helper()
	all := zk.WorldACL(zk.PermAll)
	top := fmt.Sprintf("/churn-%d", seed)
	_, err := s.connect(t).Create(top, []byte("tschüß"), 0, all)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for k := range int64(4) {
		c := s.connect(t)
		wg.Go(func() {
			r := rand.New(rand.NewSource(seed*100 + k))
			for i := range 250 {
				path := fmt.Sprintf("%s/n%d", top, r.Intn(12))
				switch r.Intn(9) {
				case 0, 1, 2:
					_, _ = c.Create(path, make([]byte, r.Intn(300)), 0, all)
				case 3:
					_, _ = c.Create(path+"-é", nil, zk.FlagEphemeral, all)
				case 4:
					_ = c.Delete(path, -1)
				case 5, 6:
					_, _ = c.Set(path, []byte(strings.Repeat("d", r.Intn(2000))), int32(r.Intn(3)-1))
				case 7:
					_, _ = c.SetACL(path, all, -1)
				case 8:
					_, _ = c.Multi(&zk.CreateRequest{Path: fmt.Sprintf("%s/m%d-%d", top, k, i), Acl: all},
						&zk.SetDataRequest{Path: top, Data: []byte("m"), Version: -1}, &zk.CheckVersionRequest{Path: path, Version: -1})
				}
			}
			c.Close()
		})
	}
	return wg.Wait
}

// changeRoot changes the root while nothing else changes. In an ensemble that cannot be told from outside, and an original leader
// gets the digest wrong when a child of the root changes at the same time (touch).
func changeRoot(t *testing.T, s server) {
	t.Helper()
	_, err := s.connect(t).Set("/", []byte("the root has data"), -1)
	require.NoError(t, err)
}

// reopen opens a copy of a data directory with zkserver, in this process, and returns its answer to hash and the number of
// mismatches.
func reopen(t *testing.T, dir string) (hash string, mismatches int64) {
	t.Helper()
	again := t.TempDir()
	require.NoError(t, os.CopyFS(again, os.DirFS(dir)))
	_ = os.Remove(filepath.Join(again, ".holdfast.lock"))
	cfg := config.Default()
	cfg.DataDir = again
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := zkserver.New(cfg, zkserver.WithListener(l))
	require.NoError(t, err)
	require.NoError(t, s.Start())
	var b strings.Builder
	for _, d := range s.DigestLog() {
		fmt.Fprintf(&b, "%x: %d\n", int64(d.Zxid), d.Digest)
	}
	mismatches = s.DigestMismatches()
	require.NoError(t, s.Shutdown(context.Background()))
	return b.String(), mismatches
}

// startComparing starts an original that logs each digest that it has compared.
func startComparing(t *testing.T, dir string) server {
	t.Helper()
	cfg, addr := zooCfg(t, dir)
	conf := logbackDir(t, `<logger name="org.apache.zookeeper.server.DataTree" level="DEBUG"/>`)
	return server{start(t, "original", zookeeper.java(t, conf, "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)), addr}
}

// The digests logged by one make are what the other computes, across kill -9 and snapshots taken under load.
func TestDigestsOfBothMakesAgree(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][2]func(*testing.T, string) server{
		"original opens ours": {startOurs, startComparing}, "ours opens the original's": {startOriginal, startOurs},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := makes[0](t, dir)
			populate(t, first)
			churn(t, first, 1)
			changeRoot(t, first)
			churn(t, first, 2)
			changeRoot(t, first)
			first.kill()
			hash, mismatches := reopen(t, dir)
			require.Zero(t, mismatches)
			require.GreaterOrEqual(t, strings.Count(hash, "\n"), 8)

			second := makes[1](t, dir)
			second.connect(t).Close()
			log, err := os.ReadFile(second.log)
			require.NoError(t, err)
			require.NotContains(t, strings.ToLower(string(log)), "digests are not matching")
			require.NotContains(t, string(log), "digest mismatch")
			if name == "original opens ours" {
				require.Contains(t, string(log), "Digests are matching", "the original compares nothing")
				// It has gone on since, and may have come to the next one.
				require.True(t, strings.HasPrefix(second.word(t, "hash"), hash), "%s\n%s", hash, second.word(t, "hash"))
			} else {
				// goes on, and the original takes it back
				churn(t, second, 3)
				changeRoot(t, second)
				second.kill()
				third := startOriginal(t, dir)
				third.connect(t).Close()
				log, err := os.ReadFile(third.log)
				require.NoError(t, err)
				require.NotContains(t, string(log), "Digests are not matching")
			}
		})
	}
}

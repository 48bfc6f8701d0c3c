package zkserver

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// dataOf copies the recorded data directory of a release, without the files that drop names.
func dataOf(t *testing.T, from string, drop func(name string) bool) config.Config {
	t.Helper()
	cfg := testConfig(t)
	cfg.ExtendedTypes = true
	to := filepath.Join(cfg.DataDir, versionDir)
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	names, err := os.ReadDir(to)
	require.NoError(t, err)
	for _, n := range names {
		if n.Name() == "dump.txt" || drop(n.Name()) {
			require.NoError(t, os.Remove(filepath.Join(to, n.Name())))
		}
	}
	return cfg
}

// dumpTree writes a tree as dump.txt has it.
func (r *running) dumpTree() string {
	r.treeMu.RLock()
	defer r.treeMu.RUnlock()
	var b strings.Builder
	var walk func(path string)
	walk = func(path string) {
		data, st, acls, ok := r.tree.Get(path)
		require.True(r.t, ok, path)
		var list []zk.ACL
		for _, a := range acls {
			list = append(list, zk.ACL{Perms: a.Perms, Scheme: a.Scheme, ID: a.ID.ID})
		}
		fmt.Fprintf(&b, "%s %q %v %+v\n", path, data, list, zk.Stat{
			Czxid: int64(st.Czxid), Mzxid: int64(st.Mzxid),
			Ctime: st.Ctime, Mtime: st.Mtime, Version: st.Version, Cversion: st.Cversion, Aversion: st.Aversion,
			EphemeralOwner: st.EphemeralOwner, DataLength: st.DataLength, NumChildren: st.NumChildren, Pzxid: int64(st.Pzxid),
		})
		names, _, _, _ := r.tree.Children(path)
		slices.Sort(names)
		for _, name := range names {
			walk(strings.TrimSuffix(path, "/") + "/" + name)
		}
	}
	walk("/")
	return b.String()
}

// Data directories of 3.4 to 3.9 open, with every set of files from which nothing is missing: all of them, the logs alone
// (ZOOKEEPER-3056: 3.4 could leave a directory without a snapshot), and an older snapshot because the newest is empty
// (ZOOKEEPER-2325, 3644).
func TestDataDirectoriesOfOlderReleasesOpen(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "releases", "*", "dump.txt"))
	require.NoError(t, err)
	require.Len(t, dirs, 6)
	for _, dump := range dirs {
		dir := filepath.Dir(dump)
		want, err := os.ReadFile(dump)
		require.NoError(t, err)
		check := func(t *testing.T, cfg config.Config) {
			r := startWith(t, cfg)
			got := r.dumpTree()
			if strings.Contains(dir, "3.4") { // has no /zookeeper/config; a tree replayed from nothing has
				got = strings.Join(slices.DeleteFunc(strings.SplitAfter(got, "\n"), func(line string) bool {
					return strings.HasPrefix(line, "/zookeeper/config ")
				}), "")
				got = strings.Replace(got, "NumChildren:2 Pzxid:0}\n/zookeeper/quota", "NumChildren:1 Pzxid:0}\n/zookeeper/quota", 1)
				got = strings.Replace(got, "Cversion:-2 Aversion:0 EphemeralOwner:0 DataLength:0 NumChildren:1",
					"Cversion:-1 Aversion:0 EphemeralOwner:0 DataLength:0 NumChildren:1", 1)
			}
			require.Equal(t, string(want), got)
			require.Zero(t, r.DigestMismatches())
			require.Zero(t, r.tree.UnknownACLs())
			var sessions []zkproto.SessionID
			r.onCore(func() {
				for id := range r.core.replica.Sessions() {
					sessions = append(sessions, id)
				}
			})
			require.Equal(t, sessions, r.tree.EphemeralOwners(), "the one session that lived, and its three znodes")
			require.Equal(t, 3, r.tree.EphemeralCount())
			again := r.restart()
			require.NotEmpty(t, again.dumpTree())
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Run("all files", func(t *testing.T) { check(t, dataOf(t, dir, func(string) bool { return false })) })
			t.Run("logs alone", func(t *testing.T) {
				check(t, dataOf(t, dir, func(name string) bool { return strings.HasPrefix(name, "snapshot.") }))
			})
			t.Run("newest snapshot empty", func(t *testing.T) {
				cfg := dataOf(t, dir, func(string) bool { return false })
				files, err := filepath.Glob(filepath.Join(cfg.DataDir, versionDir, "snapshot.*"))
				require.NoError(t, err)
				newest := slices.MaxFunc(files, func(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) })
				require.NoError(t, os.Truncate(newest, 0))
				check(t, cfg)
			})
		})
	}
}

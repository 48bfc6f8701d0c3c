//go:build compat

package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// originalTool is a tool of the original, with its logger off and the locale and zone that ours has here.
func originalTool(t *testing.T, class string, args ...string) *exec.Cmd {
	t.Helper()
	conf := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(conf, "logback.xml"), []byte("<configuration><root level=\"OFF\"/></configuration>\n"), 0o644))
	cmd := zookeeper.java(t, conf, "org.apache.zookeeper.server."+class, args...)
	cmd.Args = slices.Insert(cmd.Args, 1, "-Duser.language=en", "-Duser.country=US")
	return cmd
}

// toolNoise are times that vary.
var toolNoise = regexp.MustCompile(`in \d+\.\d+ seconds|"timestamp":\d+|"ino":\d+`)

// dumpBlocks are the znodes of a snapshot dump, so that the order of children, a hash table's in the original, does not count.
func dumpBlocks(text string) []string {
	blocks := strings.Split(toolNoise.ReplaceAllString(text, "N"), "----\n")
	for i, b := range blocks {
		if strings.HasPrefix(b, "Session Details") {
			lines := strings.Split(b, "\n")
			slices.Sort(lines)
			blocks[i] = strings.Join(lines, "\n")
		}
	}
	slices.Sort(blocks)
	return blocks
}

// newest is the newest file of a kind in a data directory.
func newest(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "version-2", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	slices.SortFunc(files, func(a, b string) int {
		x, err := os.Stat(a)
		require.NoError(t, err)
		y, err := os.Stat(b)
		require.NoError(t, err)
		return x.ModTime().Compare(y.ModTime())
	})
	return files[len(files)-1]
}

// The tools of both makes say the same of the files of both makes.
func TestOfflineToolsAgree(t *testing.T) {
	t.Parallel()
	require.Equal(t, "UTC", time.Now().UTC().Location().String())
	for name, begin := range map[string]func(*testing.T, string) server{"files of the original": startOriginal, "files of zkserver": startOurs} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := begin(t, dir)
			populate(t, s)
			s.kill()
			log := newest(t, dir, "log.*")
			first := newest(t, dir, "snapshot.*")
			copied := filepath.Join(t.TempDir(), filepath.Base(first))
			data, err := os.ReadFile(first)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(copied, data, 0o644))
			s = begin(t, dir) // writes a snapshot of what it has replayed
			s.connect(t).Close()
			s.kill()
			snap := newest(t, dir, "snapshot.*")

			same := func(normal func(string) []string, class string, args ...string) {
				t.Helper()
				wantCode, want, wantErr := run(t, "", originalTool(t, class, args...))
				tool := exec.Command(program(t, "zktool"), append([]string{class[strings.LastIndexByte(class, '.')+1:]}, args...)...)
				code, got, stderr := run(t, "", tool)
				require.Equal(t, wantCode, code, "%s %s", wantErr, stderr)
				require.Equal(t, normal(want), normal(got), "%s %v", class, args)
			}
			lines := func(text string) []string { return strings.Split(toolNoise.ReplaceAllString(text, "N"), "\n") }
			same(lines, "persistence.TxnLogToolkit", log)
			same(dumpBlocks, "SnapshotFormatter", snap)
			same(dumpBlocks, "SnapshotFormatter", "-d", snap)
			same(func(text string) []string {
				return slices.Sorted(slices.Values(regexp.MustCompile(`\{"name.*?\}`).FindAllString(toolNoise.ReplaceAllString(text, "N"), -1)))
			}, "SnapshotFormatter", "-json", snap)
			same(func(text string) []string { return slices.Sorted(slices.Values(strings.Split(text, "\n"))) }, "SnapshotRecursiveSummary", snap, "/", "0")
			same(lines, "SnapshotComparer", "-l", copied, "-r", snap, "-b", "5", "-n", "2")
			same(lines, "SnapshotComparer", "-l", snap, "-r", copied, "-b", "0", "-n", "0", "-d")

			// a damaged log, mended by each
			damaged, err := os.ReadFile(log)
			require.NoError(t, err)
			damaged[16+12+20] ^= 1
			bad := [2]string{filepath.Join(t.TempDir(), "log.1"), filepath.Join(t.TempDir(), "log.1")}
			for _, b := range bad {
				require.NoError(t, os.WriteFile(b, damaged, 0o644))
			}
			_, want, _ := run(t, "", originalTool(t, "persistence.TxnLogToolkit", "-r", "-y", bad[0]))
			_, got, _ := run(t, "", exec.Command(program(t, "zktool"), "TxnLogToolkit", "-r", "-y", bad[1]))
			require.Equal(t, strings.ReplaceAll(want, bad[0], "LOG"), strings.ReplaceAll(got, bad[1], "LOG"))
			a, err := os.ReadFile(bad[0] + ".fixed")
			require.NoError(t, err)
			b, err := os.ReadFile(bad[1] + ".fixed")
			require.NoError(t, err)
			require.Equal(t, strings.TrimRight(string(a), "\x00"), strings.TrimRight(string(b), "\x00"), "but for the preallocated end")
			same(lines, "persistence.TxnLogToolkit", bad[1]+".fixed")
			run(t, "", originalTool(t, "persistence.TxnLogToolkit", "-c", "-z", "0x5", bad[0]+".fixed"))
			code, _, stderr := run(t, "", exec.Command(program(t, "zktool"), "TxnLogToolkit", "-c", "-z", "0x5", bad[1]+".fixed"))
			require.Zero(t, code, stderr)
			a, err = os.ReadFile(bad[0] + ".fixed.chopped5")
			require.NoError(t, err)
			b, err = os.ReadFile(bad[1] + ".fixed.chopped5")
			require.NoError(t, err)
			require.Equal(t, a, b)
		})
	}
}

// What purge leaves is what the original leaves, and the original starts on it.
func TestPurgeLeavesWhatTheOriginalLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 6 { // each start writes a snapshot
		s := startOriginal(t, dir)
		c := s.connect(t)
		_, err := c.Create("/n-", nil, 2, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		c.Close()
		s.kill()
	}
	twin := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(twin, "version-2"), os.DirFS(filepath.Join(dir, "version-2"))))
	_, want, _ := run(t, "", originalTool(t, "PurgeTxnLog", dir, "-n", "3"))
	code, got, stderr := run(t, "", exec.Command(program(t, "zktool"), "PurgeTxnLog", "-live", twin, "-n", "3"))
	require.Zero(t, code, stderr)
	require.NotEmpty(t, got)
	list := func(text, dir string) []string {
		l := strings.Split(strings.ReplaceAll(text, dir, "DIR"), "\n")
		for i := range l {
			_, l[i], _ = strings.Cut(l[i], "\t")
		}
		slices.Sort(l)
		return l
	}
	require.Equal(t, list(want, dir), list(got, twin))
	s := startOriginal(t, twin)
	names, _, err := s.connect(t).Children("/")
	require.NoError(t, err)
	require.Len(t, names, 7)
}

package zktool

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the recordings
	goleak.VerifyTestMain(m)
}

var (
	goldenLog  = filepath.Join("..", "..", "..", "zkserver", "txnlog", "testdata", "zk-3.9.5.log.1")
	goldenSnap = filepath.Join("..", "..", "..", "zkserver", "snapshot", "testdata", "snapshot.17")
)

// zktool runs the command with input and returns exit code and outputs.
func zktool(t *testing.T, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, cli.Streams{In: strings.NewReader(input), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(b)
}

// copyFile copies a file into dir under another name and returns its path.
func copyFile(t *testing.T, from, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	to := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(to, b, 0o644))
	return to
}

// flip changes one byte of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[at] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o644))
}

func TestLogDumpIsTheOriginals(t *testing.T) {
	for _, args := range [][]string{{"log", "dump", goldenLog}, {"TxnLogToolkit", goldenLog}, {"TxnLogToolkit", "-d", goldenLog}} {
		code, out, stderr := zktool(t, "", args...)
		require.Zero(t, code, stderr)
		require.Equal(t, golden(t, "log.dump.txt"), out)
	}
	_, out, _ := zktool(t, "", "log", "dump", "-v", goldenLog)
	require.Regexp(t, `(?m)^offset 16 - .* createSession 30000 digest -?\d+ \(version 2\)$`, out)
}

// blocks takes a dump apart, so that the order of children, a hash table's in the original, does not count.
func blocks(dump string) []string {
	b := strings.Split(dump, "----\n")
	slices.Sort(b)
	for i := range b {
		lines := strings.Split(b[i], "\n")
		if strings.HasPrefix(b[i], "Session Details") {
			slices.Sort(lines)
			b[i] = strings.Join(lines, "\n")
		}
	}
	return b
}

func TestSnapshotDumpIsTheOriginals(t *testing.T) {
	code, out, stderr := zktool(t, "", "snapshot", "dump", goldenSnap)
	require.Zero(t, code, stderr)
	require.Equal(t, blocks(golden(t, "snapshot.dump.txt")), blocks(out))
	for _, packing := range []string{".gz", ".snappy"} {
		code, out, stderr = zktool(t, "", "SnapshotFormatter", "-d", goldenSnap+packing)
		require.Zero(t, code, stderr)
		if packing == ".gz" {
			require.Equal(t, blocks(golden(t, "snapshot.dump-d.txt")), blocks(out))
		}
		require.Contains(t, out, "Last zxid: 0x17\n")
	}
	code, out, _ = zktool(t, "", "snapshot", "dump", "-json", goldenSnap)
	require.Zero(t, code)
	items := func(text string) []string {
		text = regexp.MustCompile(`"timestamp":\d+|"ino":\d+`).ReplaceAllString(text, "")
		found := regexp.MustCompile(`\[?\{"name.*?\}`).FindAllString(text, -1)
		slices.Sort(found)
		return append(found, text[:80])
	}
	require.Equal(t, items(golden(t, "snapshot.json")), items(out))
	require.Len(t, items(out), 15)
}

func TestSummaryIsTheOriginals(t *testing.T) {
	for _, args := range [][]string{{"snapshot", "summary", goldenSnap}, {"SnapshotRecursiveSummary", goldenSnap, "/", "0"}} {
		code, out, stderr := zktool(t, "", args...)
		require.Zero(t, code, stderr)
		require.Equal(t, golden(t, "snapshot.summary.txt"), out)
	}
	_, out, _ := zktool(t, "", "snapshot", "summary", goldenSnap, "/a", "1")
	require.Equal(t, " /a\n   children: 3\n   data: 306\n\n", out)
	code, _, stderr := zktool(t, "", "snapshot", "summary", goldenSnap, "/nope")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "it has no znode /nope")
	code, _, _ = zktool(t, "", "snapshot", "summary", goldenSnap, "/", "x")
	require.Equal(t, 2, code)
}

func TestCompareIsTheOriginals(t *testing.T) {
	seconds := regexp.MustCompile(`in \d+\.\d+ seconds`)
	same := func(name, input string, args ...string) {
		t.Helper()
		code, out, stderr := zktool(t, input, args...)
		require.Zero(t, code, stderr)
		line := func(text string) []string { // the original reads both, then processes: times and their lines' order vary
			return strings.Split(seconds.ReplaceAllString(text, "in N seconds"), "\n")
		}
		require.Equal(t, line(golden(t, name)), line(out))
	}
	empty := filepath.Join("testdata", "snapshot.0")
	same("compare.txt", "", "snapshot", "compare", "-l", goldenSnap, "-r", empty, "-d")
	same("compare.txt", "", "SnapshotComparer", "--left", goldenSnap, "--right", empty, "-b", "0", "-n", "0", "--debug")
	same("compare-i.txt", "\n1\n/a\nx\n9\n\n\n", "SnapshotComparer", "-l", empty, "-r", goldenSnap, "-b", "4", "-n", "2", "-i")
	code, _, stderr := zktool(t, "", "snapshot", "compare", "-l", goldenSnap)
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "-l and -r must name the two snapshots")
}

func TestDamagedLogIsShownVerifiedAndRepaired(t *testing.T) {
	dir := t.TempDir()
	log := copyFile(t, goldenLog, dir, "log.1")
	code, out, _ := zktool(t, "", "log", "verify", log)
	require.Zero(t, code)
	require.Regexp(t, `log\.1: ok, 23 txns, zxid 0x1 to 0x17, \d+ bytes\n$`, out)

	flip(t, log, 16+12+20) // a byte of the time of the first transaction
	code, out, stderr := zktool(t, "", "log", "dump", log)
	require.Equal(t, 1, code)
	require.Contains(t, out, "CRC ERROR - ")
	require.Contains(t, out, "EOF reached after 23 txns.\n")
	require.Contains(t, stderr, "1 transactions with a wrong checksum")
	code, _, stderr = zktool(t, "", "log", "verify", log)
	require.Equal(t, 1, code)
	require.Regexp(t, `log\.1: at offset 16: checksum is 0x[0-9a-f]+, computed 0x[0-9a-f]+ \(0 good txns before it`, stderr)

	code, out, stderr = zktool(t, "what?\ny\n", "log", "repair", log)
	require.Zero(t, code, stderr)
	require.Equal(t, 2, strings.Count(out, "Would you like to fix it (Yes/No/Abort) ? "))
	require.Contains(t, out, "Recovery file "+log+".fixed has been written with 1 fixed CRC error(s)\n")
	code, _, stderr = zktool(t, "", "log", "verify", log+".fixed")
	require.Zero(t, code, stderr)

	code, _, stderr = zktool(t, "", "log", "repair", "-y", log)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "exists already")
	require.NoError(t, os.Remove(log+".fixed"))
	code, out, _ = zktool(t, "", "TxnLogToolkit", "-rvy", log)
	require.Zero(t, code)
	require.Contains(t, out, "CRC FIXED - ")
	require.Equal(t, 24, strings.Count(out, " session 0x"))
	for input, want := range map[string]string{"a\n": "recovery aborted", "": "no answer"} {
		code, _, stderr = zktool(t, input, "log", "repair", "-o", filepath.Join(dir, "other"), log)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, want)
		require.NoFileExists(t, filepath.Join(dir, "other"), "no half copy is left")
	}
	code, out, _ = zktool(t, "n\n", "log", "repair", "-o", filepath.Join(dir, "other"), log)
	require.Zero(t, code)
	require.Contains(t, out, "with 0 fixed CRC error(s)")
}

func TestTornLogNamesTheOffset(t *testing.T) {
	dir := t.TempDir()
	log := copyFile(t, goldenLog, dir, "log.1")
	require.NoError(t, os.Truncate(log, 100))
	for _, cmd := range []string{"dump", "verify"} {
		code, _, stderr := zktool(t, "", "log", cmd, log)
		require.Equal(t, 1, code)
		require.Regexp(t, `log\.1: at offset \d+: record length \d+, but only \d+ bytes follow`, stderr, cmd)
	}
	code, out, stderr := zktool(t, "", "log", "repair", log)
	require.Zero(t, code)
	require.Contains(t, stderr, "the copy ends before it")
	require.Contains(t, out, "0 fixed")
	code, _, _ = zktool(t, "", "log", "verify", log+".fixed")
	require.Zero(t, code)
	for _, not := range []string{goldenSnap, filepath.Join(dir, "missing")} {
		code, _, stderr = zktool(t, "", "log", "dump", not)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, filepath.Base(not))
	}
}

func TestChopEndsWithTheZxid(t *testing.T) {
	log := copyFile(t, goldenLog, t.TempDir(), "log.1")
	code, out, stderr := zktool(t, "", "TxnLogToolkit", "-c", "-z", "0x5", log)
	require.Zero(t, code, stderr)
	require.Equal(t, "ZooKeeper Transactional Log File with dbid 0 txnlog format version 2\nChopping at 5 new log has 5 records\n", out)
	_, out, _ = zktool(t, "", "log", "verify", log+".chopped5")
	require.Contains(t, out, "ok, 5 txns, zxid 0x1 to 0x5")
	for zxid, want := range map[string]string{"23": "nothing to chop", "99": "nothing to chop", "0": "does not contain zxid 0"} {
		code, _, stderr = zktool(t, "", "log", "chop", log, zxid)
		require.Equal(t, 1, code)
		require.Contains(t, stderr, want)
		require.NoFileExists(t, log+".chopped"+zxid)
	}
	code, _, _ = zktool(t, "", "log", "chop", log, "x")
	require.Equal(t, 2, code)
}

func TestVerifyOfDirectories(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "version-2")
	require.NoError(t, os.Mkdir(dir, 0o755))
	code, _, stderr := zktool(t, "", "log", "verify", data)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "no such files")
	log := copyFile(t, goldenLog, dir, "log.1")
	for _, d := range []string{data, dir} {
		ok, out, words := zktool(t, "", "log", "verify", d)
		require.Zero(t, ok, words)
		require.Contains(t, out, "log.1: ok, 23 txns")
	}
	// a segment that does not go on where the one before it ends
	require.NoError(t, os.Rename(log, filepath.Join(dir, "log.2")))
	code, _, stderr = zktool(t, "", "log", "verify", data)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "is not the one in the file's name")

	copyFile(t, goldenSnap, dir, "snapshot.17")
	bad := copyFile(t, goldenSnap, dir, "snapshot.18")
	flip(t, bad, 200)
	code, out, stderr := zktool(t, "", "snapshot", "verify", data)
	require.Equal(t, 1, code)
	require.Contains(t, out, "snapshot.17: ok, 14 znodes, 319 bytes of data, 2 sessions, digest")
	require.Regexp(t, `snapshot\.18: at byte \d+: `, stderr)
}

// dataDir makes a data directory with snapshots and logs of the given zxids.
func dataDir(t *testing.T, zxids ...string) (data, dir string) {
	t.Helper()
	data = t.TempDir()
	dir = filepath.Join(data, "version-2")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for _, z := range zxids {
		copyFile(t, goldenSnap, dir, "snapshot."+z)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "log."+z), nil, 0o644))
	}
	return data, dir
}

func files(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

func TestPurgeKeepsTheNewestAndWhatTheyNeed(t *testing.T) {
	data, dir := dataDir(t, "1", "2", "3", "4", "5")
	flip(t, filepath.Join(dir, "snapshot.5"), 300) // does not count
	all := files(t, dir)
	code, out, stderr := zktool(t, "", "purge", data, "-n", "3", "-dry-run")
	require.Zero(t, code, stderr)
	require.Regexp(t, `(?m)^Would remove file: \w+ \d+, \d{4}, \d+:\d\d:\d\d [AP]M\t.*snapshot\.1$`, out)
	require.Equal(t, all, files(t, dir))
	code, out, stderr = zktool(t, "", "PurgeTxnLog", data, data, "-n", "3")
	require.Zero(t, code, stderr)
	require.Equal(t, 1, strings.Count(out, "snapshot.1\n"))
	require.Equal(t, 1, strings.Count(out, "Removing file: ")-strings.Count(out, "log."))
	require.NotContains(t, files(t, dir), "snapshot.1")
	for _, kept := range []string{"snapshot.2", "snapshot.3", "snapshot.4", "snapshot.5", "log.2", "log.5"} {
		require.Contains(t, files(t, dir), kept)
	}
	code, _, stderr = zktool(t, "", "purge", data, "-n", "2")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "count should be greater than or equal to 3")
	code, _, _ = zktool(t, "", "purge", data, "-n", "1", "-force")
	require.Zero(t, code)
	require.Contains(t, files(t, dir), "snapshot.4", "one good snapshot stays")
	require.NotContains(t, files(t, dir), "snapshot.3")
	code, _, _ = zktool(t, "", "purge", data, "-n", "0", "-force")
	require.Equal(t, 2, code)
	code, _, stderr = zktool(t, "", "purge", filepath.Join(data, "nope"), "-n", "3")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "is missing")
}

func TestPurgeRemovesNothingWithoutEnoughGoodSnapshots(t *testing.T) {
	data, dir := dataDir(t, "1", "2", "3")
	flip(t, filepath.Join(dir, "snapshot.3"), 300)
	flip(t, filepath.Join(dir, "snapshot.2"), 300)
	all := files(t, dir)
	code, out, _ := zktool(t, "", "purge", data, "-n", "3")
	require.Zero(t, code)
	require.Empty(t, out)
	require.Equal(t, all, files(t, dir))
}

func TestDirectoryInUseIsNotWritten(t *testing.T) {
	data, dir := dataDir(t, "1", "2", "3", "4")
	log := copyFile(t, goldenLog, dir, "log.9")
	lock, err := vfs.OS().Lock(filepath.Join(data, ".holdfast.lock"))
	require.NoError(t, err)
	for _, args := range [][]string{{"log", "repair", "-y", log}, {"log", "chop", log, "5"}, {"purge", data, "-n", "3"}} {
		code, _, stderr := zktool(t, "", args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, stderr, "is in use by a running server", args)
	}
	require.NotContains(t, files(t, dir), "log.9.")
	code, _, stderr := zktool(t, "", "log", "repair", "-y", "-o", filepath.Join(t.TempDir(), "copy"), log)
	require.Zero(t, code, stderr)
	code, _, _ = zktool(t, "", "log", "dump", log)
	require.Zero(t, code)
	code, _, _ = zktool(t, "", "purge", data, "-n", "3", "-live")
	require.Zero(t, code)
	require.NotContains(t, files(t, dir), "snapshot.1")
	require.NoError(t, lock.Close())
	code, _, _ = zktool(t, "", "purge", data, "-n", "3")
	require.Zero(t, code)
}

func TestWrongUsage(t *testing.T) {
	for line, want := range map[string]string{
		"": "no command given", "frob": "no such command: frob", "log": "no such command", "log dump": "0 arguments given",
		"log dump -frob x": "flag provided but not defined: -frob", "snapshot dump -d -json x": "Cannot specify both",
		"snapshot dump": "usage: zktool snapshot dump [-d|-json] FILE", "TxnLogToolkit -c -z x f": "must be a number",
	} {
		code, _, stderr := zktool(t, "", strings.Fields(line)...)
		require.Equal(t, 2, code, line)
		require.Contains(t, stderr, want, line)
	}
	code, out, _ := zktool(t, "", "--help")
	require.Zero(t, code)
	require.Contains(t, out, "zktool snapshot compare -l FILE -r FILE")
	code, out, _ = zktool(t, "", "purge", "-h")
	require.Zero(t, code)
	require.Contains(t, out, "usage: zktool purge LOGDIR")
	code, out, _ = zktool(t, "", "TxnLogToolkit")
	require.Equal(t, 1, code)
	require.Contains(t, out, "usage: TxnLogToolkit [-dhrvc]")
}

func TestInterruptedWorkEndsAndSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"log", "dump", goldenLog}, {"snapshot", "verify", goldenSnap}} {
		var out, errs bytes.Buffer
		require.Equal(t, 1, Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}))
		require.Contains(t, errs.String(), "context canceled")
	}
}

func TestProgressFollowsTheReading(t *testing.T) {
	var screen bytes.Buffer
	info, err := os.Stat(goldenSnap)
	require.NoError(t, err)
	bar := newBar(&screen, "reading", info.Size())
	tl := &tool{ctx: t.Context(), fs: countingFS{vfs.OS(), bar}, err: &screen, terminal: isTerminal}
	_, err = tl.readTree(goldenSnap)
	require.NoError(t, err)
	require.Equal(t, info.Size(), bar.State().CurrentNum)
	require.NoError(t, bar.Finish())
	require.Contains(t, screen.String(), "reading")
}

// The bar is for who looks on, for long work, and never between the lines of what is printed meanwhile.
func TestWhenProgressIsShown(t *testing.T) {
	long := filepath.Join(t.TempDir(), "long")
	require.NoError(t, os.WriteFile(long, nil, 0o600))
	require.NoError(t, os.Truncate(long, smallWork))
	stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
	for _, c := range []struct {
		path          string
		out, err      bool // are terminals
		talks, expect bool
	}{
		{path: long, expect: false},
		{path: long, err: true, expect: true},
		{path: long, err: true, out: true, expect: true},
		{path: long, err: true, talks: true, expect: true}, // into a file
		{path: long, err: true, out: true, talks: true, expect: false},
		{path: long, out: true, expect: false},
		{path: goldenSnap, err: true, expect: false},
		{path: "no such file", err: true, expect: false},
	} {
		tl := &tool{fs: vfs.OS(), err: stderr, stdout: stdout, terminal: func(w io.Writer) bool { return w == stdout && c.out || w == stderr && c.err }}
		fsys, done := tl.watched("reading", c.path, c.talks)
		_, shown := fsys.(countingFS)
		require.Equal(t, c.expect, shown, "%+v", c)
		done()
	}
}

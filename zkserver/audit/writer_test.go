package audit

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/logs/audit.log"

// open opens a log whose clock stands still, so that only Flush, Close and 64 KiB write.
func open(t *testing.T, files vfs.FS) (*Writer, *clock.Fake, *observer.ObservedLogs) {
	t.Helper()
	c := clock.NewFake(at)
	core, logs := observer.New(zap.InfoLevel)
	w, err := Open(files, path, c, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w, c, logs
}

func content(t *testing.T, files vfs.FS, name string) string {
	t.Helper()
	f, err := files.Open(name)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// add logs a line for the znode with this number.
func add(w *Writer, i int) {
	w.Log(&Event{Operation: Delete, Path: fmt.Sprintf("/%06d", i), Result: Success}, at)
}

var lineSize = len((&Event{Operation: Delete, Path: "/000000", Result: Success}).AppendLine(nil, at))

// numbers are the znodes of the lines of a file.
func numbers(t *testing.T, text string) (all []int) {
	t.Helper()
	for line := range strings.Lines(text) {
		var i int
		_, err := fmt.Sscanf(line[strings.Index(line, "znode="):], "znode=/%06d\tresult=success\n", &i)
		require.NoError(t, err, line)
		all = append(all, i)
	}
	return all
}

func TestAppendsToWhatIsThere(t *testing.T) {
	files := vfs.NewMem()
	w, _, _ := open(t, files)
	add(w, 1)
	w.Close()
	w.Close()
	add(w, 2)
	w.Flush()
	require.EqualValues(t, 1, w.Lost(), "after Close")

	f, err := files.OpenReadWrite(path)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("cut off by a cras"), int64(lineSize))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w, _, _ = open(t, files)
	add(w, 3)
	w.Flush()
	lines := strings.Split(content(t, files, path), "\n")
	require.Len(t, lines, 4)
	require.Equal(t, []int{3}, numbers(t, lines[2]+"\n"))
}

func TestWritesByTheClock(t *testing.T) {
	written := make(chan struct{}, 1)
	files := vfs.Inject(vfs.NewMem(), func(c vfs.Call) error {
		if c.Op == vfs.OpWrite {
			written <- struct{}{}
		}
		return nil
	})
	w, c, _ := open(t, files)
	add(w, 1)
	require.Empty(t, written)
	c.Advance(flushEvery)
	<-written
	for i := range flushFrom/lineSize + 1 { // the clock stands still
		add(w, i)
	}
	<-written
}

func TestRotation(t *testing.T) {
	files := vfs.NewMem()
	w, _, _ := open(t, files)
	w.limit = int64(3*lineSize + 5)
	const n = 3*(MaxFiles+3) + 1
	for i := range n {
		add(w, i)
		if i%7 == 0 {
			w.Flush()
		}
	}
	w.Close()
	names, err := files.List(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, names, MaxFiles+1)
	require.Equal(t, []int{n - 1}, numbers(t, content(t, files, path)))
	for i := 1; i <= MaxFiles; i++ {
		first := n - 1 - 3*i
		require.Equal(t, []int{first, first + 1, first + 2}, numbers(t, content(t, files, fmt.Sprintf("%s.%d", path, i))))
	}
	require.Zero(t, w.Lost())
}

func TestALineLargerThanAFile(t *testing.T) {
	files := vfs.NewMem()
	w, _, _ := open(t, files)
	w.limit = 10
	add(w, 1)
	add(w, 2)
	w.Close()
	require.Equal(t, []int{2}, numbers(t, content(t, files, path)))
	require.Equal(t, []int{1}, numbers(t, content(t, files, path+".1")))
}

// A rotation that fails again and again pushes no old file out.
func TestRotationThatFails(t *testing.T) {
	mem := vfs.NewMem()
	var broken atomic.Bool
	files := vfs.Inject(mem, func(c vfs.Call) error {
		if broken.Load() && c.Op == vfs.OpRename && c.Path == path+".1" {
			return errors.New("no permission")
		}
		return nil
	})
	w, _, _ := open(t, files)
	w.limit = int64(lineSize)
	for i := range 4 {
		add(w, i)
	}
	w.Flush()
	broken.Store(true)
	add(w, 4)
	for range 20 {
		w.Flush()
	}
	broken.Store(false)
	w.Close()
	for i := range 5 {
		require.Equal(t, []int{4 - i}, numbers(t, content(t, mem, w.numbered(i))))
	}
}

func TestFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	var full atomic.Bool
	files := vfs.Inject(mem, func(c vfs.Call) error {
		if full.Load() && c.Op == vfs.OpWrite {
			return &vfs.PartialWrite{N: 7, Err: errors.New("no space left on device")}
		}
		return nil
	})
	w, _, logs := open(t, files)
	add(w, 0)
	w.Flush()
	full.Store(true)
	for i := 1; i <= 3; i++ {
		add(w, i)
		w.Flush()
	}
	require.Equal(t, 1, logs.FilterMessageSnippet("cannot be written").Len(), "told once")
	full.Store(false)
	add(w, 4)
	w.Flush()
	require.Equal(t, []int{0, 1, 2, 3, 4}, numbers(t, content(t, mem, path)))
	require.Zero(t, w.Lost())

	full.Store(true)
	many := maxPending/lineSize + 10
	for i := range many {
		add(w, i)
	}
	w.Flush()
	require.EqualValues(t, 10, w.Lost())
	full.Store(false)
	w.Flush()
	require.Equal(t, 2, logs.FilterMessageSnippet("written again").Len())
	require.EqualValues(t, 10, logs.All()[logs.Len()-1].ContextMap()["lostLines"])

	full.Store(true)
	add(w, 1)
	w.Close()
	require.EqualValues(t, 11, w.Lost(), "what cannot be written at the end is lost")
}

// While the disk hangs Log goes on.
func TestSlowDisk(t *testing.T) {
	mem := vfs.NewMem()
	hangs, goOn := make(chan struct{}), make(chan struct{})
	files := vfs.Inject(mem, func(c vfs.Call) error {
		if c.Op == vfs.OpWrite && c.N == 1 {
			close(hangs)
			<-goOn
		}
		return nil
	})
	w, c, _ := open(t, files)
	add(w, 0)
	c.Advance(flushEvery)
	<-hangs
	for i := 1; i < 1000; i++ {
		add(w, i) // would never return if it waited for the disk
	}
	close(goOn)
	w.Close()
	require.Len(t, numbers(t, content(t, mem, path)), 1000)
}

// A file that was copied and cut by a log rotation goes on at its new end.
func TestCopyTruncate(t *testing.T) {
	files := vfs.NewMem()
	w, _, _ := open(t, files)
	add(w, 1)
	w.Flush()
	f, err := files.OpenReadWrite(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(0))
	require.NoError(t, f.Close())
	add(w, 2)
	w.Close()
	require.Equal(t, []int{2}, numbers(t, content(t, files, path)))
}

func TestOpenFails(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpMkdir, vfs.OpCreate} {
		_, err := Open(vfs.Inject(vfs.NewMem(), vfs.FailNth(op, "", 1, errors.New("no permission"))), path, clock.Real(), zap.NewNop())
		require.ErrorContains(t, err, "no permission")
	}
}

func BenchmarkLog(b *testing.B) {
	w, err := Open(vfs.OS(), filepath.Join(b.TempDir(), "audit"), clock.Real(), zap.NewNop())
	require.NoError(b, err)
	defer w.Close()
	e := Event{Session: 0x100007896a20000, User: "127.0.0.1", IP: "127.0.0.1", Operation: Create, Path: "/a", NodeType: "persistent", Result: Success}
	b.ReportAllocs()
	now := time.Now()
	for b.Loop() {
		w.Log(&e, now)
	}
}

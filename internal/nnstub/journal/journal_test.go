package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// view is one process: a journal and what it has applied.
type view struct {
	*Journal
	edits []Edit
	logs  *observer.ObservedLogs
}

func open(t *testing.T, dir string) *view {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	j, err := Open(dir, zap.New(core))
	require.NoError(t, err)
	return &view{Journal: j, logs: logs}
}

func (v *view) apply(e Edit) { v.edits = append(v.edits, e) }

func (v *view) poll(t *testing.T) {
	t.Helper()
	_, err := v.Poll(v.apply)
	require.NoError(t, err)
}

func (v *view) begin(t *testing.T, name string) *Writer {
	t.Helper()
	w, err := v.Begin(name, v.apply)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// names are the applied paths, "1/3 /x" for epoch 1, edit 3.
func (v *view) names() []string {
	var names []string
	for _, e := range v.edits {
		names = append(names, fmt.Sprintf("%d/%d %s", e.Epoch, e.Txid, e.Path))
	}
	return names
}

func put(path string) []Edit { return []Edit{{Path: path, Data: []byte("data of " + path)}} }

func TestStandbyFollowsTheWriter(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	b.poll(t)
	w := a.begin(t, "nn1")
	require.Equal(t, uint64(1), w.Epoch())
	require.NoError(t, w.Append(put("/a")))
	require.NoError(t, w.Append(append(put("/b"), put("/c")...)))
	b.poll(t)
	require.Equal(t, []string{"1/1 /a", "1/2 /b", "1/3 /c"}, b.names())
	require.Equal(t, "data of /b", string(b.edits[1].Data))
	require.NoError(t, w.Append(put("/d")))
	n, err := b.Poll(b.apply)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, uint64(4), b.Txid())
}

func TestPromotionReplaysTheTailAndContinuesTheNumbers(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	w1 := a.begin(t, "nn1")
	require.NoError(t, w1.Append(put("/a")))
	w2 := b.begin(t, "nn2") // has polled nothing before
	require.Equal(t, uint64(2), w2.Epoch())
	require.Equal(t, []string{"1/1 /a"}, b.names())
	require.NoError(t, w2.Append(put("/b")))
	w3 := a.begin(t, "nn1")
	require.NoError(t, w3.Append(put("/c")))
	fresh := open(t, dir)
	fresh.poll(t)
	require.Equal(t, []string{"1/1 /a", "2/2 /b", "3/3 /c"}, fresh.names())
}

// TestOldWriterIsRefused plays every moment at which the old writer can have been stopped while a new epoch is taken.
// What it writes after it wakes is never acknowledged, and either it is in everybody's journal or in nobody's.
func TestOldWriterIsRefused(t *testing.T) {
	for _, step := range []string{"before", "checked", "synced"} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			a, b, watcher := open(t, dir), open(t, dir), open(t, dir)
			old := a.begin(t, "nn1")
			require.NoError(t, old.Append(put("/acknowledged")))
			b.poll(t)
			watcher.poll(t)
			var next *Writer
			take := func() {
				next = b.begin(t, "nn2")
				require.NoError(t, next.Append(put("/new")))
			}
			if step == "before" {
				take()
			}
			a.hook = func(at string) {
				if at == step {
					take()
				}
			}
			err := old.Append(put("/zombie"))
			require.ErrorIs(t, err, ErrFenced)
			require.ErrorIs(t, old.Append(put("/zombie2")), ErrFenced)
			require.ErrorIs(t, old.Fenced(), ErrFenced)
			require.NoError(t, next.Append(put("/newer")))

			want := []string{"1/1 /acknowledged", "2/2 /new", "2/3 /newer"}
			if step == "synced" { // written before the epoch was taken: the taker found it, and it counts
				want = []string{"1/1 /acknowledged", "1/2 /zombie", "2/3 /new", "2/4 /newer"}
			}
			fresh := open(t, dir)
			fresh.poll(t)
			require.Equal(t, want, fresh.names())
			watcher.poll(t)
			require.Equal(t, want, watcher.names(), "one that followed all along")
			a.edits = nil
			a.poll(t)
			require.Equal(t, want[1:], a.names(), "the old writer itself, which has applied its own acknowledged edit")
		})
	}
}

// TestReaderWaitsWhileAnEpochBegins: the reader reads after the new epoch began and before its segment exists.
func TestReaderWaitsWhileAnEpochBegins(t *testing.T) {
	dir := t.TempDir()
	a, b, reader := open(t, dir), open(t, dir), open(t, dir)
	old := a.begin(t, "nn1")
	require.NoError(t, old.Append(put("/a")))
	reader.poll(t)
	b.hook = func(at string) {
		if at == "tail read" {
			a.hook = func(string) {}
			_, err := old.f.Write(appendEdit(nil, Edit{Epoch: 1, Txid: 2, Path: "/zombie"})) // past all checks
			require.NoError(t, err)
			reader.poll(t)
			require.Equal(t, []string{"1/1 /a"}, reader.names())
		}
	}
	w := b.begin(t, "nn2")
	require.NoError(t, w.Append(put("/b")))
	reader.poll(t)
	require.Equal(t, []string{"1/1 /a", "2/2 /b"}, reader.names())
}

func TestReaderIsOvertakenBetweenReadingAndApplying(t *testing.T) {
	dir := t.TempDir()
	a, b, reader := open(t, dir), open(t, dir), open(t, dir)
	old := a.begin(t, "nn1")
	require.NoError(t, old.Append(put("/a")))
	once := true
	reader.hook = func(string) {
		if once {
			once = false
			require.NoError(t, b.begin(t, "nn2").Append(put("/b")))
		}
	}
	reader.poll(t)
	require.Equal(t, []string{"1/1 /a", "2/2 /b"}, reader.names())
}

func TestTakerThatIsOvertakenFollowsOn(t *testing.T) {
	for _, step := range []string{"taken", "tail read"} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			a, b, c := open(t, dir), open(t, dir), open(t, dir)
			old := a.begin(t, "nn1")
			require.NoError(t, old.Append(put("/a")))
			b.hook = func(at string) {
				if at == step {
					b.hook = func(string) {}
					require.NoError(t, c.begin(t, "nn3").Append(put("/c")))
				}
			}
			_, err := b.Begin("nn2", b.apply)
			require.ErrorIs(t, err, ErrFenced)
			require.Equal(t, []string{"1/1 /a"}, b.names(), "what stood before it took its epoch")
			b.poll(t)
			require.Equal(t, []string{"1/1 /a", "3/2 /c"}, b.names())
		})
	}
}

func TestTakerThatDiedLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	old := a.begin(t, "nn1")
	require.NoError(t, old.Append(put("/a")))
	_, err := open(t, dir).take() // and dies
	require.NoError(t, err)
	require.ErrorIs(t, old.Append(put("/x")), ErrFenced)
	b.poll(t)
	require.Empty(t, b.names(), "nobody knows yet where epoch 1 ends")
	w := b.begin(t, "nn2")
	require.Equal(t, uint64(3), w.Epoch())
	require.Equal(t, []string{"1/1 /a"}, b.names())
}

func TestTornTailIsCutWithAReason(t *testing.T) {
	whole := appendEdit(nil, Edit{Epoch: 1, Txid: 2, Path: "/torn", Data: []byte("0123456789")})
	for cut := 1; cut < len(whole); cut++ {
		dir := t.TempDir()
		a, b := open(t, dir), open(t, dir)
		w := a.begin(t, "nn1")
		require.NoError(t, w.Append(put("/a")))
		st, err := w.f.Stat()
		require.NoError(t, err)
		_, err = w.f.Write(whole[:cut])
		require.NoError(t, err)
		b.poll(t)
		require.Equal(t, []string{"1/1 /a"}, b.names())
		require.NoError(t, b.begin(t, "nn2").Append(put("/b")))
		cuts := b.logs.FilterLevelExact(zapcore.WarnLevel).All()
		require.Len(t, cuts, 1)
		fields := cuts[0].ContextMap()
		require.Equal(t, filepath.Join(dir, "edits-1"), fields["path"])
		require.Equal(t, st.Size(), fields["offset"])
		require.Equal(t, int64(cut), fields["bytes"])
		fresh := open(t, dir)
		fresh.poll(t)
		require.Equal(t, []string{"1/1 /a", "2/2 /b"}, fresh.names())
	}
}

func TestDamageInTheMiddleIsRefusedWithFileAndOffset(t *testing.T) {
	for name, tt := range map[string]struct {
		file   string
		at     int64 // the byte that is flipped, counted from the end of the header
		offset int64 // that the error names, likewise
	}{
		"last segment, length":    {"edits-2", 4, 0},
		"last segment, data":      {"edits-2", 40, 0},
		"sealed segment, magic":   {"edits-1", 0, 0},
		"sealed segment, last":    {"edits-1", 52, 43},
		"header of last segment":  {"edits-2", -8, -1},
		"header of first segment": {"edits-1", -8, -1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := open(t, dir).begin(t, "nn1")
			require.NoError(t, w.Append(append(put("/a"), put("/b")...)))
			w = open(t, dir).begin(t, "nn2")
			require.NoError(t, w.Append(append(put("/c"), put("/d")...)))
			file := filepath.Join(dir, tt.file)
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			_, head, err := takeHeader(b)
			require.NoError(t, err)
			b[int64(head)+tt.at] ^= 0x10
			require.NoError(t, os.WriteFile(file, b, 0o600))

			v := open(t, dir)
			_, err = v.Poll(v.apply)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, file, corrupt.File)
			want := int64(head) + tt.offset
			if tt.offset < 0 {
				want = 0
			}
			require.Equal(t, want, corrupt.Offset)
			require.ErrorContains(t, err, fmt.Sprintf("%s at offset %d", file, want))
			_, err = open(t, dir).Begin("nn3", func(Edit) {})
			require.ErrorAs(t, err, &corrupt, "and nobody takes over")
			taken, err := v.taken(3)
			require.NoError(t, err)
			require.False(t, taken, "nor is an epoch used up")
		})
	}
}

func TestShortenedSegmentIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, open(t, dir).begin(t, "nn1").Append(append(put("/a"), put("/b")...)))
	open(t, dir).begin(t, "nn2")
	file := filepath.Join(dir, "edits-1")
	st, err := os.Stat(file)
	require.NoError(t, err)
	_, size, err := takeEdit(appendEdit(nil, Edit{Path: "/b", Data: []byte("data of /b")}))
	require.NoError(t, err)
	for _, less := range []int64{1, int64(size)} { // within the last edit, exactly the last edit
		require.NoError(t, os.Truncate(file, st.Size()-less))
		v := open(t, dir)
		_, err = v.Poll(v.apply)
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, file, corrupt.File)
	}
}

func TestLargeEditsAndManyChunks(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	w := a.begin(t, "nn1")
	big := make([]byte, chunk+chunk/2)
	big[len(big)-1] = 7
	for i := range 3 {
		require.NoError(t, w.Append([]Edit{{Path: "/small"}, {Path: fmt.Sprintf("/big%d", i), Data: big}}))
	}
	require.NoError(t, w.Append(put("/end")))
	b := open(t, dir)
	b.poll(t)
	require.Len(t, b.edits, 7)
	require.Equal(t, big, b.edits[5].Data)
	c := open(t, dir)
	c.begin(t, "nn2")
	require.Len(t, c.edits, 7)
}

func TestDirectoryIsCheckedAtOpen(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"), zap.NewNop())
	require.ErrorContains(t, err, "does not exist: create it")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(file, zap.NewNop())
	require.ErrorContains(t, err, "is not a directory")
	j, err := Open(dir, zap.NewNop())
	require.NoError(t, err)
	require.Zero(t, j.Txid())
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 1, "nothing is left behind by the check")
}

func TestFailedWriteSpendsTheWriter(t *testing.T) {
	a := open(t, t.TempDir())
	w, err := a.Begin("nn1", a.apply)
	require.NoError(t, err)
	require.NoError(t, w.f.Close())
	first := w.Append(put("/a"))
	require.ErrorIs(t, first, os.ErrClosed)
	require.Equal(t, first, w.Append(put("/b")))
	require.Zero(t, a.Txid())
}

func FuzzTakeEdit(f *testing.F) {
	f.Add(appendEdit(nil, Edit{Epoch: 1, Txid: 2, Path: "/p", Data: []byte("d")}))
	f.Add([]byte(magicEdit + "\x7f\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, n, err := takeEdit(b)
		if err != nil {
			require.True(t, errors.Is(err, errIncomplete) || errors.Is(err, errBadFrame))
			_ = len(b) > 0 && tornAt(b)
			return
		}
		require.Equal(t, b[:n], appendEdit(nil, e))
	})
}

func FuzzTakeHeader(f *testing.F) {
	f.Add(encodeHeader(header{epoch: 3, firstTxid: 9, prevEpoch: 2, prevLength: 77, writer: "nn1"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := takeHeader(b)
		if err == nil {
			require.Equal(t, b[:n], encodeHeader(h))
		}
	})
}

// FuzzPoll: whatever a segment holds, reading it neither panics nor applies an edit out of order.
func FuzzPoll(f *testing.F) {
	good := encodeHeader(header{epoch: 1, firstTxid: 1, writer: "nn1"})
	f.Add(good)
	f.Add(appendEdit(appendEdit(good, Edit{Epoch: 1, Txid: 1, Path: "/a"}), Edit{Epoch: 1, Txid: 2, Path: "/b", Data: []byte("x")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "edits-1"), b, 0o600))
		j, err := Open(dir, zap.NewNop())
		require.NoError(t, err)
		last := uint64(0)
		_, _ = j.Poll(func(e Edit) {
			require.Equal(t, last+1, e.Txid)
			last = e.Txid
		})
	})
}

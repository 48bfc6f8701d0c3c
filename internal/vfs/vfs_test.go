package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// both runs a test on the real file system and on the one in memory.
func both(t *testing.T, test func(t *testing.T, f FS, dir string)) {
	t.Helper()
	t.Run("os", func(t *testing.T) { test(t, OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := NewMem()
		require.NoError(t, m.MkdirAll("d"))
		test(t, m, "d")
	})
}

func create(t testing.TB, f FS, name, content string) {
	t.Helper()
	h, err := f.Create(name)
	require.NoError(t, err)
	_, err = h.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, h.Close())
}

func content(t testing.TB, f FS, name string) string {
	t.Helper()
	h, err := f.Open(name)
	require.NoError(t, err)
	b, err := io.ReadAll(h)
	require.NoError(t, err)
	require.NoError(t, h.Close())
	return string(b)
}

func TestFilesBehaveTheSameEverywhere(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		a := filepath.Join(dir, "a")
		create(t, f, a, "hello")
		_, err := f.Create(a)
		require.ErrorIs(t, err, fs.ErrExist)
		_, err = f.Open(filepath.Join(dir, "none"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = f.List(filepath.Join(dir, "none"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorIs(t, f.Remove(filepath.Join(dir, "none")), fs.ErrNotExist)
		require.Error(t, f.MkdirAll(a))

		h, err := f.OpenReadWrite(a)
		require.NoError(t, err)
		_, err = h.WriteAt([]byte("XY"), 7)
		require.NoError(t, err)
		n, err := h.Size()
		require.NoError(t, err)
		require.Equal(t, int64(9), n)
		require.NoError(t, h.Sync())
		buf := make([]byte, 20)
		got, err := h.ReadAt(buf, 3)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, "lo\x00\x00XY", string(buf[:got]))
		require.NoError(t, h.Truncate(2))
		if err := h.Preallocate(4); !errors.Is(err, ErrUnsupported) {
			require.NoError(t, err)
			n, _ = h.Size()
			require.Equal(t, int64(4), n)
			require.NoError(t, h.Preallocate(3))
			n, _ = h.Size()
			require.Equal(t, int64(4), n)
		}
		require.NoError(t, h.Truncate(2))
		require.NoError(t, h.Close())
		require.Error(t, h.Close())

		require.NoError(t, f.Rename(a, filepath.Join(dir, "b")))
		create(t, f, a, "again")
		require.NoError(t, f.Rename(a, filepath.Join(dir, "b"))) // replaces
		require.NoError(t, f.SyncDir(dir))
		require.Equal(t, "again", content(t, f, filepath.Join(dir, "b")))
		deep := filepath.Join(dir, "x", "y")
		require.NoError(t, f.MkdirAll(deep))
		require.NoError(t, f.MkdirAll(deep))
		names, err := f.List(dir)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "x"}, names)
		st, err := f.Stat(deep)
		require.NoError(t, err)
		require.True(t, st.Dir)
		free, err := f.FreeSpace(dir)
		require.NoError(t, err)
		require.Positive(t, free)
	})
}

// A purge removes what a learner is being sent.
func TestOpenFilesAreInNobodysWay(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		create(t, f, a, "old")
		reader, err := f.Open(a)
		require.NoError(t, err)
		writer, err := f.OpenReadWrite(a)
		require.NoError(t, err)
		require.NoError(t, f.Rename(a, b))
		require.Equal(t, "old", content(t, f, b))
		require.NoError(t, f.Remove(b)) // some versions of Windows, and wine, let the name stay until the last user is gone
		_, err = writer.WriteAt([]byte("O"), 0)
		require.NoError(t, err)
		got, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.Equal(t, "Old", string(got))
		require.NoError(t, reader.Close())
		require.NoError(t, writer.Close())
		require.NoError(t, f.SyncDir(dir))
		names, err := f.List(dir)
		require.NoError(t, err)
		require.Empty(t, names)
	})
}

func TestLockIsExclusive(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		name := filepath.Join(dir, "lock")
		l, err := f.Lock(name)
		require.NoError(t, err)
		_, err = f.Lock(name)
		require.ErrorIs(t, err, ErrLocked)
		require.ErrorContains(t, err, name)
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		l, err = f.Lock(name)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	})
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	m := NewMem()
	require.NoError(t, m.MkdirAll("d"))
	h, err := m.Create("d/f")
	require.NoError(t, err)
	_, err = h.Write([]byte("synced"))
	require.NoError(t, err)
	require.NoError(t, h.Sync())
	_, err = m.CrashClone(Crash{}).Open("d/f") // data synced, name not
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, m.SyncDir("d"))
	_, err = h.Write([]byte(" and not"))
	require.NoError(t, err)
	create(t, m, "d/g", "volatile")

	require.Equal(t, "synced", content(t, m.CrashClone(Crash{}), "d/f"))
	require.Equal(t, "synced and not", content(t, m.CrashClone(Crash{Keep: true}), "d/f"))
	require.Equal(t, "volatile", content(t, m.CrashClone(Crash{Keep: true}), "d/g"))

	seen := map[string]bool{}
	for seed := range uint64(200) {
		c := m.CrashClone(Crash{Rand: rand.New(rand.NewPCG(seed, 0))})
		got := content(t, c, "d/f")
		require.Equal(t, "synced and not"[:len(got)], got)
		seen[got] = true
		if _, err := c.Stat("d/g"); err == nil {
			seen["g"] = true
		} else {
			seen["no g"] = true
		}
		same := m.CrashClone(Crash{Rand: rand.New(rand.NewPCG(seed, 0))})
		require.Equal(t, got, content(t, same, "d/f")) // a seed means one thing
	}
	require.True(t, seen["synced"] && seen["synced and"] && seen["g"] && seen["no g"])
	require.Equal(t, "synced and not", content(t, m, "d/f")) // the original is as it was
}

func TestCrashMayReorderSectors(t *testing.T) {
	m := NewMem()
	h, err := m.Create("f")
	require.NoError(t, err)
	require.NoError(t, m.SyncDir("."))
	b := make([]byte, 3*sector)
	for i := range b {
		b[i] = 1
	}
	_, err = h.Write(b)
	require.NoError(t, err)
	hole := false
	for seed := range uint64(50) {
		got := content(t, m.CrashClone(Crash{Rand: rand.New(rand.NewPCG(seed, 0)), Reorder: true}), "f")
		hole = hole || (len(got) == len(b) && got[0] == 0 && got[2*sector] == 1)
	}
	require.True(t, hole)
}

func TestInjectFailsTheChosenCall(t *testing.T) {
	boom := errors.New("boom")
	m := NewMem()
	f := Inject(m, FailNth(OpWrite, "log.*", 2, &PartialWrite{N: 2, Err: boom}))
	other, err := f.Create("other")
	require.NoError(t, err)
	h, err := f.Create("log.1")
	require.NoError(t, err)
	for range 3 {
		_, err = other.Write([]byte("x"))
		require.NoError(t, err)
	}
	_, err = h.Write([]byte("abc"))
	require.NoError(t, err)
	n, err := h.Write([]byte("def"))
	require.Equal(t, 2, n)
	require.ErrorIs(t, err, boom)
	require.Equal(t, "abcde", content(t, m, "log.1"))
	_, err = h.WriteAt([]byte("z"), 0)
	require.ErrorIs(t, err, boom)
}

//go:build linux && (amd64 || arm64)

package vfs

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// trusted tells whether the temporary directory is on a file system with this way, asked in another manner.
func trusted(t *testing.T) bool {
	t.Helper()
	name := filepath.Join(t.TempDir(), "probe")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|unix.O_DIRECT, 0o600)
	if err != nil {
		return false
	}
	defer func() { require.NoError(t, f.Close()) }()
	var st unix.Statx_t
	require.NoError(t, unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_DIOALIGN, &st))
	return st.Dio_offset_align > 0 && st.Dio_offset_align <= 1<<16 && st.Dio_mem_align <= 4096
}

// allocated makes a file with space set aside, on two processors or more.
func allocated(t *testing.T, size int64) *osFile {
	t.Helper()
	if procs := runtime.GOMAXPROCS(0); procs < 2 {
		runtime.GOMAXPROCS(2)
		t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	}
	file, err := OS().Create(filepath.Join(t.TempDir(), "f"))
	require.NoError(t, err)
	f, ok := file.(*osFile)
	require.True(t, ok)
	if f.Preallocate(size) != nil {
		require.NoError(t, f.Truncate(size))
	}
	require.NoError(t, f.Sync())
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func bytesOf(t *testing.T, f *osFile) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	return b
}

// Appended past the cache, through it, with a thread that waits and without, in any order: whoever reads the file sees all of it, each time.
func TestAppendsPastTheCacheAndThroughIt(t *testing.T) {
	works := trusted(t)
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := allocated(t, 1200<<10)
		model := make([]byte, 1200<<10)
		end := int64(0)
		other, err := os.Open(f.Name()) // keeps pages in the cache
		require.NoError(t, err)
		for step := range 200 {
			n := 1 + r.IntN(3000)
			if r.IntN(20) == 0 {
				n = 1 + r.IntN(2*directMost)
			}
			if r.IntN(30) == 0 || end+int64(n) > int64(len(model)) { // more space, not always in whole blocks
				model = append(model, make([]byte, n+6<<10+r.IntN(2)*300)...)
				require.NoError(t, f.Truncate(int64(len(model))))
			}
			p := bytes.Repeat([]byte{byte(1 + step%255)}, n)
			copy(model[end:], p)
			switch r.IntN(6) {
			case 0:
				_, err = f.WriteAt(p, end)
				require.NoError(t, err)
				if r.IntN(2) == 0 {
					require.NoError(t, f.Sync())
				}
			case 1:
				require.NoError(t, f.WriteSync(p, end, true))
			default:
				require.NoError(t, f.WriteSync(p, end, false))
			}
			end += int64(n)
			if r.IntN(3) > 0 {
				got := make([]byte, len(model))
				_, err = other.ReadAt(got, 0)
				require.NoError(t, err)
				require.True(t, bytes.Equal(model, got), "seed %d step %d", seed, step)
			}
		}
		require.Equal(t, works, f.direct.proven)
		require.True(t, bytes.Equal(model, bytesOf(t, f)), "seed %d, length too", seed)
		require.NoError(t, f.Truncate(end))
		require.NoError(t, f.Close())
		require.True(t, bytes.Equal(model[:end], bytesOf(t, f)))
		require.NoError(t, other.Close())
	}
}

// What reads find in a block comes from memory, whether or not its page is in the cache.
func TestABatchNeedsNothingFromTheDisk(t *testing.T) {
	if !trusted(t) {
		return
	}
	f := allocated(t, 1<<20)
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.EqualValues(t, 4096+zerosAhead, f.direct.zeroTo)
	_, err := f.WriteAt(bytes.Repeat([]byte("x"), 10000), 3)
	require.NoError(t, err)
	cached := make([]byte, 3)
	page := make([]byte, 5000)
	_, err = f.ReadAt(page, 9000)
	require.NoError(t, err)
	require.Equal(t, append(bytes.Repeat([]byte("x"), 1003), make([]byte, 3997)...), page)
	_, err = f.ReadAt(cached, 0)
	require.NoError(t, err)
	require.Equal(t, "one", string(cached))
	require.False(t, f.direct.known)
	require.NoError(t, f.Sync())
	require.NoError(t, f.WriteSync([]byte("two"), 10003, false))
	require.True(t, f.direct.known)
}

// A write that is not synced, or space that is not there, needs the usual way.
func TestNothingElseIsDurableByADirectWrite(t *testing.T) {
	f := allocated(t, 1<<20)
	_, err := f.WriteAt([]byte("one"), 0)
	require.NoError(t, err)
	require.NoError(t, f.WriteSync([]byte("two"), 3, false))
	require.False(t, f.direct.proven, "one was not synced")
	require.NoError(t, f.WriteSync([]byte("three"), 6, false))
	require.Equal(t, trusted(t), f.direct.proven)
	require.Equal(t, "onetwothree", string(bytesOf(t, f)[:11]))

	f = allocated(t, 4095)
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.NoError(t, f.WriteSync([]byte("two"), 3, false))
	require.False(t, f.direct.proven, "the file would become longer")
	require.Len(t, bytesOf(t, f), 4095)
}

// Refused at first it goes the usual way; later every failure counts.
func TestADirectWriteThatIsRefused(t *testing.T) {
	if !trusted(t) {
		return
	}
	f := allocated(t, 1<<20)
	require.True(t, f.direct.open(f.File))
	f.direct.buf = f.direct.buf[1:] // badly aligned
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.True(t, f.direct.refused)
	require.NoError(t, f.WriteSync([]byte("two"), 3, false))
	require.Equal(t, "onetwo", string(bytesOf(t, f)[:6]))

	f = allocated(t, 1<<20)
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	f.direct.buf = f.direct.buf[1:]
	require.ErrorIs(t, f.WriteSync([]byte("two"), 3, false), syscall.EINVAL)

	f = allocated(t, 1<<20)
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.NoError(t, f.direct.file.Close())
	require.ErrorIs(t, f.WriteSync([]byte("two"), 3, false), syscall.EBADF)

	f = allocated(t, 1<<20)
	require.NoError(t, os.Rename(f.Name(), f.Name()+"2"))
	require.NoError(t, os.WriteFile(f.Name(), []byte("other"), 0o600))
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.True(t, f.direct.refused, "the name is another file's")
	require.Equal(t, "other", string(bytesOf(t, f)))
}

// A short file is an error, not a block of zeros in place of what was there.
func TestWhatStandsBeforeMustBeThere(t *testing.T) {
	if !trusted(t) {
		return
	}
	f := allocated(t, 1<<20)
	require.NoError(t, f.WriteSync([]byte("one"), 0, false))
	require.NoError(t, os.Truncate(f.Name(), 2))
	f.direct.known = false
	require.ErrorIs(t, f.WriteSync([]byte("two"), 3, false), io.ErrUnexpectedEOF)
}

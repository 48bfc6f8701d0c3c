//go:build linux && (amd64 || arm64)

package vfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// With the kernel's threads and without, with one processor and more.
func TestWriteSync(t *testing.T) {
	defer aioRefused.Store(aioRefused.Load())
	allowed := false
	if a, err := takeAIO(); err == nil {
		probe, err := os.Create(filepath.Join(t.TempDir(), "probe"))
		require.NoError(t, err)
		_, allowed = a.sync(probe.Fd())
		a.free()
		require.NoError(t, probe.Close())
	}
	for i := range 8 {
		aioRefused.Store(i%4 < 2)
		park := i >= 4
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1 + i%2))
		name := filepath.Join(t.TempDir(), "f")
		f, err := OS().Create(name)
		require.NoError(t, err)
		w, ok := f.(WriteSyncer)
		require.True(t, ok)
		require.NoError(t, w.WriteSync([]byte("hello "), 0, park))
		require.NoError(t, w.WriteSync([]byte("world"), 6, park))
		require.NoError(t, w.WriteSync(nil, 0, park))
		b := make([]byte, 11)
		_, err = f.ReadAt(b, 0)
		require.NoError(t, err)
		require.Equal(t, "hello world", string(b))
		require.NoError(t, f.Close())
		require.Error(t, w.WriteSync([]byte("x"), 0, park))
		require.Error(t, w.WriteSync(nil, 0, park))
		if allowed || park {
			require.Equal(t, i%4 >= 2 && allowed, w.Parks(), "a bad file is no reason to give it up")
		}

		f, err = OS().Open(name) // for reading only
		require.NoError(t, err)
		err = f.(WriteSyncer).WriteSync([]byte("x"), 0, park)
		var path *fs.PathError
		require.ErrorAs(t, err, &path)
		require.Equal(t, name, path.Path)
		require.NoError(t, f.Close())
	}
}

// Many at once have each their own.
func TestWriteSyncOfManyFiles(t *testing.T) {
	var wg sync.WaitGroup
	dir := t.TempDir()
	for i := range 3 * cap(idleAIO) {
		wg.Go(func() {
			f, err := OS().Create(filepath.Join(dir, strconv.Itoa(i)))
			if err != nil {
				t.Error(err)
				return
			}
			for k := range 10 {
				if err := f.(WriteSyncer).WriteSync([]byte{byte(i), byte(k)}, int64(2*k), true); err != nil {
					t.Error(err)
				}
			}
			if size, err := f.Size(); size != 20 || err != nil {
				t.Errorf("%d bytes, %v", size, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, len(idleAIO), cap(idleAIO))
}

// A goroutine that waits for its sync leaves the only processor to the others, and an edge that means nothing does not end it.
func TestAWriteSyncKeepsNoProcessor(t *testing.T) {
	a, err := takeAIO()
	if err != nil {
		require.True(t, aioRefused.Load(), "the system does not allow it: %v", err)
		return
	}
	defer a.free()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	a.submitted = true // and the disk does not answer
	done := make(chan error, 1)
	go func() { done <- a.raw.Read(a.turn) }()
	runtime.Gosched()
	runtime.GC() // all must stop for it
	one := [8]byte{1}
	_, err = a.ended.Write(one[:])
	require.NoError(t, err)
	runtime.Gosched()
	select {
	case <-done:
		require.Fail(t, "nothing has been synced")
	default:
	}
	probe, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	require.NoError(t, err)
	defer func() { require.NoError(t, probe.Close()) }()
	a.block = iocb{opcode: opFDSync, fd: uint32(probe.Fd()), flags: flagResFD, resFD: uint32(a.fd())}
	a.list[0] = &a.block
	require.Zero(t, a.begin(), "the disk answers")
	require.NoError(t, <-done)
	require.Zero(t, a.errno)
	require.Zero(t, a.event.res)
}

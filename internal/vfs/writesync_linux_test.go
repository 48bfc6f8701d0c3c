//go:build linux && (amd64 || arm64)

package vfs

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteSync(t *testing.T) {
	for _, procs := range []int{1, 2} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		name := filepath.Join(t.TempDir(), "f")
		f, err := OS().Create(name)
		require.NoError(t, err)
		w, ok := f.(WriteSyncer)
		require.True(t, ok)
		require.NoError(t, w.WriteSync([]byte("world"), 6))
		require.NoError(t, w.WriteSync([]byte("hello "), 0))
		require.NoError(t, w.WriteSync(nil, 0))
		b := make([]byte, 11)
		_, err = f.ReadAt(b, 0)
		require.NoError(t, err)
		require.Equal(t, "hello world", string(b))
		require.NoError(t, f.Close())
		require.Error(t, w.WriteSync([]byte("x"), 0))

		f, err = OS().Open(name) // for reading only
		require.NoError(t, err)
		err = f.(WriteSyncer).WriteSync([]byte("x"), 0)
		var path *fs.PathError
		require.ErrorAs(t, err, &path)
		require.Equal(t, name, path.Path)
		require.NoError(t, f.Close())
	}
}

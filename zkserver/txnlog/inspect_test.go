package txnlog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// entries reads a file to its end or to what is no record.
func entries(fs vfs.FS, path string) (all []Entry, end error) {
	f, err := OpenFile(fs, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		e, err := f.Next()
		if err != nil {
			return all, err
		}
		all = append(all, *e)
	}
}

func TestFileGoesOnBehindAWrongChecksum(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "zk-3.9.5.log.1"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "any name")
	require.NoError(t, os.WriteFile(path, golden, 0o644))
	all, end := entries(vfs.OS(), path)
	require.ErrorIs(t, end, io.EOF)
	require.Len(t, all, 23)
	rebuilt := AppendHeader(nil)
	for i := range all {
		require.True(t, all[i].OK())
		require.EqualValues(t, i+1, all[i].Zxid())
		require.EqualValues(t, len(rebuilt), all[i].Offset)
		rebuilt = AppendRecord(rebuilt, all[i].Body, nil)
	}
	require.Equal(t, golden[:len(rebuilt)], rebuilt)

	golden[all[4].Offset+frameSize+3] ^= 1
	require.NoError(t, os.WriteFile(path, golden, 0o644))
	all, end = entries(vfs.OS(), path)
	require.ErrorIs(t, end, io.EOF)
	require.Len(t, all, 23)
	for i := range all {
		require.Equal(t, i != 4, all[i].OK())
	}
	wrong := AppendRecord(nil, all[4].Body, &all[4].Checksum)
	require.Equal(t, golden[all[4].Offset:all[5].Offset], wrong, "a wrong checksum can be kept")

	require.NoError(t, os.WriteFile(path, golden[:all[5].Offset-1], 0o644))
	all, end = entries(vfs.OS(), path)
	require.Len(t, all, 4)
	var bad *FormatError
	require.ErrorAs(t, end, &bad)
	require.Contains(t, bad.Reason, "its end mark is missing")
}

func FuzzFile(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "zk-3.9.5.log.1"))
	require.NoError(f, err)
	f.Add(golden[:600])
	f.Add(append(golden[:100:100], make([]byte, 40)...))
	f.Add([]byte("ZKLG\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "log")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		all, end := entries(vfs.OS(), path)
		var bad *FormatError
		require.True(t, errors.Is(end, io.EOF) || errors.As(end, &bad), "%v", end)
		at := int64(headerSize)
		for _, e := range all {
			require.Equal(t, at, e.Offset)
			at += int64(frameSize + len(e.Body) + 1)
		}
		require.LessOrEqual(t, at, int64(max(len(data), headerSize)))
	})
}

package snapshot

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// BenchmarkDecode is reading a snapshot and checking it, without building a tree of it.
func BenchmarkDecode(b *testing.B) {
	m := vfs.NewMem()
	require.NoError(b, m.MkdirAll(dir))
	w, err := Write(m, dir, 1, example(50_000))
	require.NoError(b, err)
	raw := get(b, m, w.Path)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := decode(bytes.NewReader(raw), discard{})
		require.NoError(b, err)
	}
}

package snapshot

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who paces a snapshot says how much of it may wait to be on disk.
func TestPaceSaysHowLargePiecesAre(t *testing.T) {
	m := newMem(t)
	var ends []int64
	size := func() int64 {
		info, err := m.Stat(filepath.Join(dir, tmpPrefix+"9"))
		require.NoError(t, err)
		return info.Size
	}
	const small, whole = 70 << 10, 64 * 1024 // whole is more than one round of znodes has
	_, err := WriteWith(m, dir, 9, example(4000), WriteOptions{Pace: func() int {
		ends = append(ends, size())
		if len(ends) < 3 {
			return 0
		}
		return small
	}})
	require.NoError(t, err)
	require.Greater(t, len(ends), 10)
	for i, end := range ends[1:] {
		piece, want := end-ends[i], int64(Piece)
		if i >= 2 {
			want = small
		}
		require.GreaterOrEqual(t, piece, want)
		require.Less(t, piece, want+whole)
	}
}

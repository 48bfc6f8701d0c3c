package snapshot

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestPackedSnapshots(t *testing.T) {
	for method, ending := range map[string]string{"": "", "gz": ".gz", "snappy": ".snappy"} {
		for _, late := range []bool{false, true} {
			fs := newMem(t)
			want := example(3000)
			if late { // written twice
				want.late = map[int64][]zkproto.ACL{9: zkproto.WorldAll()}
				want.nodes[len(want.nodes)-1].acl = 9
			}
			w, err := WriteWith(fs, "d", 7, want, WriteOptions{Compression: method, NoLastZxid: late})
			require.NoError(t, err)
			require.Equal(t, filepath.Join("d", "snapshot.7"+ending), w.Path)
			info, err := fs.Stat(w.Path)
			require.NoError(t, err)
			require.Equal(t, info.Size, w.Size)
			got, err := Load(fs, "d", "d", newState)
			require.NoError(t, err)
			require.Equal(t, w.Path, got.Path)
			if late {
				want.acls[9] = want.late[9]
			}
			requireSame(t, want, got)
		}
	}
	_, err := WriteWith(newMem(t), "d", 7, example(1), WriteOptions{Compression: "lz4"})
	require.ErrorContains(t, err, "snappy")
}

func TestEmptyStarts(t *testing.T) {
	fs := newMem(t)
	_, err := LoadWith(fs, "d", "d", newState, LoadOptions{RefuseEmpty: true})
	require.ErrorIs(t, err, ErrEmpty)
	put(t, fs, "log.500000001", nil)
	_, err = LoadWith(fs, "d", "d", newState, LoadOptions{RefuseEmpty: true})
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	got, err := LoadWith(fs, "d", "d", newState, LoadOptions{TrustEmpty: true})
	require.NoError(t, err)
	require.False(t, got.Found)
	put(t, fs, "snapshot.500000000", nil)
	_, err = LoadWith(fs, "d", "d", newState, LoadOptions{TrustEmpty: true})
	require.ErrorAs(t, err, &missing, "an empty snapshot is not trusted (ZOOKEEPER-2325)")
}

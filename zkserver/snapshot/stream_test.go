package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// streamed is a state as it follows a SNAP packet.
func streamed(t testing.TB, s *state) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Stream(&b, s, nil))
	return b.Bytes()
}

// received reads a stream into a file.
func received(t testing.TB, fs vfs.FS, r *bufio.Reader, zxid zkproto.Zxid, to Visitor) (map[zkproto.SessionID]int32, error) {
	t.Helper()
	f, err := fs.Create(filepath.Join(dir, Name(zxid)))
	require.NoError(t, err)
	defer f.Close()
	return ReadStream(r, f, to, nil)
}

func TestStreamBecomesASnapshotFile(t *testing.T) {
	want := example(3000)
	b := append(streamed(t, example(3000)), "BenWasHere"...)
	m := newMem(t)
	r := bufio.NewReader(bytes.NewReader(b))
	got := &state{}
	sessions, err := received(t, m, r, 0x500000007, got)
	require.NoError(t, err)
	require.Equal(t, want.sessions, sessions)
	require.Equal(t, want.acls, got.acls)
	require.Equal(t, want.nodes, got.nodes)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "BenWasHere", string(rest), "not a byte more is taken")

	require.NoError(t, m.SyncDir(dir))
	loaded, err := Load(m.CrashClone(vfs.Crash{}), dir, dir, newState)
	require.NoError(t, err)
	require.Empty(t, loaded.Skipped)
	require.Equal(t, zkproto.Zxid(0x500000007), loaded.Zxid)
	require.Equal(t, want.nodes, loaded.State.nodes)

	f, err := m.Open(filepath.Join(dir, Name(0x500000007)))
	require.NoError(t, err)
	defer f.Close()
	file, err := io.ReadAll(f)
	require.NoError(t, err)
	middle := streamed(t, example(3000))
	const seal = 8 + 4 + 1
	require.Len(t, file, headSize+len(middle)+seal, "an original takes what is behind the seal for a digest, if it finds something")
}

// What comes is made durable in pieces, as large as settle says.
func TestReceivedStreamIsSettledInPieces(t *testing.T) {
	m := newMem(t)
	read := func(name string, settle Settle) (*state, error) {
		f, err := m.Create(filepath.Join(dir, name))
		require.NoError(t, err)
		defer f.Close()
		got := &state{}
		_, err = ReadStream(bufio.NewReader(bytes.NewReader(streamed(t, example(4000)))), f, got, settle)
		return got, err
	}
	var ends []int64
	const small, whole = 70 << 10, 8 << 10 // whole is more than a field has
	got, err := read("pieces", func(f vfs.File) (int, error) {
		size, err := f.Size()
		ends = append(ends, size)
		if len(ends) < 3 {
			return 0, err
		}
		return small, err
	})
	require.NoError(t, err)
	require.Equal(t, example(4000).nodes, got.nodes)
	require.Greater(t, len(ends), 10)
	for i, end := range ends[1:] {
		want := int64(Piece)
		if i >= 2 {
			want = small
		}
		require.InDelta(t, want, end-ends[i], whole)
	}

	boom := errors.New("boom")
	_, err = read("failing", func(vfs.File) (int, error) { return 0, boom })
	require.ErrorIs(t, err, boom)
}

func TestStreamPaces(t *testing.T) {
	n := 0
	var b bytes.Buffer
	require.NoError(t, Stream(&b, example(3000), func() { n++ }))
	require.Greater(t, n, 2)
}

func TestStreamGivesALateACLAsTheOpenOne(t *testing.T) {
	s := example(5)
	s.nodes[3].acl = 77
	s.late = map[int64][]zkproto.ACL{77: {{Perms: 1}}}
	got := &state{}
	_, err := received(t, newMem(t), bufio.NewReader(bytes.NewReader(streamed(t, s))), 9, got)
	require.NoError(t, err)
	require.Equal(t, int64(openACL), got.nodes[3].acl)
}

func TestStreamThatEndsEarly(t *testing.T) {
	b := streamed(t, example(20))
	for n := range b {
		_, err := received(t, newMem(t), bufio.NewReader(bytes.NewReader(b[:n])), 9, &state{})
		require.ErrorContains(t, err, "snapshot: from the leader, at byte", "%d of %d bytes", n, len(b))
	}
}

func FuzzReadStream(f *testing.F) {
	f.Add(streamed(f, example(3)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = received(t, newMem(t), bufio.NewReader(bytes.NewReader(b)), 1, &state{}) // must neither panic nor eat the memory
	})
}

package tree

import (
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The short cut against the plain sum over path, data and Stat.
func TestDigestOfAZnode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Digester
		path := "/" + rapid.String().Draw(t, "path")
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		n := func(label string) int64 { return rapid.Int64().Draw(t, label) }
		i := func(label string) int32 { return rapid.Int32().Draw(t, label) }
		st := zkproto.StatPersisted{
			Czxid: zkproto.Zxid(n("czxid")), Mzxid: zkproto.Zxid(n("mzxid")), Ctime: n("ctime"), Mtime: n("mtime"),
			Version: i("version"), Cversion: i("cversion"), Aversion: i("aversion"), EphemeralOwner: n("owner"), Pzxid: zkproto.Zxid(n("pzxid")),
		}
		plain := []byte(path)
		if path == "/" {
			plain = nil
		}
		plain = append(plain, data...)
		for _, v := range []uint64{uint64(st.Czxid), uint64(st.Mzxid), uint64(st.Pzxid), uint64(st.Ctime), uint64(st.Mtime)} {
			plain = appendUint(plain, v, 8)
		}
		for _, v := range []int32{st.Version, st.Cversion, st.Aversion} {
			plain = appendUint(plain, uint64(uint32(v)), 4)
		}
		plain = appendUint(plain, uint64(st.EphemeralOwner), 8)
		if want, got := int64(crc32.ChecksumIEEE(plain)), d.Node(path, d.Content(path, data), &st); want != got {
			t.Fatalf("%d, not %d", got, want)
		}
	})
}

func appendUint(b []byte, v uint64, size int) []byte {
	for k := size - 1; k >= 0; k-- {
		b = append(b, byte(v>>(8*k)))
	}
	return b
}

func TestDigestLogIsBounded(t *testing.T) {
	tr := New()
	require.Zero(t, tr.LastDigest().Zxid)
	for z := zkproto.Zxid(1); z <= 128*1500; z++ {
		tr.Apply(&zkproto.TxnHeader{Type: zkproto.OpCreateSession, Zxid: z}, &zkproto.CreateSessionTxn{}, nil)
	}
	log := tr.DigestLog()
	require.Len(t, log, 1024)
	require.Equal(t, zkproto.Zxid(128*1500), log[1023].Zxid)
	require.Equal(t, zkproto.Zxid(128*(1500-1023)), log[0].Zxid)
	require.Equal(t, tr.Digest(), log[0].Digest)
	require.Equal(t, ZxidDigest{Zxid: 128 * 1500, Version: 2, Digest: tr.Digest()}, tr.LastDigest())
}

func TestWithoutDigest(t *testing.T) {
	tr := New(WithoutDigest())
	tr.Apply(&zkproto.TxnHeader{Type: zkproto.OpCreate, Zxid: 1}, &zkproto.CreateTxn{Path: "/a", ParentCVersion: -1}, nil)
	require.Zero(t, tr.Digest())
	require.False(t, tr.Verify(zkproto.TxnDigest{Version: 2, Digest: 5}))
	require.False(t, tr.Expect(ZxidDigest{Zxid: 1, Version: 2, Digest: 5}))
}

func TestDigestOfTheSnapshotIsComparedWhenReached(t *testing.T) {
	load := func() *Tree {
		l := NewLoader()
		require.NoError(t, l.AddNode("", nil, -1, zkproto.StatPersisted{}))
		tr, err := l.Finish(10)
		require.NoError(t, err)
		return tr
	}
	step := func(tr *Tree, z zkproto.Zxid) {
		tr.Apply(&zkproto.TxnHeader{Type: zkproto.OpCreateSession, Zxid: z}, &zkproto.CreateSessionTxn{}, nil)
	}
	wrong := zkproto.TxnDigest{Version: 2, Digest: 1}

	tr := load()
	require.True(t, tr.Expect(ZxidDigest{Zxid: 10, Version: 2, Digest: 1}), "a snapshot of a quiet tree is compared at once")

	tr = load()
	require.False(t, tr.Expect(ZxidDigest{Zxid: 12, Version: 2, Digest: 1}))
	step(tr, 11)
	require.False(t, tr.Verify(wrong), "not sound yet")
	require.Zero(t, tr.LastDigest().Zxid)
	step(tr, 12)
	require.EqualValues(t, 1, tr.DigestMismatches())
	step(tr, 13)
	require.True(t, tr.Verify(wrong))
	require.False(t, tr.Verify(zkproto.TxnDigest{Version: 1, Digest: 1}), "another way to compute")
	require.False(t, tr.Verify(zkproto.TxnDigest{Version: 2, Digest: tr.Digest()}))
	require.EqualValues(t, 2, tr.DigestMismatches())

	tr = load()
	require.False(t, tr.Expect(ZxidDigest{Zxid: 9, Version: 2, Digest: 1}), "older than the snapshot: says nothing")
	require.False(t, tr.Expect(ZxidDigest{Zxid: 11, Version: 1, Digest: 1}))
	step(tr, 11)
	require.Zero(t, tr.DigestMismatches())
}

// A snapshot that a leader sends has no digest, and may reach into later transactions: until one fits, or the server
// begins to serve, a difference says nothing.
func TestWithoutADigestNothingIsComparedUntilOneFits(t *testing.T) {
	load := func() *Tree {
		l := NewLoader()
		require.NoError(t, l.AddNode("", nil, -1, zkproto.StatPersisted{}))
		tr, err := l.Finish(10)
		require.NoError(t, err)
		require.False(t, tr.Expect(ZxidDigest{}))
		return tr
	}
	wrong := zkproto.TxnDigest{Version: DigestVersion, Digest: 1}
	tr := load()
	require.False(t, tr.Verify(wrong))
	require.False(t, tr.Verify(zkproto.TxnDigest{Version: DigestVersion, Digest: tr.Digest()}))
	require.True(t, tr.Verify(wrong), "it has fitted once")
	tr = load()
	tr.Settled()
	require.True(t, tr.Verify(wrong))
	require.Equal(t, int64(1), tr.DigestMismatches())
}

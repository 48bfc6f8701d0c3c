package tree

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestWhatIsDue(t *testing.T) {
	tr := New(WithExtendedTypes())
	now := int64(1_000_000)
	zxid := zkproto.Zxid(0)
	do := func(txn zkproto.Txn, typ zkproto.OpCode) {
		zxid++
		require.Equal(t, zkproto.ErrOK, tr.Apply(&zkproto.TxnHeader{Type: typ, Zxid: zxid, Time: now}, txn, nil).Err)
	}
	container := func(p string) {
		do(&zkproto.CreateContainerTxn{Path: p, ParentCVersion: -1}, zkproto.OpCreateContainer)
	}
	ttl := func(p string, ms int64) {
		do(&zkproto.CreateTTLTxn{Path: p, ParentCVersion: -1, TTL: ms}, zkproto.OpCreateTTL)
	}
	plain := func(p string) { do(&zkproto.CreateTxn{Path: p, ParentCVersion: -1}, zkproto.OpCreate) }
	remove := func(p string) { do(&zkproto.DeleteTxn{Path: p}, zkproto.OpDelete) }

	container("/new")
	container("/used")
	plain("/used/x")
	remove("/used/x")
	container("/busy")
	plain("/busy/x")
	ttl("/short", 10)
	ttl("/long", 5000)
	ttl("/parent", 10)
	plain("/parent/x")
	plain("/plain")
	require.Equal(t, 6, tr.Mortals())

	require.Equal(t, []string{"/used"}, tr.Due(now, 0))
	require.Equal(t, []string{"/used"}, tr.Due(now+10, 0), "not at the time, but after it")
	require.Equal(t, []string{"/short", "/used"}, tr.Due(now+11, 0))
	require.Equal(t, []string{"/short", "/used"}, tr.Due(now+100, 100))
	require.Equal(t, []string{"/new", "/short", "/used"}, tr.Due(now+101, 100))
	now += 4000
	do(&zkproto.SetDataTxn{Path: "/long", Version: 1}, zkproto.OpSetData)
	require.NotContains(t, tr.Due(now+1001, 0), "/long", "a set renews the time")
	require.Contains(t, tr.Due(now+5001, 0), "/long")
	remove("/parent/x")
	require.Contains(t, tr.Due(now+11, 0), "/parent")
	for _, p := range []string{"/short", "/used", "/long", "/new", "/parent"} {
		remove(p)
	}
	require.Empty(t, tr.Due(now+1<<41, 1))
	require.Equal(t, 1, tr.Mortals())
}

// Release 3.5.3 wrote 0x8000000000000000 + ttl (ZOOKEEPER-2901).
func TestTTLOwnersOf353(t *testing.T) {
	const owner = ContainerOwner | 7000
	node := func(opts ...Option) *Tree {
		l := NewLoader(opts...)
		require.NoError(t, l.AddNode("", nil, -1, zkproto.StatPersisted{}))
		require.NoError(t, l.AddNode("/t", nil, -1, zkproto.StatPersisted{EphemeralOwner: owner, Mtime: 1000}))
		tr, err := l.Finish(1)
		require.NoError(t, err)
		return tr
	}
	require.Equal(t, 1, node().EphemeralCount())
	require.Equal(t, 1, node(WithExtendedTypes()).EphemeralCount())
	tr := node(WithExtendedTypes(), WithEmulate353TTL())
	require.Zero(t, tr.EphemeralCount())
	require.Empty(t, tr.Due(8000, 0))
	require.Equal(t, []string{"/t"}, tr.Due(8001, 0))
	require.Equal(t, Container, tr.Kind(ContainerOwner))
	require.Equal(t, Persistent, tr.Kind(0))
	require.Equal(t, Ephemeral, tr.Kind(0x1000))
}

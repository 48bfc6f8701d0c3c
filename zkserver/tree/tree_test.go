package tree

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

type txns struct {
	t    *testing.T
	tree *Tree
	zxid zkproto.Zxid
	seen []string
}

func (x *txns) apply(session zkproto.SessionID, txn zkproto.Txn) Result {
	x.zxid++
	return x.replay(x.zxid, session, txn)
}

func (x *txns) replay(zxid zkproto.Zxid, session zkproto.SessionID, txn zkproto.Txn) Result {
	h := zkproto.TxnHeader{ClientID: session, Zxid: zxid, Time: 1000 + int64(zxid), Type: typeOf(txn)}
	return x.tree.Apply(&h, txn, func(e Event) { x.seen = append(x.seen, e.Type.String()+" "+e.Path) })
}

func (x *txns) events() []string {
	s := x.seen
	x.seen = nil
	return s
}

func typeOf(txn zkproto.Txn) zkproto.OpCode {
	switch txn.(type) {
	case *zkproto.CreateTxn:
		return zkproto.OpCreate2
	case *zkproto.MultiTxn:
		return zkproto.OpMulti
	case *zkproto.ErrorTxn:
		return zkproto.OpError
	default:
		return zkproto.OpSetData
	}
}

func create(path string, cversion int32) *zkproto.CreateTxn {
	return &zkproto.CreateTxn{Path: path, Data: []byte("d"), ACL: zkproto.WorldAll(), ParentCVersion: cversion}
}

func TestNewTreeLooksLikeTheOriginals(t *testing.T) {
	x := New()
	require.Equal(t, 5, x.NodeCount())
	require.Equal(t, int64(44), x.DataSize())
	data, stat, acl, ok := x.Get("/")
	require.True(t, ok)
	require.NotNil(t, data)
	require.Equal(t, zkproto.Stat{Cversion: -1, NumChildren: 1}, stat)
	require.Equal(t, zkproto.WorldAll(), acl)
	_, stat, _, ok = x.Get("")
	require.True(t, ok)
	require.Equal(t, int32(1), stat.NumChildren)
	names, stat, _, _ := x.Children("/zookeeper")
	require.ElementsMatch(t, []string{"quota", "config"}, names)
	require.Equal(t, zkproto.Stat{Cversion: -2, NumChildren: 2}, stat)
	acl, stat, _ = x.ACL("/zookeeper/config")
	require.Equal(t, zkproto.Stat{Aversion: -1}, stat)
	require.Equal(t, []zkproto.ACL{{Perms: 1, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}, acl)
	require.Equal(t, 3, x.NumDescendants("/"))
	require.Equal(t, 2, x.NumDescendants("/zookeeper"))
	require.Equal(t, 0, x.NumDescendants("/nope"))
}

func TestLifeOfAZnode(t *testing.T) {
	x := &txns{t: t, tree: New()}
	r := x.apply(1, create("/a", 1))
	require.Equal(t, zkproto.Stat{Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: 1001, Mtime: 1001, DataLength: 1}, r.Stat)
	require.Equal(t, []string{"NodeCreated /a", "NodeChildrenChanged /"}, x.events())
	_, stat, _, _ := x.tree.Get("/")
	require.Equal(t, int32(0), stat.Cversion, "two children, one created")
	require.Equal(t, zkproto.Zxid(1), stat.Pzxid)

	x.apply(1, create("/a/b", 1))
	require.Equal(t, []string{"NodeCreated /a/b", "NodeChildrenChanged /a"}, x.events())
	r = x.apply(1, &zkproto.SetDataTxn{Path: "/a", Data: []byte("xyz"), Version: 7})
	require.Equal(t, zkproto.Stat{
		Czxid: 1, Mzxid: 3, Pzxid: 2, Ctime: 1001, Mtime: 1003, Version: 7, Cversion: 1,
		DataLength: 3, NumChildren: 1,
	}, r.Stat)
	require.Equal(t, []string{"NodeDataChanged /a"}, x.events())
	r = x.apply(1, &zkproto.SetACLTxn{Path: "/a", ACL: []zkproto.ACL{{Perms: 1}}, Version: 4})
	require.Equal(t, int32(4), r.Stat.Aversion)
	require.Empty(t, x.events())
	x.apply(1, &zkproto.DeleteTxn{Path: "/a/b"})
	require.Equal(t, []string{"NodeDeleted /a/b", "NodeChildrenChanged /a"}, x.events())
	stat, _, _ = x.tree.Exists("/a")
	require.Equal(t, int32(2), stat.Cversion)
	require.Equal(t, zkproto.Zxid(5), stat.Pzxid)
	require.Equal(t, int64(44+2+3), x.tree.DataSize())
	x.apply(1, &zkproto.DeleteTxn{Path: "/a"})
	require.Equal(t, []string{"NodeDeleted /a", "NodeChildrenChanged /"}, x.events())
	require.Equal(t, int64(44), x.tree.DataSize())
	require.Equal(t, zkproto.Zxid(6), x.tree.LastZxid())
	require.Len(t, x.tree.ACLCache(), 1, "only that of /zookeeper/config is left")
}

func TestErrorsOfReplay(t *testing.T) {
	x := &txns{t: t, tree: New()}
	require.Equal(t, zkproto.ErrNoNode, x.apply(1, create("/no/a", 1)).Err)
	require.Equal(t, zkproto.ErrNoNode, x.apply(1, &zkproto.DeleteTxn{Path: "/no"}).Err)
	require.Equal(t, zkproto.ErrNoNode, x.apply(1, &zkproto.DeleteTxn{Path: "/no/a"}).Err)
	require.Equal(t, zkproto.ErrNoNode, x.apply(1, &zkproto.SetDataTxn{Path: "/no"}).Err)
	require.Equal(t, zkproto.ErrNoNode, x.apply(1, &zkproto.SetACLTxn{Path: "/no"}).Err)
	require.Equal(t, zkproto.ErrNodeExists, x.apply(1, create("/zookeeper", 1)).Err)
	for _, p := range []string{"", "/", "x", "x/y"} {
		require.Equal(t, zkproto.ErrBadArguments, x.apply(1, create(p, 1)).Err)
		require.Equal(t, zkproto.ErrBadArguments, x.apply(1, &zkproto.DeleteTxn{Path: p}).Err)
	}
	require.Equal(t, zkproto.ErrNoAuth, x.apply(1, &zkproto.ErrorTxn{Err: zkproto.ErrNoAuth}).Err)
	require.Equal(t, zkproto.ErrBadArguments, x.apply(1, &zkproto.CreateTTLTxn{Path: "/t", TTL: 0}).Err)
	require.Empty(t, x.events())
	require.Equal(t, 5, x.tree.NodeCount())
}

func TestOldLogsLackTheParentsCversion(t *testing.T) {
	x := &txns{t: t, tree: New()}
	x.apply(1, create("/a", -1))
	x.apply(1, create("/b", -1))
	stat, _, _ := x.tree.Exists("/")
	require.Equal(t, int32(2*2-3), stat.Cversion)
}

func TestNullDataStaysNull(t *testing.T) {
	x := &txns{t: t, tree: New()}
	x.apply(1, &zkproto.CreateTxn{Path: "/a", ParentCVersion: 1})
	data, _, acl, _ := x.tree.Get("/a")
	require.Nil(t, data)
	require.Equal(t, zkproto.WorldAll(), acl, "null is the open list")
	x.apply(1, &zkproto.SetDataTxn{Path: "/a", Data: []byte{}})
	data, _, _, _ = x.tree.Get("/a")
	require.NotNil(t, data)
	require.Empty(t, data)
}

func TestOwners(t *testing.T) {
	x := &txns{t: t, tree: New(WithExtendedTypes())}
	x.apply(7, &zkproto.CreateTxn{Path: "/e", Ephemeral: true, ParentCVersion: 1})
	x.apply(7, &zkproto.CreateContainerTxn{Path: "/c", ParentCVersion: 2})
	x.apply(7, &zkproto.CreateTTLTxn{Path: "/t", ParentCVersion: 3, TTL: 1000})
	for path, want := range map[string]int64{"/e": 7, "/c": 0, "/t": 0} {
		stat, _, _ := x.tree.Exists(path)
		require.Equal(t, want, stat.EphemeralOwner, path)
	}
	info, _ := x.tree.Info("/c")
	require.Equal(t, Container, KindOf(info.Owner, false))
	info, _ = x.tree.Info("/t")
	require.Equal(t, TTL, KindOf(info.Owner, true))
	require.Equal(t, Ephemeral, KindOf(info.Owner, false), "without extended types it reads as a session")
	require.Equal(t, []string{"/e"}, x.tree.Ephemerals(7))
	require.Equal(t, 1, x.tree.EphemeralCount())
	require.Equal(t, []zkproto.SessionID{7}, x.tree.EphemeralOwners())

	_, ok := TTLOwner(MaxTTL + 1)
	require.False(t, ok)
	owner, ok := TTLOwner(MaxTTL)
	require.True(t, ok)
	require.Equal(t, uint64(0xff00_00ff_ffff_ffff), uint64(owner))
}

func TestCloseSession(t *testing.T) {
	x := &txns{t: t, tree: New()}
	for i, p := range []string{"/e2", "/e1", "/e3"} {
		x.apply(7, &zkproto.CreateTxn{Path: p, Ephemeral: true, ParentCVersion: int32(i + 1)})
	}
	x.apply(8, &zkproto.CreateTxn{Path: "/other", Ephemeral: true, ParentCVersion: 4})
	x.events()
	x.apply(7, &zkproto.CloseSessionTxn{PathsToDelete: []string{"/e3", "/gone"}})
	require.Equal(t, []string{
		"NodeDeleted /e3", "NodeChildrenChanged /", "NodeDeleted /e1", "NodeChildrenChanged /",
		"NodeDeleted /e2", "NodeChildrenChanged /",
	}, x.events(), "those named, then the rest")
	require.Equal(t, 1, x.tree.EphemeralCount())
	x.apply(8, &zkproto.CloseSessionTxn{Bare: true})
	require.Zero(t, x.tree.EphemeralCount())
	require.Empty(t, x.tree.EphemeralOwners())
}

func TestMulti(t *testing.T) {
	x := &txns{t: t, tree: New()}
	r := x.apply(1, &zkproto.MultiTxn{Ops: []zkproto.MultiTxnOp{
		{Type: zkproto.OpCreate, Txn: create("/a", 1)},
		{Type: zkproto.OpCheck, Txn: &zkproto.CheckVersionTxn{Path: "/a"}},
		{Type: zkproto.OpSetData, Txn: &zkproto.SetDataTxn{Path: "/a", Version: 1}},
		{Type: zkproto.OpDelete, Txn: &zkproto.DeleteTxn{Path: "/a"}},
	}})
	require.Len(t, r.Multi, 4)
	require.Equal(t, zkproto.OpSetData, r.Multi[2].Type)
	require.Equal(t, int32(1), r.Multi[2].Stat.Version)
	require.Len(t, x.events(), 5)

	r = x.apply(1, &zkproto.MultiTxn{Ops: []zkproto.MultiTxnOp{
		{Type: zkproto.OpCreate, Txn: create("/a", 1)},
		{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: zkproto.ErrNoNode}},
		{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: zkproto.ErrRuntimeInconsistency}},
		{Type: zkproto.OpDelete, Txn: &zkproto.DeleteTxn{Path: "/zookeeper"}},
	}})
	require.Equal(t, zkproto.ErrOK, r.Err)
	for i, want := range []zkproto.Error{0, zkproto.ErrNoNode, -2, -2} {
		require.Equal(t, Result{Type: zkproto.OpError, Err: want}, r.Multi[i])
	}
	require.Empty(t, x.events())
	require.Equal(t, 5, x.tree.NodeCount())
}

// TestReplayRules walks through the rules of the package comment one by one.
func TestReplayRules(t *testing.T) {
	x := &txns{t: t, tree: New()}
	x.zxid = 10
	x.apply(1, create("/p", 1))   // 11
	x.apply(1, create("/p/c", 9)) // 12: the parent has seen nine creates
	stat, _, _ := x.tree.Exists("/p")
	require.Equal(t, zkproto.Zxid(12), stat.Pzxid)

	require.Equal(t, zkproto.ErrNodeExists, x.replay(9, 1, create("/p/c", 8)).Err)
	after, _, _ := x.tree.Exists("/p")
	require.Equal(t, stat, after, "an older create changes nothing")
	x.replay(13, 1, create("/p/c", 10))
	after, _, _ = x.tree.Exists("/p")
	require.Equal(t, int32(2*10-1), after.Cversion, "a newer create of what exists raises cversion")
	require.Equal(t, zkproto.Zxid(13), after.Pzxid)

	x.replay(5, 1, &zkproto.DeleteTxn{Path: "/p/gone"})
	after, _, _ = x.tree.Exists("/p")
	require.Equal(t, zkproto.Zxid(13), after.Pzxid, "pzxid does not go back")
	x.replay(14, 1, &zkproto.DeleteTxn{Path: "/p/gone"})
	after, _, _ = x.tree.Exists("/p")
	require.Equal(t, zkproto.Zxid(14), after.Pzxid, "a delete of what is gone raises pzxid")

	x.replay(8, 1, &zkproto.DeleteTxn{Path: "/p"})
	_, _, ok := x.tree.Exists("/p/c")
	require.False(t, ok, "the subtree goes along")
	require.Equal(t, zkproto.Zxid(14), x.tree.LastZxid())
}

func TestLoaderRefusesBrokenSnapshots(t *testing.T) {
	st := zkproto.StatPersisted{}
	l := NewLoader()
	_, err := l.Finish(1)
	require.ErrorContains(t, err, "no root")
	_, err = l.Finish(1)
	require.ErrorContains(t, err, "after Finish")
	l = NewLoader()
	require.NoError(t, l.AddNode("", nil, -1, st))
	require.ErrorContains(t, l.AddNode("", nil, -1, st), "twice")
	require.ErrorContains(t, l.AddNode("/a/b", nil, -1, st), "parent")
	require.ErrorContains(t, l.AddNode("a", nil, -1, st), "slash")
	require.NoError(t, l.AddNode("/a", nil, 42, st))
	x, err := l.Finish(9)
	require.NoError(t, err)
	require.Equal(t, zkproto.Zxid(9), x.LastZxid())
	require.Equal(t, 1, x.UnknownACLs())
	_, _, acl, _ := x.Get("/a")
	require.NotEmpty(t, acl, "an unknown list must not read as open")
	h := zkproto.TxnHeader{Zxid: 10}
	x.Apply(&h, &zkproto.SetACLTxn{Path: "/a", ACL: zkproto.WorldAll(), Version: 1}, nil)
	require.Zero(t, x.UnknownACLs())
	for id := range x.ACLCache() {
		require.Equal(t, zkproto.WorldAll(), x.ACLByID(id))
		require.Nil(t, x.ACLByID(id+1))
		require.Greater(t, id, int64(42), "an id seen in the snapshot is not given to another list")
	}
}

func TestManyChildren(t *testing.T) {
	x := &txns{t: t, tree: New()}
	for i := range 1000 {
		x.apply(1, create(fmt.Sprintf("/n%d", i), int32(i+1)))
	}
	require.Equal(t, 1003, x.tree.NumDescendants("/"))
	for i := range 1000 {
		require.Equal(t, zkproto.ErrOK, x.apply(1, &zkproto.DeleteTxn{Path: fmt.Sprintf("/n%d", (i*7)%1000)}).Err)
		names, stat, _, _ := x.tree.Children("/")
		require.Len(t, names, 1000-i)
		require.Equal(t, int32(1000-i), stat.NumChildren)
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	x := New()
	h := &zkproto.TxnHeader{Zxid: 1}
	x.Apply(h, create("/a", 1), nil)
	path := []byte("/a")
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _, _ = x.GetBytes(path) }))
	set := &zkproto.SetDataTxn{Path: "/a", Data: []byte("x"), Version: 1}
	ev := func(Event) {}
	require.InDelta(t, 1, testing.AllocsPerRun(100, func() { x.Apply(h, set, ev) }), 0, "small data moves in with the name")
	set.Data = make([]byte, smallData+1)
	x.Apply(h, set, ev)
	require.Zero(t, testing.AllocsPerRun(100, func() { x.Apply(h, set, ev) }), "larger data is kept as it comes")
}

// LastZxid moves after the whole multi, so that no snapshot taken within one claims to hold it (ZOOKEEPER-3127).
func TestZxidMovesAfterTheWholeMulti(t *testing.T) {
	tr := New()
	var seen []zkproto.Zxid
	txn := &zkproto.MultiTxn{Ops: []zkproto.MultiTxnOp{
		{Type: zkproto.OpCreate, Txn: &zkproto.CreateTxn{Path: "/a", ParentCVersion: -1}},
		{Type: zkproto.OpSetData, Txn: &zkproto.SetDataTxn{Path: "/a", Version: 1}},
	}}
	tr.Apply(&zkproto.TxnHeader{Type: zkproto.OpMulti, Zxid: 9}, txn, func(Event) {
		seen = append(seen, tr.LastZxid(), tr.LastDigest().Zxid)
	})
	require.Equal(t, make([]zkproto.Zxid, 6), seen)
	require.Equal(t, zkproto.Zxid(9), tr.LastZxid())
	require.Equal(t, zkproto.Zxid(9), tr.LastDigest().Zxid)
}

package prep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func multi(ops ...zkproto.MultiOp) []byte { return (&zkproto.MultiRequest{Ops: ops}).AppendTo(nil) }

func mCreate(path string, mode zkproto.CreateMode) zkproto.MultiOp {
	return zkproto.MultiOp{
		Type:   zkproto.OpCreate,
		Create: zkproto.CreateRequest{Path: path, ACL: zkproto.WorldAll(), Mode: mode},
	}
}

func mPath(op zkproto.OpCode, path string, v int32) zkproto.MultiOp {
	return zkproto.MultiOp{Type: op, PathVersion: zkproto.PathVersionRequest{Path: path, Version: v}}
}

func mSet(path string, v int32) zkproto.MultiOp {
	return zkproto.MultiOp{Type: zkproto.OpSetData, SetData: zkproto.SetDataRequest{Path: path, Data: []byte("m"), Version: v}}
}

func TestMultiPartsSeeEachOther(t *testing.T) {
	e := newEnv(Config{})
	r := e.do(alice, zkproto.OpMulti, multi(
		mCreate("/a", zkproto.ModePersistent),
		mCreate("/a/s", zkproto.ModePersistentSequential),
		mCreate("/a/s", zkproto.ModeEphemeralSequential),
		mSet("/a", 0),
		mPath(zkproto.OpCheck, "/a", 1),
		mPath(zkproto.OpDelete, "/a/s0000000000", 0),
		mCreate("/c", zkproto.ModeContainer),
	))
	require.Equal(t, zkproto.ErrOK, r.Err)
	require.Equal(t, "/a/s0000000000", r.Multi[1].Path)
	require.Equal(t, "/a/s0000000001", r.Multi[2].Path)
	require.Equal(t, zkproto.OpCreateContainer, r.Multi[6].Type, "the mode decides the type")
	stat, _, _ := e.tree.Exists("/a")
	require.Equal(t, zkproto.Stat{
		Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: 1001, Mtime: 1001, Version: 1, Cversion: 3,
		DataLength: 1, NumChildren: 1,
	}, stat)
	require.Zero(t, e.Outstanding())
}

func TestMultiIsRolledBack(t *testing.T) {
	e := newEnv(Config{})
	e.create("/a", 0)
	// an outstanding change must be back afterwards
	_, _ = e.prepare(alice, zkproto.OpSetData, setData("/a", "x", 0))
	before := e.Outstanding()
	h, txn := e.prepare(alice, zkproto.OpMulti, multi(
		mSet("/a", 1),
		mCreate("/a/s", zkproto.ModePersistentSequential),
		mCreate("/new", zkproto.ModePersistent),
		mPath(zkproto.OpDelete, "/nothing", -1),
		mSet("/a", -1),
	))
	require.Equal(t, zkproto.OpMulti, h.Type)
	require.Equal(t, before, e.Outstanding())
	m := txn.(*zkproto.MultiTxn)
	require.Equal(t, zkproto.OpSetData, m.Ops[0].Type)
	require.Equal(t, zkproto.MultiTxnOp{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: zkproto.ErrNoNode}}, m.Ops[3])
	require.Equal(t, zkproto.MultiTxnOp{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: zkproto.ErrRuntimeInconsistency}}, m.Ops[4])
	_, txn = e.prepare(alice, zkproto.OpSetData, setData("/a", "y", 1))
	require.Equal(t, int32(2), txn.(*zkproto.SetDataTxn).Version)
	_, txn = e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/a/s", 2, zkproto.WorldAll(), 0))
	require.Equal(t, "/a/s0000000000", txn.(*zkproto.CreateTxn).Path, "the number was not used (ZOOKEEPER-1624)")
	_, txn = e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/new", 0, zkproto.WorldAll(), 0))
	require.IsType(t, &zkproto.CreateTxn{}, txn)
	e.flush()
	data, stat, _, _ := e.tree.Get("/a")
	require.Equal(t, "y", string(data))
	require.Equal(t, int32(2), stat.Version)
	require.Zero(t, e.Outstanding())
}

func TestMultiResultsOfARefusedOne(t *testing.T) {
	e := newEnv(Config{})
	r := e.do(alice, zkproto.OpMulti, multi(mCreate("/a", 0), mCreate("/a", 0), mCreate("/b", 0)))
	require.Len(t, r.Multi, 3)
	for i, want := range []zkproto.Error{zkproto.ErrOK, zkproto.ErrNodeExists, zkproto.ErrRuntimeInconsistency} {
		require.Equal(t, zkproto.OpError, r.Multi[i].Type)
		require.Equal(t, want, r.Multi[i].Err)
	}
	require.Equal(t, 5, e.tree.NodeCount())
	r = e.do(gone, zkproto.OpMulti, multi(mCreate("/a", 0)))
	require.Equal(t, zkproto.ErrUnknownSession, r.Multi[0].Err)
	r = e.do(gone, zkproto.OpMulti, multi())
	require.Empty(t, r.Multi, "an empty one succeeds, whoever asks")
	require.Equal(t, zkproto.ErrOK, r.Err)
}

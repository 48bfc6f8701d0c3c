package prep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// The answers to what no client library sends, as recorded from 3.9.5 by the differential test (tests/compat).

func TestTheOpMakesTheKindNotTheMode(t *testing.T) {
	e := newEnv(Config{})
	open := zkproto.WorldAll()
	for path, c := range map[string]struct {
		op   zkproto.OpCode
		mode zkproto.CreateMode
		want tree.OwnerKind
	}{
		"/1": {zkproto.OpCreate, zkproto.ModeContainer, tree.Persistent},
		"/2": {zkproto.OpCreateContainer, zkproto.ModePersistent, tree.Container},
		"/3": {zkproto.OpCreateContainer, zkproto.ModeEphemeral, tree.Container},
		"/4": {zkproto.OpCreate2, zkproto.ModeEphemeral, tree.Ephemeral},
	} {
		// flush compares what was foreseen with what is
		require.Equal(t, zkproto.ErrOK, e.do(alice, c.op, createBody(c.op, path, c.mode, open, 0)).Err, path)
		info, ok := e.tree.Info(path)
		require.True(t, ok)
		require.Equal(t, c.want, tree.KindOf(info.Owner, false), path)
	}
	require.Len(t, e.tree.Ephemerals(alice), 1)
}

func TestTypesOfCreatesInAMulti(t *testing.T) {
	e := newEnv(Config{ExtendedTypes: true})
	create := func(op zkproto.OpCode, path string, mode zkproto.CreateMode) zkproto.MultiOp {
		return zkproto.MultiOp{Type: op, Create: zkproto.CreateRequest{Path: path, ACL: zkproto.WorldAll(), Mode: mode, TTL: 1000}}
	}
	r := e.do(alice, zkproto.OpMulti, multi(
		create(zkproto.OpCreateContainer, "/1", zkproto.ModePersistent),
		create(zkproto.OpCreateTTL, "/2", zkproto.ModePersistent),
		create(zkproto.OpCreateTTL, "/3", zkproto.ModePersistentWithTTL),
		create(zkproto.OpCreate2, "/4", zkproto.ModeContainer),
	))
	var types []zkproto.OpCode
	for _, p := range r.Multi {
		types = append(types, p.Type)
	}
	require.Equal(t, []zkproto.OpCode{zkproto.OpCreateContainer, zkproto.OpCreate, zkproto.OpCreateTTL, zkproto.OpCreateContainer}, types)

	for name, op := range map[string]zkproto.MultiOp{
		"no such mode":       create(zkproto.OpCreate, "/5", 7),
		"ttl without a time": create(zkproto.OpCreate2, "/5", zkproto.ModePersistentWithTTL),
	} {
		zxid := e.zxid
		require.Equal(t, zkproto.ErrMarshallingError, e.do(alice, zkproto.OpMulti, multi(op, mCreate("/6", 0))).Err, name)
		require.Equal(t, zxid+1, e.zxid, name)
	}
	// of createTTL a bad mode is one part's error
	r = e.do(alice, zkproto.OpMulti, multi(create(zkproto.OpCreateTTL, "/5", 7)))
	require.Equal(t, zkproto.ErrBadArguments, r.Multi[0].Err)
	// without an ACL list the whole is malformed, and takes no zxid
	zxid := e.zxid
	none := create(zkproto.OpCreate, "/5", 0)
	none.Create.ACL = nil
	require.Equal(t, zkproto.ErrMarshallingError, e.do(alice, zkproto.OpMulti, multi(none)).Err)
	require.Equal(t, zxid, e.zxid)
	_, ok := e.tree.Info("/6")
	require.False(t, ok)
}

func TestNullPaths(t *testing.T) {
	null := jute.AppendInt32(nil, -1)
	create := func(mode zkproto.CreateMode) []byte {
		b := jute.AppendBytes(append([]byte(nil), null...), nil)
		return jute.AppendInt32(zkproto.AppendACLs(b, zkproto.WorldAll()), int32(mode))
	}
	for name, c := range map[string]struct {
		op   zkproto.OpCode
		body []byte
		want zkproto.Error
	}{
		"create":             {zkproto.OpCreate, create(0), zkproto.ErrMarshallingError},
		"create, wrong mode": {zkproto.OpCreate, create(9), zkproto.ErrBadArguments},
		"delete":             {zkproto.OpDelete, jute.AppendInt32(append([]byte(nil), null...), -1), zkproto.ErrMarshallingError},
		"setData":            {zkproto.OpSetData, jute.AppendInt32(jute.AppendBytes(append([]byte(nil), null...), nil), -1), zkproto.ErrBadArguments},
		"in a multi": {zkproto.OpMulti, zkproto.MultiEnd().AppendTo(jute.AppendInt32(append(
			zkproto.MultiHeader{Type: zkproto.OpCheck, Err: -1}.AppendTo(nil), null...), -1)), zkproto.ErrMarshallingError},
	} {
		e := newEnv(Config{})
		require.Equal(t, c.want, e.do(alice, c.op, c.body).Err, name)
		require.Equal(t, zkproto.Zxid(1), e.zxid, "%s takes a zxid", name)
	}
}

package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// The answers to what no client library sends, as recorded from 3.9.5 by the differential test (tests/compat).

func TestReadsOfANullPath(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	null := jute.AppendInt32(nil, -1)
	for _, op := range []zkproto.OpCode{zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2} {
		require.Equal(t, zkproto.ErrMarshallingError, c.ask(op, append(null[:4:4], 0)).Err, "%v", op)
	}
	for _, op := range []zkproto.OpCode{zkproto.OpGetACL, zkproto.OpGetAllChildrenNumber} {
		require.Equal(t, zkproto.ErrMarshallingError, c.ask(op, null).Err, "%v", op)
	}
	r := c.ask(zkproto.OpSync, null)
	require.Equal(t, zkproto.ErrOK, r.Err)
	require.Equal(t, null, r.body.Rest(), "null comes back as null")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetEphemerals, null).Err, "all")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetData, append(jute.AppendString(nil, "/"), 2)).Err, "any byte but 0 is true")
}

func TestXidsAndZxidsOfSpecialPackets(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	require.NoError(t, c.Write(frame(77, zkproto.OpPing, nil)))
	require.Equal(t, zkproto.XidPing, c.next().Xid)

	token := jute.AppendBytes(nil, []byte("token"))
	require.NoError(t, c.Write(frame(5, zkproto.OpSASL, token)))
	r := c.next()
	require.Equal(t, zkproto.ReplyHeader{Xid: 5}, r.ReplyHeader, "without SASL every token is as good")
	require.Equal(t, jute.AppendBytes(nil, nil), r.body.Rest())

	r = c.ask(zkproto.OpCheck, jute.AppendInt32(jute.AppendString(nil, "/"), -1))
	require.Equal(t, zkproto.ErrUnimplemented, r.Err)
	require.Equal(t, zkproto.Zxid(-1), r.Zxid)
}

func TestEventsOfSetWatchesHaveNoZxid(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	lists := func(data, exist, child []byte) []byte {
		return append(append(append(jute.AppendInt64(nil, 0), data...), exist...), child...)
	}
	null, root, nope := jute.AppendInt32(nil, -1), jute.AppendStrings(nil, []string{"/"}), jute.AppendStrings(nil, []string{"/nope"})
	require.NoError(t, c.Write(frame(zkproto.XidSetWatches, zkproto.OpSetWatches, lists(nope, root, noPaths()))))
	for _, typ := range []zkproto.EventType{zkproto.EventNodeDeleted, zkproto.EventNodeCreated} {
		r := c.next()
		require.Equal(t, zkproto.ReplyHeader{Xid: zkproto.XidNotification, Zxid: -1}, r.ReplyHeader)
		var ev zkproto.WatcherEvent
		ev.Decode(&r.body)
		require.Equal(t, typ, ev.Type)
	}
	require.Equal(t, zkproto.ErrOK, c.next().Err)

	require.NoError(t, c.Write(frame(9, zkproto.OpSetWatches, lists(nope, null, root))))
	require.Equal(t, zkproto.XidNotification, c.next().Xid, "what stands before the null counts")
	r := c.next()
	require.Equal(t, int32(9), r.Xid, "what stands behind it does not")
	require.Equal(t, zkproto.ErrMarshallingError, r.Err)
}

func noPaths() []byte { return jute.AppendStrings(nil, nil) }

func TestMultiReadLeavesNoWatches(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	q := zkproto.MultiRequest{Ops: []zkproto.MultiOp{{Type: zkproto.OpGetData, Path: zkproto.PathWatchRequest{Path: "/", Watch: true}}}}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpMultiRead, q.AppendTo(nil)).Err)
	w := zkproto.WatchesRequest{Path: "/", Type: zkproto.WatcherAny}
	require.Equal(t, zkproto.ErrNoWatcher, c.ask(zkproto.OpCheckWatches, w.AppendTo(nil)).Err)

	q.Ops[0] = zkproto.MultiOp{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: "/"}}
	r := c.ask(zkproto.OpMultiRead, q.AppendTo(nil))
	require.Equal(t, zkproto.ErrMarshallingError, r.Err)
	require.Equal(t, zkproto.MultiEnd().AppendTo(nil), r.body.Rest(), "an error with a body: the results so far, none")
	q.Ops = append(q.Ops, zkproto.MultiOp{Type: zkproto.OpGetData, Path: zkproto.PathWatchRequest{Path: "/"}})
	r = c.ask(zkproto.OpMultiRead, q.AppendTo(nil))
	require.Equal(t, zkproto.ErrMarshallingError, r.Err)
	require.Empty(t, r.body.Rest(), "reads and writes mixed are not even begun")
}

func TestPrefixOfGetEphemerals(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	for prefix, want := range map[string]int{"": 1, "/": 1, " / ": 1, " ": 1, "/e": 1, "/ex": 0, " /e": 0, "/e ": 0, "e": 0} {
		r := c.ask(zkproto.OpGetEphemerals, jute.AppendString(nil, prefix))
		require.Len(t, r.body.Strings(), want, "%q", prefix)
	}
}

func TestAuthPacketWithoutCredentials(t *testing.T) {
	srv := start(t)
	c := srv.raw(zkclient.Handshake{})
	q := zkproto.AuthRequest{Scheme: "digest"}
	require.NoError(t, c.Write(frame(zkproto.XidAuth, zkproto.OpAuth, q.AppendTo(nil))))
	require.Equal(t, zkproto.ErrAuthFailed, c.next().Err, "null is no password")
	c = srv.raw(zkclient.Handshake{})
	require.NoError(t, c.Write(frame(zkproto.XidAuth, zkproto.OpAuth, []byte{0, 0})))
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }), "a packet cut short ends the connection without a word")
}

// Why a server that runs alone does not change its membership: because that is not enabled, or because it is alone.
func TestReconfigOfAServerThatRunsAlone(t *testing.T) {
	body := (&zkproto.ReconfigRequest{Leaving: "1", CurConfigID: -1}).AppendTo(nil)
	for enabled, want := range map[bool]zkproto.Error{false: zkproto.ErrReconfigDisabled, true: zkproto.ErrUnimplemented} {
		r := start(t, func(c *config.Config) { c.ReconfigEnabled = enabled })
		require.Equal(t, want, r.raw(zkclient.Handshake{}).ask(zkproto.OpReconfig, body).Err)
	}
}

package zkserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func asNetError(err error, target *net.Error) bool { return errors.As(err, target) }

func containsText(e observer.LoggedEntry, part string) bool {
	return strings.Contains(e.Message, part) || strings.Contains(fmt.Sprint(e.ContextMap()), part)
}

// A pipelining client gets its answers in the order of its requests, and each read sees all its earlier writes and none
// of its later ones.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	const rounds = 500
	var out []byte
	xid := int32(1000)
	for i := range rounds {
		out = append(out, frame(xid, zkproto.OpSetData, setBody("/n", binary.BigEndian.AppendUint64(nil, uint64(i))))...)
		out = append(out, frame(xid+1, zkproto.OpGetData, readBody("/n", false))...)
		out = append(out, frame(xid+2, zkproto.OpSync, (&zkproto.PathRequest{Path: "/n"}).AppendTo(nil))...)
		out = append(out, frame(xid+3, zkproto.OpSetData, setBody("/missing", nil))...)
		out = append(out, frame(xid+4, zkproto.OpExists, readBody("/n", false))...)
		xid += 5
	}
	written := make(chan error, 1)
	go func() { written <- c.Write(out) }()
	xid = 1000
	var last zkproto.Zxid
	for i := range rounds {
		set, get, sync, missing, exists := c.next(), c.next(), c.next(), c.next(), c.next()
		for j, rep := range []reply{set, get, sync, missing, exists} {
			require.Equal(t, xid+int32(j), rep.Xid)
			require.GreaterOrEqual(t, rep.Zxid, last, "zxids never go back for a client")
			last = rep.Zxid
		}
		var data zkproto.GetDataReply
		data.Decode(&get.body)
		require.Equal(t, uint64(i), binary.BigEndian.Uint64(data.Data))
		require.Equal(t, zkproto.ErrNoNode, missing.Err)
		require.Equal(t, set.Zxid+1, missing.Zxid, "a refused write takes a zxid, as in the original")
		require.Equal(t, zkproto.ErrOK, exists.Err)
		xid += 5
	}
	require.NoError(t, <-written)
}

// The event of a watch arrives before any reply that shows the change.
func TestWatchEventComesBeforeTheDataItAnnounces(t *testing.T) {
	r := start(t)
	writer, reader := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, writer.ask(zkproto.OpCreate, createBody("/w", []byte("0"), 0)).Err)
	for i := range 200 {
		before := reader.ask(zkproto.OpGetData, readBody("/w", true))
		require.Equal(t, zkproto.ErrOK, before.Err)
		var old zkproto.GetDataReply
		old.Decode(&before.body)
		done := make(chan error, 1)
		go func() { done <- writer.Write(frame(int32(i+100), zkproto.OpSetData, setBody("/w", []byte("x")))) }()
		notified := false
		for seen := old.Stat.Version; seen == old.Stat.Version; {
			reader.xid++
			require.NoError(t, reader.Write(frame(reader.xid, zkproto.OpGetData, readBody("/w", false))))
			rep := reader.next()
			if rep.Xid == zkproto.XidNotification {
				require.Greater(t, rep.Zxid, before.Zxid)
				notified = true
				rep = reader.next()
			}
			var now zkproto.GetDataReply
			now.Decode(&rep.body)
			seen = now.Stat.Version
		}
		require.True(t, notified, "the new data came before the event")
		require.NoError(t, <-done)
		require.Equal(t, zkproto.ErrOK, writer.next().Err)
	}
}

// A write of one's own that fires one's own watch: event first, then the reply to the write.
func TestOwnWatchFiresBeforeOwnReply(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrNoNode, c.ask(zkproto.OpExists, readBody("/x", true)).Err)
	c.xid++
	require.NoError(t, c.Write(frame(c.xid, zkproto.OpCreate, createBody("/x", nil, 0))))
	ev := c.next()
	require.Equal(t, zkproto.XidNotification, ev.Xid)
	var what zkproto.WatcherEvent
	what.Decode(&ev.body)
	require.Equal(t, zkproto.WatcherEvent{Type: zkproto.EventNodeCreated, State: zkproto.StateSyncConnected, Path: "/x"}, what)
	require.Equal(t, c.xid, c.next().Xid)
}

func TestRequestsTheOriginalRefuses(t *testing.T) {
	r := start(t)
	for _, op := range []zkproto.OpCode{zkproto.OpCheck, zkproto.OpDeleteContainer, 77, zkproto.OpCreateSession, -1000} {
		t.Run(op.String(), func(t *testing.T) {
			c := r.raw(zkclient.Handshake{})
			require.Equal(t, zkproto.ErrUnimplemented, c.ask(op, nil).Err)
			require.Error(t, c.ReadBatch(func([]byte) error { return nil }), "the connection is closed afterwards")
		})
	}
}

func TestBodiesThatCannotBeDecoded(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	for _, op := range []zkproto.OpCode{
		zkproto.OpCreate, zkproto.OpGetData, zkproto.OpExists, zkproto.OpSetData, zkproto.OpDelete,
		zkproto.OpGetChildren, zkproto.OpGetChildren2, zkproto.OpGetACL, zkproto.OpSetACL, zkproto.OpSync, zkproto.OpMulti,
		zkproto.OpMultiRead, zkproto.OpSetWatches, zkproto.OpSetWatches2, zkproto.OpAddWatch, zkproto.OpCheckWatches,
		zkproto.OpRemoveWatches, zkproto.OpGetEphemerals, zkproto.OpGetAllChildrenNumber,
	} {
		require.Equal(t, zkproto.ErrMarshallingError, c.ask(op, []byte{0x7f, 0xff, 0xff}).Err, op.String())
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetData, readBody("/", false)).Err, "the session goes on")
}

package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// However many watch a znode, each gets each event once, and the writer, who watches too, gets its event before its answer.
func TestAFanoutReachesEveryWatcherOnce(t *testing.T) {
	r := start(t)
	writer := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, writer.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	all := []*raw{writer}
	for range fewEvents + 10 {
		all = append(all, r.raw(zkclient.Handshake{}))
	}
	for range 20 {
		for _, c := range all {
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetData, readBody("/n", true)).Err)
		}
		writer.xid++
		require.NoError(t, writer.Write(frame(writer.xid, zkproto.OpSetData, setBody("/n", nil))))
		for _, c := range all[1:] { // the change may come before this, or after
			c.xid++
			require.NoError(t, c.Write(frame(c.xid, zkproto.OpSync, (&zkproto.PathRequest{Path: "/n"}).AppendTo(nil))))
		}
		for i, c := range all {
			ev, answer := c.next(), c.next()
			if i > 0 && ev.Xid == c.xid {
				ev, answer = answer, ev
			}
			require.Equal(t, zkproto.XidNotification, ev.Xid)
			var e zkproto.WatcherEvent
			e.Decode(&ev.body)
			require.Equal(t, zkproto.WatcherEvent{Type: zkproto.EventNodeDataChanged, State: zkproto.StateSyncConnected, Path: "/n"}, e)
			require.Equal(t, c.xid, answer.Xid)
			require.Empty(t, c.pending)
		}
	}
}

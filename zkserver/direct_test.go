package zkserver

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Connections that are the core for their small batches, others that go through the inbox, large batches that do always:
// each connection has its answers in its order, and every write happens once.
func TestSmallAndLargeBatchesKeepTheirOrder(t *testing.T) {
	r := start(t)
	first := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, first.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	const clients, rounds = 4, 60
	var wg sync.WaitGroup
	total := 0
	for i := range clients {
		c := r.raw(zkclient.Handshake{})
		for round := range rounds {
			total += 1 + (round+i)%4
		}
		wg.Go(func() {
			xid, last := int32(0), zkproto.Zxid(0)
			for round := range rounds {
				var out []byte
				n := 1 + (round+i)%4 // up to directBatch and more
				for range n {
					xid++
					out = append(out, frame(xid, zkproto.OpSetData, setBody("/n", fmt.Append(nil, xid)))...)
				}
				if err := c.Write(out); err != nil {
					t.Error(err)
					return
				}
				for k := range n {
					rep := c.next()
					if want := xid - int32(n-1-k); rep.Xid != want || rep.Err != zkproto.ErrOK || rep.Zxid <= last {
						t.Errorf("client %d: %+v after zxid %s, want xid %d", i, rep, last, want)
						return
					}
					last = rep.Zxid
				}
			}
		})
	}
	wg.Wait()
	r.treeMu.RLock()
	defer r.treeMu.RUnlock()
	st, _, ok := r.tree.Exists("/n")
	require.True(t, ok)
	require.EqualValues(t, total, st.Version)
}

// A write that finds the core idle is answered without the core goroutine.
func TestALonelyWriteNeedsNoOtherGoroutine(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	r.core.mu.Lock()
	require.False(t, r.direct(r.inbox.Get()), "somebody else is the core")
	r.core.mu.Unlock()
	await(t, func() bool { return r.direct(r.inbox.Get()) }, "nobody is")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	require.NoError(t, r.Shutdown(t.Context()))
	require.False(t, r.direct(r.inbox.Get()), "the server has ended")
}

package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Jepsen's remark on the original: a leader that was replaced and does not know it answers a sync. Here it does not.
func TestSyncAtAReplacedLeaderIsNotAnswered(t *testing.T) {
	c := newCluster(t, 3, nil)
	old := c.leader()
	w, other := old.connect(), c.learner(0).connect()
	f := c.learner(0)
	w.do(zkproto.OpCreate, createBody("/a", "1", 0))
	c.tick(1)
	c.isolateAll(old.id) // packets are lost, links look alive
	// the two others give up the silent leader; the old one does not tick, so it believes in itself
	for range 200 {
		c.now.Mono += tickMillis
		for _, id := range c.order {
			if s := c.servers[id]; s != old {
				s.r.Tick(c.now)
				s.perform()
			}
		}
		c.settle()
	}
	require.True(t, old.r.Leading())
	require.NoError(t, other.closed, "the others have a new leader")
	require.Equal(t, zkproto.ErrOK, other.do(zkproto.OpSetData, setBody("/a", "2")).Result.Err)
	xid := w.submit(zkproto.OpSync, pathBody("/a"))
	c.settle()
	_, answered := w.answer(xid)
	require.False(t, answered)
	require.Equal(t, "1", old.data("/a"))
	c.heal()
	c.leader()
	c.drain(w)
	a, answered := w.answer(xid)
	require.Equal(t, answered, w.closed == nil)
	if answered {
		require.Equal(t, zkproto.ErrOK, a.Result.Err)
		require.Equal(t, "2", old.data("/a"))
	}
	require.Equal(t, "2", f.data("/a"))
}

// The same through a learner that is still with the old leader.
func TestSyncThroughAReplacedLeaderIsNotAnswered(t *testing.T) {
	c := newCluster(t, 5, nil)
	old := c.leader()
	loyal := c.learner(0)
	w := loyal.connect()
	w.do(zkproto.OpCreate, createBody("/a", "1", 0))
	c.tick(1)
	for _, id := range c.order {
		for _, s := range []*server{old, loyal} {
			if id != old.id && id != loyal.id {
				c.cut[[2]zab.Sid{s.id, id}], c.cut[[2]zab.Sid{id, s.id}] = true, true
			}
		}
	}
	xid := w.submit(zkproto.OpSync, pathBody("/a"))
	c.settle()
	_, answered := w.answer(xid)
	require.False(t, answered, "two of five are no quorum")
}

// A sync sees what was acknowledged before it was asked for, on another server.
func TestSyncMakesALearnerCatchUp(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	w, writer := s.connect(), leader.connect()
	writer.do(zkproto.OpCreate, createBody("/a", "1", 0))
	c.hold[zab.Commit] = true
	writer.do(zkproto.OpSetData, setBody("/a", "2"))
	require.Equal(t, "1", s.data("/a"), "its COMMIT is on the wire")
	xid := w.submit(zkproto.OpSync, pathBody("/a"))
	for c.hold[zab.Commit] {
		if len(c.wire) == 0 {
			break
		}
		p := c.wire[0]
		c.wire = c.wire[1:]
		c.deliver(p)
		if _, ok := w.answer(xid); ok {
			require.Equal(t, "2", s.data("/a"))
			c.hold[zab.Commit] = false
		}
	}
	require.False(t, c.hold[zab.Commit], "answered")
}

// A learner reads COMMIT, SYNC and another COMMIT in one go: the sync is answered in their order.
func TestSyncIsAnsweredAfterWhatWasCommittedBefore(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	s := c.learner(0)
	w, writer := s.connect(), leader.connect()
	writer.do(zkproto.OpCreate, createBody("/a", "1", 0))
	c.batch = true
	var seen []string
	s.answered = func(a *Answer) {
		if a.Op == zkproto.OpSync {
			seen = append(seen, s.data("/a"))
		}
	}
	c.hold[zab.Commit], c.hold[zab.Sync] = true, true
	writer.do(zkproto.OpSetData, setBody("/a", "2"))
	w.submit(zkproto.OpSync, pathBody("/a"))
	c.settle()
	writer.do(zkproto.OpSetData, setBody("/a", "3"))
	c.hold[zab.Commit] = false
	var syncs []parcel
	for i, p := range c.wire {
		if p.Type == zab.Sync {
			syncs = append(syncs, p)
			c.wire = append(c.wire[:i:i], c.wire[i+1:]...)
			break
		}
	}
	require.Len(t, syncs, 1)
	commits := c.wire
	c.wire = nil
	for _, p := range commits {
		if p.To != s.id {
			c.wire = append(c.wire, p)
		}
	}
	// commits without the SYNC: what somebody else has written does not answer it
	n := 0
	for _, p := range commits {
		if p.To != s.id {
			continue
		}
		if n == 1 {
			c.deliver(syncs[0])
		}
		c.deliver(p)
		if n == 0 {
			require.Empty(t, seen)
		}
		n++
	}
	require.Equal(t, 2, n)
	s.perform()
	require.Equal(t, []string{"2"}, seen)
	require.Equal(t, "3", s.data("/a"))
}

func TestSyncIsNotAnsweredByAnothersWrite(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	w, writer := c.learner(0).connect(), leader.connect()
	c.hold[zab.Request] = true
	w.submit(zkproto.OpSync, pathBody("/"))
	writer.do(zkproto.OpCreate, createBody("/a", "1", 0))
	require.Equal(t, "1", w.at.data("/a"))
	require.NotEmpty(t, w.sent)
	c.hold[zab.Request] = false
	c.settle()
	require.Empty(t, w.sent)
}

// SYNC comes between the commits where the original's learners expect it: never behind the COMMIT of a request that was
// forwarded later.
func TestSyncPacketKeepsItsPlace(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	s := c.learner(0)
	a, b := s.connect(), s.connect()
	a.do(zkproto.OpCreate, createBody("/q", "", 0))
	c.hold[zab.Ping] = true // the round of confirmation does not end
	a.submit(zkproto.OpSync, pathBody("/q"))
	creates(b, 1)
	creates(a, 1)
	var order []zab.Type
	for len(c.wire) > 0 {
		p := c.wire[0]
		c.wire = c.wire[1:]
		if p.Type == zab.Ping {
			continue
		}
		if p.To == s.id && (p.Type == zab.Sync || p.Type == zab.Commit) {
			order = append(order, p.Type)
		}
		c.deliver(p)
	}
	require.Equal(t, []zab.Type{zab.Sync, zab.Commit, zab.Commit}, order, "confirmed by the acknowledgements of a later proposal")
	require.Empty(t, a.sent)
	require.Empty(t, b.sent)
}

func TestManySyncsShareRounds(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	w := leader.connect()
	pings := 0
	for range 100 {
		w.submit(zkproto.OpSync, pathBody("/"))
	}
	for len(c.wire) > 0 {
		p := c.wire[0]
		c.wire = c.wire[1:]
		if p.Type == zab.Ping && p.From == leader.id {
			pings++
		}
		c.deliver(p)
	}
	require.Empty(t, w.sent)
	require.LessOrEqual(t, pings, 4)
}

func TestMalformedSyncIsAnsweredInItsPlace(t *testing.T) {
	for _, config := range []func(*Config){standalone, nil} {
		n := 3
		if config != nil {
			n = 1
		}
		c := newCluster(t, n, config)
		c.leader()
		for _, id := range c.order {
			w := c.servers[id].connect()
			require.Equal(t, zkproto.ErrMarshallingError, w.do(zkproto.OpSync, []byte{0, 0, 0, 9}).Result.Err)
			a := w.do(zkproto.OpSync, []byte{0xff, 0xff, 0xff, 0xff})
			require.True(t, a.NullPath)
		}
	}
}

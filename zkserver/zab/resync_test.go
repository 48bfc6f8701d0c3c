package zab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A follower has acknowledged a proposal that is not committed, loses its link and joins the same leader again. It is told
// to truncate the proposal, so its old acknowledgement stands for nothing: if the leader counted it, the proposal would be
// committed by a quorum that has it on one disk.
func TestAnAcknowledgementOfWhatIsTruncatedCountsNoMore(t *testing.T) {
	c := newCluster(t, 3, 0)
	c.startAll()
	c.run(8)
	l := c.leader()
	require.NotEqual(t, Sid(-1), l)
	f, g := l%3+1, (l+1)%3+1
	committed := last(c.servers[l].applied)
	require.NoError(t, c.propose(l, "not on the leader's disk yet"))
	drain := func(from, to Sid) {
		for c.deliver(from, to, false) {
		}
	}
	drain(l, f)
	c.sync(f)
	drain(f, l)
	drain(l, g) // and its disk is slow
	require.Equal(t, committed, last(c.servers[l].applied))

	for len(c.queues[[2]Sid{l, f}]) == 0 {
		c.tick(l)
		c.tick(g)
	}
	c.deliver(l, f, true) // the link breaks
	for range 20 {
		for _, pair := range [][2]Sid{{f, l}, {l, f}, {f, g}, {g, f}, {l, g}, {g, l}} {
			drain(pair[0], pair[1])
		}
		c.tick(f)
		if c.servers[f].node.Status().Phase == Synchronization {
			break
		}
	}
	drain(f, l)
	drain(l, f)
	require.Equal(t, l, c.leader(), "the leader still leads")
	require.Equal(t, committed, last(c.servers[f].hist), "the follower has truncated")

	c.sync(l)
	require.Equal(t, committed, last(c.servers[l].applied), "one disk is no quorum")
	c.run(4)
	require.Greater(t, last(c.servers[l].applied), committed, "two are")
}

package zkserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// What is counted under a name that mntr does not know would be seen by nobody.
func TestEverythingCountedIsShown(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Commands = []string{"mntr"} })
	q := &r.stats.quorum
	q.proposal(48)
	q.proposal(88)
	q.proposal(40)
	text := r.word("mntr")
	for name := range r.stats.metrics.Counters {
		require.Contains(t, text, "\nzk_"+name+"\t", name)
	}
	for name := range r.stats.metrics.Summaries {
		require.Contains(t, text, "\nzk_avg_"+name+"\t", name)
	}
	require.Contains(t, text, "\nzk_proposal_count\t3\n")
	sizes := q.proposalSizes()
	require.Equal(t, [3]int64{40, 40, 88}, [3]int64{sizes.Last, sizes.Min, sizes.Max})
	r.ResetStats()
	sizes = q.proposalSizes()
	require.Equal(t, [3]int64{-1, -1, -1}, [3]int64{sizes.Last, sizes.Min, sizes.Max})
}

// A client that goes without closing its session is counted, one that closes it is not.
func TestDroppedConnectionsAreCounted(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Tokens.Max = 10 })
	c := r.raw(zkclient.Handshake{Timeout: time.Second})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/", false)).Err)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCloseSession, nil).Err)
	require.NoError(t, c.Close())
	await(t, func() bool { return r.port.Count() == 0 }, "the connection ends")
	require.Zero(t, r.stats.dropped.Load())
	require.NoError(t, r.raw(zkclient.Handshake{}).Close())
	await(t, func() bool { return r.stats.dropped.Load() == 1 }, "it is counted")
	require.Equal(t, int64(2), r.stats.deficit.Count())
	require.InDelta(t, 1, r.stats.deficit.Min(), 0, "what is missing after a token was taken")
	require.Contains(t, r.word("srvr"), "Mode: standalone")
}

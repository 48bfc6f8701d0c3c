package zkserver

import (
	"io"
	"net"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
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

// A connection that never asks for a session is closed after nio.sessionlessCnxnTimeout, and counted.
func TestSilentConnectionsAreClosedAndCounted(t *testing.T) {
	r := start(t, func(c *config.Config) { c.HandshakeTimeout, c.Commands = 20*time.Millisecond, []string{"mntr"} })
	nc, err := net.Dial("tcp", r.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	r.awaitLog("no connect request within 20ms")
	require.Contains(t, r.word("mntr"), "\nzk_sessionless_connections_expired\t1\n")
}

// A metric of the original that is always 0 here must say so in docs/compatibility.md, and nothing that counts may stand there.
func TestMetricsThatNeverCountAreExplained(t *testing.T) {
	doc, err := os.ReadFile("../docs/compatibility.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(doc), "Always 0, because what they count does not exist here:")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	var explained []string // patterns
	for line := range strings.Lines(table) {
		if names, _, ok := strings.Cut(strings.TrimPrefix(line, "|"), "|"); ok {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(names, -1) {
				explained = append(explained, m[1])
			}
		}
	}
	require.NotEmpty(t, explained)
	// A leader's gauge, and what exists once for each learner, are not among the lines of a server that runs alone.
	used := map[string]bool{"pending_syncs": true, "ack_latency": true, "learner_handler_qp_*": true}
	explains := func(name string) (by []string) {
		for _, pattern := range explained {
			if ok, err := path.Match(pattern, name); err == nil && ok {
				by = append(by, pattern)
				used[pattern] = true
			}
		}
		return by
	}
	r := start(t, func(c *config.Config) { c.Commands = []string{"mntr"} })
	m := &r.stats.metrics
	gauges, counting, found := strings.Cut(r.word("mntr"), "zk_watch_bytes\t") // the first of the counters
	require.True(t, found)
	for _, line := range regexp.MustCompile(`(?m)^zk_(\w+)\t`).FindAllStringSubmatch(gauges, -1) {
		explains(line[1])
	}
	for _, line := range regexp.MustCompile(`(?m)^zk_(\w+)\t`).FindAllStringSubmatch("zk_watch_bytes\t"+counting, -1) {
		name := line[1]
		if kind, rest, _ := strings.Cut(name, "_"); kind == "cnt" {
			name = rest
		} else if slices.Contains([]string{"avg", "min", "max", "sum", "p50", "p95", "p99", "p999"}, kind) {
			continue
		}
		by := explains(name)
		if m.Counters[name] != nil || m.Summaries[name] != nil {
			require.Empty(t, by, "%s counts something, and docs/compatibility.md says that it does not", name)
		} else {
			require.NotEmpty(t, by, "%s is always 0, and docs/compatibility.md does not say why", name)
		}
	}
	for _, pattern := range explained {
		require.True(t, used[pattern], "docs/compatibility.md explains %s, which is not there", pattern)
	}
}

// Who has got the last answer is no connection any more to those who look, as in the original: not even when the server has not
// heard yet that the other side has closed, too.
func TestConnectionsWithTheirLastAnswerAreNotCounted(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Commands, c.MaxClientCnxns = []string{"srvr", "stat"}, 0 })
	for range 100 {
		open := r.dial() // not closed before the next one is asked
		_, err := open.Write([]byte("srvr"))
		require.NoError(t, err)
		require.Contains(t, string(closedByServer(t, open)), "Connections: 1\n")
		text := r.word("stat")
		require.Contains(t, text, "Connections: 1\n")
		require.Equal(t, 1, strings.Count(text, "\n /127.0.0.1:"))
		require.NoError(t, open.Close())
	}
}

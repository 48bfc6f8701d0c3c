package peer

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// logged gives a server a log to look at.
func logged(logs **observer.ObservedLogs) func(*Config) {
	return func(c *Config) {
		core, l := observer.New(zap.InfoLevel)
		*logs = l
		c.Logger = zap.New(core)
	}
}

// tracks are the lines of the tracker, with T in the place of the time.
func tracks(logs *observer.ObservedLogs) (lines []string) {
	stamp := regexp.MustCompile(`TimeStamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} `)
	for _, l := range logs.All() {
		if strings.Contains(l.Message, "Buffer ") {
			lines = append(lines, l.Level.CapitalString()+" "+stamp.ReplaceAllString(l.Message, "T "))
		}
	}
	return lines
}

func TestLastMessagesOfALinkAreLogged(t *testing.T) {
	c := newCluster(t, 2)
	var logs1, logs2 *observer.ObservedLogs
	p1, r1 := c.start(1, logged(&logs1))
	p2, r2 := c.start(2, logged(&logs2))
	p1.Track(3)
	p2.Track(100)
	at := c.join(1, 2, 7)
	leader, learner := "/"+p1.Status().Links[0].Address, "/"+p2.Status().Links[0].Address
	r2.entries = []zab.Entry{entry(4, 10), entry(5, 50_000)}
	p2.Send([]zab.Message{
		{Type: zab.LeaderInfo, To: 1, Link: at.Link, Zxid: 1},
		{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 3},
		{Type: zab.Replay, To: 1, Link: at.Link, After: 3, Zxid: 5},
		{Type: zab.NewLeader, To: 1, Link: at.Link, Zxid: 1 << 32},
	})
	for r1.next(t).Type != zab.NewLeader {
	}
	for z := range zab.Zxid(2) {
		p1.Send([]zab.Message{{Type: zab.Ack, To: 2, Link: 7, Zxid: z}})
		require.Equal(t, z, r2.next(t).Zxid)
	}
	p1.Drop([]zab.Link{{Peer: 2, Link: 7}})
	receive(t, r1.ends, "the end on the learner's side")
	receive(t, r2.ends, "the end on the leader's side")
	require.Equal(t, []string{
		"WARN Last 3 timestamps for messages receivedBuffer from " + leader + ":",
		"WARN receivedBuffer from " + leader + "  T Type: PROPOSAL Zxid: 0x5",
		"WARN receivedBuffer from " + leader + "  T Type: COMMIT Zxid: 0x5",
		"WARN receivedBuffer from " + leader + "  T Type: NEWLEADER Zxid: 0x100000000",
		"WARN Last 3 timestamps for messages sentBuffer to " + leader + ":",
		"WARN sentBuffer to " + leader + "  T Type: FOLLOWERINFO Zxid: 0x0",
		"WARN sentBuffer to " + leader + "  T Type: ACK Zxid: 0x0",
		"WARN sentBuffer to " + leader + "  T Type: ACK Zxid: 0x1",
	}, tracks(logs1))
	lines := tracks(logs2)
	require.Equal(t, "WARN Last 3 timestamps for messages receivedBuffer from "+learner+":", lines[0])
	sent := []string{}
	for _, l := range lines[5:] {
		sent = append(sent, regexp.MustCompile(`Type: (\w+)`).FindStringSubmatch(l)[1])
	}
	require.Equal(t, []string{"LEADERINFO", "SNAP", "PROPOSAL", "COMMIT", "PROPOSAL", "COMMIT", "NEWLEADER"}, sent)
}

// A link that ends within a snapshot tells that it had begun.
func TestSnapshotIsRememberedBeforeItHasCome(t *testing.T) {
	c := newCluster(t, 2)
	var logs *observer.ObservedLogs
	p1, r1 := c.start(1, logged(&logs))
	p2, r2 := c.start(2)
	p1.Track(1)
	at := c.join(1, 2, 1)
	r2.send = func(io.Writer) error { return errors.New("disk on fire") }
	p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 3}})
	receive(t, r1.ends, "the end")
	require.Contains(t, strings.Join(tracks(logs), "\n"), "Type: SNAP Zxid: 0x3")
}

// It can be switched while there are links; what nobody asked for, what has never been a connection and what we close ourselves
// leaves no lines.
func TestTrackingIsSwitched(t *testing.T) {
	c := newCluster(t, 3)
	var logs *observer.ObservedLogs
	p1, r1 := c.start(1, logged(&logs), func(cfg *Config) { cfg.ConnectTimeout = 50 * time.Millisecond })
	_, r2 := c.start(2)
	require.NoError(t, c.reserved(c.servers[2].Quorum[0]).Close()) // nobody is there
	ask := func(link uint64) {
		p1.Send([]zab.Message{{Type: zab.Ack, To: 2, Link: link}})
		require.Equal(t, zab.Ack, r2.next(t).Type)
	}
	drop := func(link uint64) {
		p1.Drop([]zab.Link{{Peer: 2, Link: link}})
		receive(t, r1.ends, "the end")
	}
	for link := range uint64(5) {
		c.join(1, 2, link)
	}
	drop(0)
	require.Empty(t, tracks(logs), "off by default")

	p1.Track(2)
	ask(1)
	drop(1)
	require.Len(t, tracks(logs), 3)
	require.Contains(t, tracks(logs)[0], "INFO No buffered timestamps for messages receivedBuffer from ")
	require.Contains(t, tracks(logs)[2], "Type: ACK")
	drop(2)
	require.Len(t, tracks(logs), 5)
	p1.Send([]zab.Message{info(1, 3, 9)})
	receive(t, r1.ends, "server 3 is not there")
	require.Len(t, tracks(logs), 5)

	p1.Track(0)
	ask(3)
	drop(3)
	require.Len(t, tracks(logs), 5)
	p1.Track(2)
	ask(4)
	c.stop(1)
	require.Len(t, tracks(logs), 5)
}

func TestRing(t *testing.T) {
	r := ring{most: 3}
	for n, want := range [][]zab.Zxid{{}, {1}, {1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {4, 5, 6}, {5, 6, 7}} {
		if n > 0 {
			r.add(tracked{zxid: zab.Zxid(n)})
		}
		got := []zab.Zxid{}
		for _, m := range r.list() {
			got = append(got, m.zxid)
		}
		require.Equal(t, want, got)
	}
}

// While it is off a message costs nothing for it.
func TestTrackingThatIsOffCostsNothing(t *testing.T) {
	var l link
	msgs := []zab.Message{{Type: zab.Ping}}
	require.Zero(t, testing.AllocsPerRun(100, func() { l.heard(msgs); l.said(&msgs[0]) }))
	l.track(10)
	for range 20 {
		l.heard(msgs)
		l.said(&msgs[0])
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { l.heard(msgs); l.said(&msgs[0]) }), "nor when it is on")
}

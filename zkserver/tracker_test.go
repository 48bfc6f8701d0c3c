package zkserver

import (
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// trackerLines are what a member has logged of messages on its links.
func (m *member) trackerLines() string {
	var b strings.Builder
	for _, l := range m.logs.All() {
		if strings.Contains(l.Message, "Buffer ") {
			b.WriteString(l.Message + "\n")
		}
	}
	return b.String()
}

// When a server dies, each side of its links tells what went by last.
func TestLastMessagesOfABrokenLinkAreLogged(t *testing.T) {
	e := newEnsemble(t, 3, 1, func(c *config.Config) { c.MessageTracker = config.MessageTracker{Enabled: true, BufferSize: 1000} }) // pings push nothing out
	e.startAll()
	leader, follower := e.leader(), e.followers()[0]
	_, err := e.connect(follower).Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	e.same()
	follower.kill()
	e.await("the leader tells", func() bool {
		lines := leader.trackerLines()
		return strings.Contains(lines, " timestamps for messages receivedBuffer from /127.0.0.1:") &&
			strings.Contains(lines, " timestamps for messages sentBuffer to /127.0.0.1:") && strings.Contains(lines, "Type: COMMIT Zxid: 0x")
	})
	observer := e.members[3]
	before := observer.trackerLines()
	leader.kill()
	e.await("the observer tells", func() bool {
		lines := strings.TrimPrefix(observer.trackerLines(), before)
		return strings.Contains(lines, "receivedBuffer from /127.0.0.1:") && strings.Contains(lines, "Type: INFORM Zxid: 0x")
	})
}

func TestMessageTrackerIsSwitchedByAReload(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	leader := e.leader()
	next := leader.config()
	next.MessageTracker = config.MessageTracker{Enabled: true, BufferSize: 1000}
	changed, _, err := leader.Reload(next)
	require.NoError(t, err)
	require.Equal(t, []string{"messageTracker.Enabled or .BufferSize"}, changed)
	_, err = e.connect(leader).Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	e.followers()[0].kill()
	e.await("the leader tells", func() bool { return strings.Contains(leader.trackerLines(), "Type: PROPOSAL Zxid: 0x") })
	for _, m := range e.followers() {
		require.Empty(t, m.trackerLines(), "off by default")
	}
}

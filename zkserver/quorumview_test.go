package zkserver

import (
	"fmt"
	"net"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// ask is the answer of a member to a four-letter word.
func (m *member) ask(word string) string {
	text, ok := m.words.Answer(word, nil)
	if !ok {
		return "no such word"
	}
	return text
}

// asOriginalsCount checks what only a leader does, whoever the clients are connected to: requests prepared, changes of znodes
// queued and applied, and how long each server takes to acknowledge. The leader's own clients have made so many znodes.
func (e *ensemble) asOriginalsCount(l *member, writes int64) {
	t := e.t
	c := e.connect(e.followers()[0])
	for i := range writes {
		_, err := c.Create(fmt.Sprintf("/f%d", i), []byte("d"), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	c.Close()
	e.same()
	more := func(m *member, name string) int64 { return m.stats.metrics.Counters[name]() }
	e.await("each znode and its parent are queued, and all of them applied", func() bool { // what a step did is counted at its end
		queued := more(l, "outstanding_changes_queued")
		return more(l, "prep_processor_request_queued") >= 2*writes && queued >= 4*writes && queued == more(l, "outstanding_changes_removed")
	})
	for _, f := range e.followers() {
		for _, name := range []string{"prep_processor_request_queued", "outstanding_changes_queued", "outstanding_changes_removed"} {
			require.Zero(t, more(f, name), "%s of a follower", name)
		}
		require.NotRegexp(t, `_\d+_ack_latency`, f.ask("mntr"))
		e.await("an acknowledgement of each write is measured", func() bool {
			return l.stats.quorum.ack.Get(fmt.Sprint(f.id)).Count() >= 2*writes
		})
	}
	e.await("its own disk has all of it", func() bool { // which a commit need not wait for
		return l.stats.quorum.ack.Get(fmt.Sprint(l.id)).Count() >= 2*writes
	})
	text := l.ask("mntr")
	for _, m := range e.members[:3] {
		require.Regexp(t, fmt.Sprintf(`(?m)^zk_cnt_%d_ack_latency\t[1-9]`, m.id), text)
		require.Regexp(t, fmt.Sprintf(`(?m)^zk_p99_%d_ack_latency\t`, m.id), text)
	}
	require.NotContains(t, text, "zk_cnt_4_ack_latency", "observers do not acknowledge")
}

// What operators are told of an ensemble: by the words, by the pages of health and by the metrics.
func TestWhatAnEnsembleTellsOperators(t *testing.T) {
	e := newEnsemble(t, 3, 1, func(c *config.Config) { c.Commands = []string{"*"} })
	e.startAll()
	l := e.leader()
	c := e.connect(l)
	const writes = 20
	for i := range writes {
		_, err := c.Create(fmt.Sprintf("/n%d", i), []byte("d"), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	e.same()
	require.Contains(t, l.ask("srvr"), "Mode: leader\n")
	require.Regexp(t, `(?m)^Proposal sizes last/min/max: [1-9]\d*/[1-9]\d*/[1-9]\d*$`, l.ask("srvr"))
	for _, line := range []string{
		"server_state\tleader", "peer_state\tleading - broadcast", "synced_followers\t2", "synced_observers\t1", "learners\t3", "quorum_size\t3",
		"quit_leading_due_to_disloyal_voter\t0", "cnt_election_time\t1", "looking_count\t1",
	} {
		require.Contains(t, l.ask("mntr"), "zk_"+line+"\n")
	}
	more := func(m *member, name string) int64 { return m.stats.metrics.Counters[name]() }
	require.GreaterOrEqual(t, more(l, "proposal_count"), int64(writes))
	require.GreaterOrEqual(t, more(l, "commit_count"), int64(writes))
	require.GreaterOrEqual(t, l.stats.quorum.quorumAck.Count(), int64(writes))
	require.GreaterOrEqual(t, more(l, "diff_count")+more(l, "snap_count"), int64(3))
	for _, f := range e.followers() {
		text := f.ask("mntr")
		require.Contains(t, text, "zk_server_state\tfollower\nzk_peer_state\tfollowing - broadcast")
		require.Contains(t, text, "zk_cnt_follower_sync_time\t1\n")
		require.GreaterOrEqual(t, more(f, "learner_proposal_received_count"), int64(writes))
		require.GreaterOrEqual(t, more(f, "learner_commit_received_count"), int64(writes))
		require.GreaterOrEqual(t, f.stats.quorum.proposalLatency.Count(), int64(writes))
		require.GreaterOrEqual(t, f.stats.quorum.commitPropagation.Count(), int64(writes))
		require.Contains(t, f.ask("conf"), fmt.Sprintf("serverId=%d\n", f.id))
		require.Contains(t, f.ask("conf"), "membership: \nserver.1=")
		require.True(t, operator{f.Server}.Ready().OK)
		require.Contains(t, operator{f.Server}.Quorum().Checks[0].Reason, fmt.Sprintf("follower of server %d in epoch", l.id))
	}
	e.asOriginalsCount(l, writes)
	o := e.members[3]
	require.Contains(t, o.ask("mntr"), fmt.Sprintf("zk_peer_state\tobserving - broadcast\nzk_observer_master_id\t%d\n", l.id))
	require.Contains(t, operator{l.Server}.Quorum().Checks[0].Reason, "3 of 3 voters are up to date")

	before := l.ensembleStatus().Learners[2]
	require.True(t, before.Observer)
	require.Positive(t, before.Sent)
	l.ResetObservers()
	require.Less(t, l.ensembleStatus().Learners[2].Sent, before.Sent)
	require.GreaterOrEqual(t, l.ensembleStatus().Learners[2].Sent, int64(0))
	require.Positive(t, l.ensembleStatus().Learners[0].Sent, "that of a follower")

	l.stop()
	var next *member
	e.await("another leads", func() bool { next = e.leader(); return next != nil && next != l && next.State() == admin.Serving })
	e.await("it is counted", func() bool { return next.stats.quorum.leaderUnavailable.Count() == 1 })
	require.Equal(t, int64(2), next.stats.quorum.elections.Count())
	require.Equal(t, int64(1), next.stats.quorum.unavailable.Count())
	require.Contains(t, operator{next.Server}.Quorum().Checks[0].Reason, fmt.Sprintf("missing: %d", l.id))

	for _, f := range e.followers() {
		f.stop()
	}
	e.await("the quorum is lost", func() bool { return next.State() == admin.NotServing })
	require.Equal(t, "This ZooKeeper instance is not currently serving requests\n", next.ask("srvr"))
	require.Equal(t, "null", next.ask("isro"))
	require.Equal(t, "imok", next.ask("ruok"))
	require.False(t, operator{next.Server}.Ready().OK)
	require.False(t, operator{next.Server}.Quorum().OK)
	require.True(t, operator{next.Server}.Live().OK, "there is no need to restart it")
}

// A voter whose port is taken follows, for it dials the others; but it cannot be elected, and says so until it can (ZOOKEEPER-3320).
func TestVoterWithoutAPortIsNotElectable(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	m := e.members[2]
	taken, err := net.Listen("tcp", m.server.Addresses[0].Quorum())
	require.NoError(t, err)
	defer taken.Close()
	for _, other := range e.members[:2] {
		other.start()
	}
	e.leader()
	m.start()
	e.await("it follows", m.serves)
	e.await("it knows that its port is taken", func() bool { return !operator{m.Server}.Quorum().OK })
	h := operator{m.Server}.Quorum()
	require.True(t, h.Checks[0].OK, "it belongs to a quorum")
	require.Equal(t, "electable", h.Checks[1].Name)
	require.Contains(t, h.Checks[1].Reason, "its quorum port "+m.server.Addresses[0].Quorum()+" could not be opened")
	require.True(t, operator{m.Server}.Ready().OK, "clients may stay")
	require.True(t, operator{e.members[0].Server}.Quorum().OK)

	e.leader().kill() // whoever that is: the third has the best vote, and must not win
	for _, other := range e.members[:2] {
		if other.Server == nil {
			other.start()
		}
	}
	e.await("another leads, and it follows", func() bool { return m.serves() && e.leader() != m })
	require.False(t, operator{m.Server}.Quorum().OK)
	require.NoError(t, taken.Close())
	e.await("the port is open", func() bool { return operator{m.Server}.Quorum().OK })
}

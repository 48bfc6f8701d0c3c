package zkserver

import (
	"sync"
	"sync/atomic"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// quorumStats are what a server of an ensemble counts, under the original's names. Whoever sees the event counts it; a
// standalone server counts none. All of it is safe for concurrent use.
type quorumStats struct {
	// Of every role. elections is from LOOKING until a leader is known, unavailable from the end of one broadcast phase until
	// the next begins, leaderUnavailable the same on the server that then leads.
	elections, unavailable, leaderUnavailable *obs.Latency
	looking                                   atomic.Int64 // how often LOOKING began

	// Of a leader. proposed is also what makes sizes.
	proposed, committed atomic.Int64
	sizes               sizes           // of proposals: proposal()
	diffs, snaps        atomic.Int64    // learners brought up to date by DIFF or TRUNC, and by SNAP
	quorumAck           *obs.Latency    // from the arrival of a request until a quorum has acknowledged it
	ack                 *obs.SummarySet // from a proposal until a server has acknowledged it, by its id

	resetMu sync.Mutex
	resets  map[quorum.Sid]packets

	// Of a learner. The first two are from the end of the election until it is up to date.
	followerSync, observerSync         *obs.Latency
	proposalsReceived, commitsReceived atomic.Int64
	proposalLatency, commitPropagation *obs.Latency // from the leader's clock in the transaction until it, or its commit, is here
}

// packets are what an observer's connection had exchanged when it was reset.
type packets struct {
	link           uint64
	received, sent int64
}

// sinceReset takes off what was exchanged before the last observer_connection_stat_reset. A new connection begins at 0.
func (q *quorumStats) sinceReset(id quorum.Sid, link uint64, l *admin.Learner) {
	q.resetMu.Lock()
	defer q.resetMu.Unlock()
	if before, ok := q.resets[id]; ok && before.link == link {
		l.Received -= before.received
		l.Sent -= before.sent
		return
	}
	if q.resets == nil {
		q.resets = map[quorum.Sid]packets{}
	}
	q.resets[id] = packets{link: link}
}

// forget sets an observer's counters, of which l shows what there is since the last time, to zero.
func (q *quorumStats) forget(l *admin.Learner) {
	q.resetMu.Lock()
	defer q.resetMu.Unlock()
	before := q.resets[l.ID]
	before.received += l.Received
	before.sent += l.Sent
	q.resets[l.ID] = before
}

// proposal counts a proposal of so many bytes.
func (q *quorumStats) proposal(bytes int) {
	n := int64(bytes)
	q.proposed.Add(1)
	q.sizes.add(n, n, n)
}

// proposalSizes are those that srvr and mntr of a leader tell.
func (q *quorumStats) proposalSizes() admin.ProposalSizes {
	return admin.ProposalSizes{Last: q.sizes.last.Load(), Min: q.sizes.least.Load(), Max: q.sizes.most.Load()}
}

// init makes the summaries with latency, which also publishes them.
func (q *quorumStats) init(latency func(name, help string, detail obs.Detail) *obs.Latency) {
	q.elections = latency("election_time", "Time from looking for a leader until one is known", obs.Basic)
	q.unavailable = latency("unavailable_time", "Time without a leader that serves", obs.Basic)
	q.leaderUnavailable = latency("leader_unavailable_time", "Time without a leader that serves, on the new leader", obs.Basic)
	q.quorumAck = latency("quorum_ack_latency", "Time from the arrival of a write until a quorum has acknowledged it", obs.Advanced)
	q.ack = obs.NewSummarySet("ack_latency", "Time from a proposal until the server with this id has acknowledged it (ms).", obs.Advanced, 1000)
	q.followerSync = latency("follower_sync_time", "Time from the end of the election until a follower is up to date", obs.Basic)
	q.observerSync = latency("observer_sync_time", "Time from the end of the election until an observer is up to date", obs.Basic)
	q.proposalLatency = latency("proposal_latency", "Time from the leader's clock until a proposal is here", obs.Advanced)
	q.commitPropagation = latency("commit_propagation_latency", "Time from the leader's clock until a commit is here", obs.Advanced)
	q.sizes.reset()
}

// counters adds the counters to m.
func (q *quorumStats) counters(m map[string]func() int64) {
	for name, n := range map[string]*atomic.Int64{
		"looking_count": &q.looking, "proposal_count": &q.proposed, "commit_count": &q.committed, "diff_count": &q.diffs,
		"snap_count":                      &q.snaps,
		"learner_proposal_received_count": &q.proposalsReceived, "learner_commit_received_count": &q.commitsReceived,
	} {
		m[name] = n.Load
	}
}

// reset sets the counters to zero (srst).
func (q *quorumStats) reset() {
	for _, n := range []*atomic.Int64{
		&q.looking, &q.proposed, &q.committed, &q.diffs, &q.snaps, &q.proposalsReceived, &q.commitsReceived,
	} {
		n.Store(0)
	}
	q.sizes.reset()
}

package zab

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// ack takes a learner's ACK: of NEWLEADER, of UPTODATE (both carry counter 0), or of a proposal.
func (n *Node) ack(l *learner, m Message) error {
	if m.Zxid < 0 || l.stage < stageSyncing {
		return n.cutOff(l, m, "nothing to acknowledge yet")
	}
	if m.Zxid.Epoch() != n.lead.epoch {
		n.event(EventIgnored, l.sid, m.Zxid, fmt.Sprintf("ACK from another epoch, this is %d", n.lead.epoch))
		return nil
	}
	if m.Zxid.Counter() == 0 {
		if l.stage == stageSyncing {
			n.ackNewLeader(l)
		}
		return nil
	}
	if m.Zxid > n.lead.lastProposed {
		n.event(EventIgnored, l.sid, m.Zxid, "ACK of a proposal that was not made")
		return nil
	}
	// ACKs come in the order of the log, so one stands for all before it. One that overtakes the ACK of NEWLEADER
	// (ZOOKEEPER-4685) is remembered and counts after that.
	l.acked = max(l.acked, m.Zxid)
	if l.stage >= stageSynced {
		n.countAck(l)
	}
	return nil
}

func (n *Node) ackNewLeader(l *learner) {
	l.stage = stageSynced
	l.acked = max(l.acked, l.covered)
	if n.status.Phase != Broadcast {
		n.establish()
		return
	}
	if !l.observer && l.told < n.configVersion() {
		// An original follower misses an activation that comes before UPTODATE, if it is not the first of what is outstanding. The
		// next time NEWLEADER tells it.
		n.dropLearner(l, "the configuration has changed during its synchronization: it must join again")
		return
	}
	n.upToDateTo(l)
	n.countAck(l)
}

func (n *Node) countAck(l *learner) {
	if l.voter < 0 || int64(l.acked) <= n.lead.acked[l.voter] {
		return
	}
	n.lead.acked[l.voter] = int64(l.acked)
	if l.acked > n.w.committed() {
		n.tryCommit()
	}
}

// persistedLeader counts this server's own disk.
func (n *Node) persistedLeader() {
	if n.status.Phase == Discovery {
		n.finishDiscovery()
		return
	}
	n.lead.acked[n.self] = int64(n.persisted)
	n.tryCommit()
}

// tryCommit commits what a quorum has logged, in order, and tells the learners: COMMIT to followers, INFORM to observers.
func (n *Node) tryCommit() {
	if n.status.Phase != Broadcast {
		return
	}
	z := n.decided()
	if z <= n.w.committed() {
		return
	}
	if n.outstanding() {
		if r := Zxid(n.seen.Version); r > n.w.committed() && r <= z {
			n.commitUpTo(r - 1)
			n.commitConfig(r)
			return
		}
	}
	n.commitUpTo(z)
}

// decided is the zxid up to which a quorum has logged everything.
func (n *Node) decided() Zxid {
	z := quorum.Highest(n.q, n.lead.acked)
	if n.oracle && n.alone() {
		z = max(z, n.lead.acked[n.self])
	}
	return Zxid(z)
}

func (n *Node) commitUpTo(z Zxid) {
	if len(n.lead.learners) > 0 {
		for p := n.w.next; p < n.w.last && n.w.at(p).Zxid <= z; p++ {
			n.releaseBefore(n.w.at(p).Zxid)
			n.announceCommit(n.w.at(p))
		}
	}
	n.commitTo(z)
	n.releaseSyncs()
}

// commitConfig commits a reconfiguration, which is in force from then on, and what the new quorum has logged behind it;
// if this server does not lead under it, the designated leader will commit that.
func (n *Node) commitConfig(z Zxid) {
	leader := n.designate(n.seen)
	for p := n.w.next; p < n.w.last && n.w.at(p).Zxid <= z; p++ {
		n.releaseBefore(n.w.at(p).Zxid)
		n.announceActivation(n.w.at(p), leader)
	}
	n.commitTo(z)
	n.activate(n.seen)
	switch {
	case leader != n.cfg.ID:
		n.handOver(leader)
		return
	case n.self < 0:
		n.lost(quorum.None, fmt.Sprintf("configuration %x has this server without a vote", uint64(z)))
		return
	}
	n.checkSupport()
	if n.status.Role == Leading {
		n.tryCommit()
	}
}

func (n *Node) announceActivation(e *Entry, leader Sid) {
	for _, l := range n.lead.learners {
		switch {
		case l.stage < stageSyncing:
		case l.observer:
			n.send(Message{Type: InformAndActivate, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: activation(leader, e.Data)})
		default:
			n.send(Message{Type: CommitAndActivate, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: activation(leader, nil)})
		}
	}
}

func (n *Node) announceCommit(e *Entry) {
	for _, l := range n.lead.learners {
		switch {
		case l.stage < stageSyncing:
		case l.observer:
			n.send(Message{Type: Inform, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: e.Data})
		default:
			n.send(Message{Type: Commit, To: l.sid, Link: l.link, Zxid: e.Zxid})
		}
	}
}

// tickLeader watches time: for the phases before broadcast, for each learner, for pings, and for the support of a quorum.
func (n *Node) tickLeader() {
	if n.status.Phase != Broadcast {
		if n.now >= n.lead.deadline {
			n.lost(quorum.None, fmt.Sprintf("no quorum has joined within %d ticks", n.cfg.InitTicks))
			return
		}
		n.pingAll()
		return
	}
	changes := n.status.Changes
	for i := 0; i < len(n.lead.learners); {
		l := n.lead.learners[i]
		reason := n.overdue(l)
		if reason == "" {
			i++
			continue
		}
		n.dropLearner(l, reason)
		if n.status.Changes != changes {
			return
		}
	}
	n.pingAll()
}

// pingAll pings all learners when it is time, from NEWLEADER on: one that has acknowledged it early waits for the quorum with
// the shorter patience of syncLimit (an original does) while others still take their snapshots.
func (n *Node) pingAll() {
	if !n.lead.elected || n.now < n.lead.nextPing {
		return
	}
	n.lead.nextPing = n.now + uint64(max(1, n.cfg.PingTicks))
	for _, l := range n.lead.learners {
		if l.stage >= stageSyncing {
			n.ping(l)
		}
	}
}

// overdue gives the reason to cut a learner off, or nothing.
func (n *Node) overdue(l *learner) string {
	if l.stage < stageSynced {
		if n.now-l.since > uint64(n.cfg.InitTicks+n.cfg.SyncTicks) {
			return fmt.Sprintf("not synchronized within %d ticks", n.cfg.InitTicks+n.cfg.SyncTicks)
		}
		return ""
	}
	if n.now-l.heard > uint64(n.cfg.SyncTicks) {
		return fmt.Sprintf("silent for %d ticks", n.cfg.SyncTicks)
	}
	if l.observer {
		return ""
	}
	// A follower whose disk hangs still answers pings: it must also acknowledge proposals in time.
	switch {
	case l.acked >= l.mark:
		l.mark, l.markAt = n.lead.lastProposed, n.now
	case n.now-l.markAt > uint64(n.cfg.SyncTicks):
		return fmt.Sprintf("proposal %s not acknowledged for %d ticks", l.mark, n.cfg.SyncTicks)
	}
	return ""
}

// checkSupport gives the leadership up at once when the servers that are left are no quorum. A server that had accepted
// the epoch before, in an attempt that failed, is none of those that can confirm it.
func (n *Node) checkSupport() {
	if n.status.Role != Leading || n.lead.choosing {
		return
	}
	if !n.enough(n.voters(func(l *learner) bool { return n.lead.elected || l.stage < stageAcked || l.counted })) {
		n.lost(quorum.None, "no quorum follows any more")
	}
}

// newLeaderZxid is what NEWLEADER and its ACK carry.
func (ld *leader) newLeaderZxid() Zxid { return zkproto.MakeZxid(ld.epoch, 0) }

// newLeaderZxid is the same for the epoch in which this server leads or follows.
func (n *Node) newLeaderZxid() Zxid {
	if n.status.Role == Leading {
		return n.lead.newLeaderZxid()
	}
	return zkproto.MakeZxid(n.follow.epoch, 0)
}

package zab

import "math"

// NextTick is in how many ticks, at least one, something is due by time alone: a ping, the patience with a peer, a vote to be
// repeated. An input may bring it nearer, so ask again after each. A driver that sleeps until then lets the ticks before it
// pass with Skip. A standalone node never needs a tick.
func (n *Node) NextTick() int {
	if n.cfg.Standalone {
		return math.MaxInt32
	}
	due := uint64(math.MaxInt32) + n.now
	switch n.status.Role {
	case Looking:
		if n.paused {
			return 1
		}
		return n.el.NextTick()
	case Leading:
		due = n.leaderDue(due)
	case Following, Observing:
		if n.follow.step < active {
			due = n.follow.started + uint64(n.cfg.InitTicks)
		} else {
			due = n.probeDue(n.relayDue(n.follow.heard + uint64(n.cfg.SyncTicks)))
		}
	}
	return int(max(due, n.now+1) - n.now)
}

// leaderDue is the tick at which tickLeader has something to do.
func (n *Node) leaderDue(due uint64) uint64 {
	if n.lead.elected {
		due = min(due, n.lead.nextPing)
	}
	if n.status.Phase != Broadcast {
		return min(due, n.lead.deadline)
	}
	for _, l := range n.lead.learners {
		due = min(due, n.overdueAt(l))
	}
	return due
}

// overdueAt is the tick at which overdue has to look at a learner. A proposal is marked by the tick after it was made, so that
// the next one is wanted as long as proposals are made.
func (n *Node) overdueAt(l *learner) uint64 {
	patience := uint64(n.cfg.SyncTicks) + 1
	switch {
	case l.stage < stageSynced:
		return l.since + uint64(n.cfg.InitTicks) + patience
	case l.observer:
		return l.heard + patience
	case l.acked < l.mark:
		return min(l.heard, l.markAt) + patience
	case l.mark < n.lead.lastProposed && l.acked < n.lead.lastProposed:
		return n.now + 1
	}
	return l.heard + patience
}

// Skip lets ticks pass in which nothing is due: k calls of Tick at once. Not more than NextTick allows are taken; time that
// passes more slowly than it could is harmless.
func (n *Node) Skip(k int) {
	if k = min(k, n.NextTick()-1); k <= 0 || n.cfg.Standalone {
		return
	}
	n.now += uint64(k)
	n.el.Skip(k)
}

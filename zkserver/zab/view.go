package zab

// LearnerView is a learner as its leader sees it.
type LearnerView struct {
	ID       Sid
	Link     uint64
	Observer bool
	// Synced tells that it has the leader's whole history and gets everything that comes.
	Synced bool
	// Acked is the last entry it has logged, as it says; 0 for observers, which do not say.
	Acked Zxid
	// Silent is how many ticks ago it was last heard of.
	Silent uint64
}

// Learners are the learners of this leader, by rising id; nil unless it leads.
func (n *Node) Learners() []LearnerView {
	if n.status.Role != Leading {
		return nil
	}
	var list []LearnerView
	for _, l := range n.lead.learners {
		list = append(list, LearnerView{
			ID: l.sid, Link: l.link, Observer: l.observer, Synced: l.stage >= stageActive, Acked: l.acked, Silent: n.now - min(n.now, l.heard),
		})
	}
	return list
}

// LeaderSilent is how many ticks ago a learner last heard of its leader.
func (n *Node) LeaderSilent() uint64 { return n.now - min(n.now, n.follow.heard) }

// Outstanding is the number of entries that are proposed and not committed.
func (n *Node) Outstanding() int { return int(n.w.last - n.w.next) }

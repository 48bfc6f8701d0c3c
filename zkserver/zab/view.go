package zab

import (
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

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

// Learners are the learners of this leader, or the observers that this follower serves, by rising id.
func (n *Node) Learners() []LearnerView {
	var list []LearnerView
	for _, l := range slices.Concat(n.lead.learners, n.follow.relay.learners) { // never both
		list = append(list, LearnerView{
			ID: l.sid, Link: l.link, Observer: l.observer, Synced: l.stage >= stageActive, Acked: l.acked, Silent: n.now - min(n.now, l.heard),
		})
	}
	return list
}

// Upstream is where this server's data come from: its leader, or of an observer the follower it has joined; quorum.None
// unless it follows or observes.
func (n *Node) Upstream() Sid {
	if n.status.Role == Following || n.status.Role == Observing {
		return n.follow.up
	}
	return quorum.None
}

// IsFollower tells whether a link is that of a learner of this leader's that is no observer.
func (n *Node) IsFollower(l Link) bool {
	if n.status.Role != Leading {
		return false
	}
	ln := n.lead.find(l.Peer)
	return ln != nil && ln.link == l.Link && !ln.observer
}

// LeaderSilent is how many ticks ago a learner last heard of where its data come from.
func (n *Node) LeaderSilent() uint64 { return n.now - min(n.now, n.follow.heard) }

// Outstanding is the number of entries that are proposed and not committed.
func (n *Node) Outstanding() int { return int(n.w.last - n.w.next) }

package zab

import "github.com/holdfast-ha/holdfast/zkserver/quorum"

// An ensemble of two tolerates no failure: neither is a majority. With an oracle, something outside that knows which of the
// two is to go on alone (the key oraclePath names a file that holds 1 or 0), one of them can. The oracle is only heard while
// the other server is not in sync here; it answers for safety: it must never tell both to go on, and it may turn to the other
// only when that one has got everything that was decided alone (docs/operations.md).

// SetOracle tells what the oracle of two servers says: this one may decide alone. Without an oracle it is never called.
// Source: QuorumOracleMaj of the original.
func (n *Node) SetOracle(yes bool) {
	if n.cfg.Standalone || n.oracle == yes {
		return
	}
	n.oracle = yes
	n.el.SetOracle(yes)
	if n.status.Role != Leading {
		return
	}
	n.checkSupport()
	n.progress()
}

// alone tells whether the oracle's word counts: two voters, of which the other does not follow.
func (n *Node) alone() bool {
	if len(n.q.Voters()) != 2 || n.self < 0 || n.status.Role != Leading {
		return false
	}
	for _, l := range n.lead.learners {
		if l.voter >= 0 && l.stage >= stageSyncing {
			return false
		}
	}
	return true
}

// enough tells whether the set decides.
func (n *Node) enough(s quorum.Set) bool {
	return n.q.Contains(s) || (n.oracle && s.Has(n.self) && n.alone())
}

// unblocked commits what waited for the other server, once that is gone and the oracle decides.
func (n *Node) unblocked() {
	if n.oracle {
		n.progress()
	}
}

// progress takes whatever step the leader may take now.
func (n *Node) progress() {
	if n.status.Role == Leading {
		n.chooseEpoch()
		n.finishDiscovery()
		n.establish()
	}
	if n.status.Role == Leading {
		n.tryCommit()
	}
}

// Unreachable is a hint of the driver: nothing can be sent to that server now, because its connection was closed or
// refused (true), or it can again (false). An election that all reachable voters agree in does not wait for the others.
func (n *Node) Unreachable(sid Sid, yes bool) {
	if n.cfg.Standalone {
		return
	}
	n.el.Unreachable(sid, yes)
	n.elected()
}

// Silent is a hint of the driver: that server's host gives neither connection nor refusal to who would follow it (true), or
// it answers again (false). It is not voted for if there are others.
func (n *Node) Silent(sid Sid, yes bool) {
	if n.cfg.Standalone {
		return
	}
	n.el.Silent(sid, yes)
	n.elected()
}

// ZxidsLeft is how many entries can still be proposed in this epoch; 0 unless this server leads. A leader that comes
// near 0 should be told to StepDown once nothing is outstanding: a new epoch starts the counter again (ZOOKEEPER-1277,
// 2789). A standalone server goes on in its next epoch by itself.
func (n *Node) ZxidsLeft() uint64 {
	if n.status.Role != Leading || n.status.Phase != Broadcast {
		return 0
	}
	left := uint64(n.cfg.MaxCounter - min(n.cfg.MaxCounter, n.lead.lastProposed.Counter()))
	if n.cfg.Standalone {
		left += uint64(maxEpoch-n.lead.lastProposed.Epoch()) * uint64(n.cfg.MaxCounter)
	}
	return left
}

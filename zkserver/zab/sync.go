package zab

import "fmt"

// plan is how a learner is brought to the leader's history.
type plan struct {
	op     Type // Diff, Trunc or Snap
	zxid   Zxid // that the packet carries
	after  Zxid // the learner has everything up to here after op
	replay Zxid // entries behind after, up to here, come from the log on disk; 0 for none
}

// planSync decides between DIFF, TRUNC and SNAP. The learner's log ends at last; the history it needs ends at committed.
//
// A prefix in common is certain where the learner's last entry is in our history, or where ours has an entry of the same
// epoch below it: both got that epoch's entries from one leader in one order. A zxid with counter 0 is no entry: an
// original server reports it for a history that ends before that epoch and was committed when the epoch began. Everything
// else gets a snapshot; in particular nobody is told to truncate across epochs, to a point it may not have.
func (n *Node) planSync(last, committed, snapshot Zxid) plan {
	snap := plan{op: Snap, zxid: snapshot, after: snapshot}
	if last == committed {
		return plan{op: Diff, zxid: last, after: last}
	}
	floor, replay := Zxid(0), Zxid(0)
	if last >= n.w.base {
		p := n.w.search(min(last, committed))
		floor = n.w.before(p)
	} else {
		if n.cfg.Storage == nil {
			return snap
		}
		f, ok := n.cfg.Storage.Floor(last)
		if !ok || f > last {
			return snap
		}
		floor, replay = f, n.w.base
	}
	switch {
	case floor == last, last.Counter() == 0 && last != 0:
		return plan{op: Diff, zxid: committed, after: floor, replay: replay}
	case floor != 0 && floor.Epoch() == last.Epoch():
		return plan{op: Trunc, zxid: floor, after: floor, replay: replay}
	}
	return snap
}

// startSync sends a learner what it lacks, then NEWLEADER; from here on it gets everything live.
//
//	DIFF | TRUNC | SNAP, (PROPOSAL COMMIT)* of what is committed, NEWLEADER, PROPOSAL* of what is not
//
// The configuration in NEWLEADER is put in force by the learner at UPTODATE. So it must be committed by then: the one seen
// last while the epoch is being established, the active one later. The original always sends the one seen last, and
// with it a server that joins in the wrong moment activates, and tells others, what may never be committed. Proposals
// that are outstanding follow NEWLEADER, a reconfiguration among them: a learner forgets what it has seen at NEWLEADER.
//
// Before the epoch is established all of this server's history counts as committed: NEWLEADER asks the learner to log it,
// and the quorum that does makes it so.
func (n *Node) startSync(l *learner) {
	committed := n.w.committed()
	end := n.w.next
	if n.status.Phase != Broadcast {
		committed, end = n.w.lastZxid(), n.w.last
	}
	p := n.planSync(l.last, committed, n.w.committed())
	n.event(EventSync, l.sid, p.zxid, fmt.Sprintf("%s to a learner at %s", p.op, l.last))
	l.stage, l.since = stageSyncing, n.now
	l.covered = max(committed, n.newLeaderZxid())
	if l.voter >= 0 {
		// What it has acknowledged by an earlier link and is not committed, it is about to truncate: that counts no more.
		n.lead.acked[l.voter] = min(n.lead.acked[l.voter], int64(committed))
	}
	n.send(Message{Type: p.op, To: l.sid, Link: l.link, Zxid: p.zxid})
	if p.replay > p.after {
		n.send(Message{Type: Replay, To: l.sid, Link: l.link, After: p.after, Zxid: p.replay})
	}
	for pos := n.w.search(p.after); pos < end; pos++ {
		e := n.w.at(pos)
		n.send(Message{Type: Proposal, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: e.Data})
		n.send(Message{Type: Commit, To: l.sid, Link: l.link, Zxid: e.Zxid})
	}
	config := n.seen
	if n.status.Phase == Broadcast {
		config = n.active
	}
	if config != nil {
		l.told = config.Version
	}
	n.send(Message{Type: NewLeader, To: l.sid, Link: l.link, Zxid: n.newLeaderZxid(), Data: configData(config)})
	if !l.observer {
		for pos := end; pos < n.w.last; pos++ {
			e := n.w.at(pos)
			n.send(Message{Type: Proposal, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: e.Data})
		}
	}
}

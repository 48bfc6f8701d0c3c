package zab

// Progress tells that a snapshot, or a part of the log, is on its way by a link, and that some more of it has come or gone. The
// time that a synchronization may take begins anew with it: a slow line is no dead one. (The original's limits hold for each
// read only.) It is called now and then, well within InitTicks.
func (n *Node) Progress(l Link) {
	switch n.status.Role {
	case Leading:
		ln := n.lead.find(l.Peer)
		if ln == nil || ln.link != l.Link || ln.stage != stageSyncing {
			return
		}
		ln.since = n.now
		if n.status.Phase == Synchronization && ln.voter >= 0 {
			n.lead.deadline = n.now + uint64(n.cfg.InitTicks)
		}
	case Following, Observing:
		if l.Peer == n.follow.up && l.Link == n.link && (n.follow.step == wantSync || n.follow.step == wantNewLeader) {
			n.follow.started = n.now
		}
		if ln := n.follow.relay.find(l.Peer); ln != nil && ln.link == l.Link && ln.stage == stageSyncing {
			ln.since = n.now
		}
	case Looking:
	}
}

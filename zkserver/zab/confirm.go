package zab

// A leader that has been replaced may not know it yet. A round of confirmation tells: a ping to every learner in sync, and
// it is over when a quorum has answered one sent after the round began. Who answers has left for no other leader before, so
// nothing that a later leader has committed was acknowledged before the round began. Rounds do not overlap; those asked for
// while one is under way share the next.
//
// A learner answers exactly the pings that come after UPTODATE, in order (the original's ignores those before): counting
// is enough to know which one an answer belongs to, and the packets are the original's.
//
// A SYNC goes to a learner when everything proposed before it was asked for is committed, and the round is over; or just
// before the COMMIT of an entry proposed later, whose acknowledgements say the same. The original's learners rely on that
// place (CommitProcessor). Its leader asks nobody and may answer for an ensemble that has gone on without it.

type confirmation struct {
	asked, done uint64 // rounds
	more        bool   // another is wanted
	syncs       []learnerSync
}

// learnerSync is a sync that a learner waits for.
type learnerSync struct {
	sid   Sid
	link  uint64
	point Zxid // proposed last when it came
	round uint64
}

// Confirm asks whether a quorum still follows this leader, and returns the number of the round that will tell: when
// Confirmed has reached it, this server was the leader at the moment of asking. 0, which is always reached, if standalone.
func (n *Node) Confirm() uint64 {
	if n.cfg.Standalone {
		return 0
	}
	c := &n.lead.confirm
	if c.asked > c.done {
		c.more = true
		return c.asked + 1
	}
	n.beginRound()
	return c.asked
}

// Confirmed is the last round that is over. Rounds are counted anew in each leadership.
func (n *Node) Confirmed() uint64 { return n.lead.confirm.done }

// SyncLearner answers a learner's sync with SYNC when the time has come. The link is that of the request.
func (n *Node) SyncLearner(sid Sid, link uint64) {
	if l := n.lead.find(sid); l == nil || l.link != link || l.stage != stageActive {
		return
	}
	c := &n.lead.confirm
	round := n.Confirm()
	c.syncs = append(c.syncs, learnerSync{sid: sid, link: link, point: n.lead.lastProposed, round: round})
	n.releaseSyncs()
}

func (n *Node) beginRound() {
	n.lead.confirm.asked++
	for _, l := range n.lead.learners {
		if l.stage == stageActive {
			n.ping(l)
			l.awaits = l.pings
		}
	}
	n.checkRound()
}

// ping sends a ping, and counts it if it will be answered.
func (n *Node) ping(l *learner) {
	if l.stage == stageActive {
		l.pings++
	}
	n.send(Message{Type: Ping, To: l.sid, Link: l.link, Zxid: n.lead.lastProposed})
}

func (n *Node) ponged(l *learner) {
	if l.stage == stageActive {
		l.pongs++
		n.checkRound()
	}
}

// include asks a learner that is in sync only now.
func (n *Node) include(l *learner) {
	if c := &n.lead.confirm; c.asked > c.done {
		n.ping(l)
		l.awaits = l.pings
	}
}

func (n *Node) checkRound() {
	c := &n.lead.confirm
	if c.asked == c.done || !n.enough(n.voters(func(l *learner) bool { return l.awaits > 0 && l.pongs >= l.awaits })) {
		return
	}
	c.done = c.asked
	for _, l := range n.lead.learners {
		l.awaits = 0
	}
	n.releaseSyncs()
	if c.more {
		c.more = false
		n.beginRound()
	}
}

// releaseSyncs sends what is due by the rounds.
func (n *Node) releaseSyncs() {
	c := &n.lead.confirm
	for len(c.syncs) > 0 && c.syncs[0].point <= n.w.committed() && c.syncs[0].round <= c.done {
		n.release()
	}
}

// releaseBefore sends what is due because the entry z is committed.
func (n *Node) releaseBefore(z Zxid) {
	for len(n.lead.confirm.syncs) > 0 && n.lead.confirm.syncs[0].point < z {
		n.release()
	}
}

func (n *Node) release() {
	c := &n.lead.confirm
	s := c.syncs[0]
	if c.syncs = c.syncs[1:]; len(c.syncs) == 0 {
		c.syncs = nil
	}
	n.send(Message{Type: Sync, To: s.sid, Link: s.link})
}

// forget drops what a learner waits for that is gone.
func (c *confirmation) forget(sid Sid) {
	if len(c.syncs) == 0 {
		return
	}
	kept := make([]learnerSync, 0, len(c.syncs))
	for _, s := range c.syncs {
		if s.sid != sid {
			kept = append(kept, s)
		}
	}
	c.syncs = kept
}

package zab

import (
	"cmp"
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// An observer may get its data from a follower instead of the leader, which has less to send then (the key
// observerMasterPort). To the observer the follower looks like a leader that leads for long already; to the leader, the
// observer's requests look like the follower's.
//
//	leader                         follower                          observer
//	PROPOSAL COMMIT ------------>  (logs, applies)  INFORM  ------>  (logs, applies)
//	COMMITANDACTIVATE ---------->  INFORMANDACTIVATE ------------->
//	SYNC, REVALIDATE ----------->  the same, to who has asked ---->
//	       <---- REQUEST, REVALIDATE  <--------------------------
//	       <---- PING with sessions   <---- PING with sessions      each in its own time
//
// A follower takes observers only while it is in sync itself; those that come earlier wait. When it loses its leader it
// drops them all, and they look for the leader anew.
//
// An observer may know more than the follower it comes to: what the observer has logged is committed, and the follower has
// not heard so yet. The original has it truncate that; here it waits until the follower has caught up.
//
// Source: ObserverMaster, LearnerMaster of Apache ZooKeeper 3.9; ZOOKEEPER-3140.

// relay is what a follower knows of the observers it serves.
type relay struct {
	learners []*learner // by sid
	nextPing uint64
	syncs    []Link // who waits for each SYNC of the leader's, in order; the zero Link is this server
}

func (r *relay) find(sid Sid) *learner {
	for _, l := range r.learners {
		if l.sid == sid {
			return l
		}
	}
	return nil
}

func (r *relay) remove(sid Sid) {
	r.learners = slices.DeleteFunc(r.learners, func(l *learner) bool { return l.sid == sid })
}

// master is where to get the data of a leader from, and whether that is by the port for observers. Observers begin with
// different followers. When one fails they go on to the next; the one that has just been lost comes behind the others, those
// that seem to be away last of all. When all have failed, the leader itself has its turn, for a while (return.go).
func (n *Node) master(leader Sid) (sid Sid, relayed bool) {
	if !n.observer || !n.cfg.ObserverMaster {
		return leader, false
	}
	best, worst := leader, 4
	for _, s := range n.masters(leader) {
		bad := 0
		if s == n.left {
			bad++
		}
		if !n.el.Answers(s) {
			bad += 2
		}
		if bad < worst && !slices.Contains(n.failed, s) {
			best, worst = s, bad
		}
	}
	return best, best != leader
}

// leaveMaster notes how it went with the server that this observer had joined.
func (n *Node) leaveMaster() {
	switch f := &n.follow; {
	case !n.observer || !n.cfg.ObserverMaster:
	case f.up == n.status.Leader:
		n.failed, n.left = nil, quorum.None
	case f.step < active:
		n.failed = append(n.failed, f.up)
	default:
		n.failed, n.left = nil, f.up
	}
}

// relayJoin takes OBSERVERINFO that came by the port for observers.
func (n *Node) relayJoin(m Message) error {
	switch {
	case n.status.Role != Following || !n.cfg.ObserverMaster:
		n.event(EventIgnored, m.From, m.Zxid, "an observer comes to a server that does not follow")
		n.drop(m.From, m.Link)
		return nil
	case m.Type != ObserverInfo:
		return n.refuse(m, "only observers are served by this port")
	}
	if err := n.checkJoin(m); err != nil {
		return err
	}
	r := &n.follow.relay
	old := r.find(m.From)
	if old == nil && len(r.learners) >= maxLearners {
		return n.refuse(m, "too many learners")
	}
	if old != nil {
		r.remove(m.From)
		if old.link != m.Link {
			n.drop(old.sid, old.link)
		}
	}
	l := &learner{sid: m.From, link: m.Link, observer: true, voter: -1, since: n.now, heard: n.now}
	r.learners = append(r.learners, l)
	slices.SortFunc(r.learners, func(a, b *learner) int { return cmp.Compare(a.sid, b.sid) })
	if n.follow.step == active {
		n.invite(l)
	}
	return nil
}

// relayOpen lets in those who have waited for this server to be in sync.
func (n *Node) relayOpen() {
	for _, l := range n.follow.relay.learners {
		if l.stage == stageJoined {
			n.invite(l)
		}
	}
}

// stepRelay takes what an observer says.
func (n *Node) stepRelay(l *learner, m Message) error {
	l.heard = n.now
	switch m.Type {
	case AckEpoch:
		if _, ok := decodeInt32(m.Data); !ok || l.stage != stageInvited || m.Zxid < 0 {
			return n.relayCutOff(l, m, "malformed or not asked for")
		}
		l.last, l.stage = m.Zxid, stageAcked
		n.relayWaiting()
		return nil
	case Ack:
		if l.stage < stageSyncing {
			return n.relayCutOff(l, m, "nothing to acknowledge yet")
		}
		if l.stage == stageSyncing && m.Zxid == n.newLeaderZxid() {
			l.stage = stageActive
			n.send(Message{Type: UpToDate, To: l.sid, Link: l.link, Zxid: -1})
		}
		return nil
	case Ping, Request, Revalidate:
		if l.stage < stageActive {
			return n.relayCutOff(l, m, "before it has acknowledged NEWLEADER")
		}
		if m.Type != Ping || len(m.Data) > 0 {
			m.Relay = true
			n.forward(m)
		}
		return nil
	default:
		return n.relayCutOff(l, m, "an observer does not send this")
	}
}

// relayWaiting begins the synchronization of those observers that this server is not behind of.
func (n *Node) relayWaiting() {
	for _, l := range n.follow.relay.learners {
		ahead := l.last > n.w.committed() && l.last.Epoch() == n.follow.epoch && l.last.Counter() != 0
		if l.stage == stageAcked && !ahead {
			n.startSync(l)
		}
	}
}

// relayCommit tells the observers of an entry that the leader has committed.
func (n *Node) relayCommit(e *Entry, activates bool, leader Sid) {
	for _, l := range n.follow.relay.learners {
		switch {
		case l.stage < stageSyncing:
		case activates:
			n.send(Message{Type: InformAndActivate, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: activation(leader, e.Data)})
		default:
			n.send(Message{Type: Inform, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: e.Data})
		}
	}
}

// SendSync is Send for a REQUEST that the leader answers with SYNC. The answer is for the observer of that link, or, if it is
// the zero Link, for this server: then it is among Forwarded.
func (n *Node) SendSync(m Message, asker Link) error {
	err := n.Send(m)
	if err == nil && n.cfg.ObserverMaster {
		n.follow.relay.syncs = append(n.follow.relay.syncs, asker)
	}
	return err
}

// relaySync passes SYNC on to the observer that has asked for it, in its place among what is committed. It is false if it is
// for this server.
func (n *Node) relaySync(m Message) bool {
	r := &n.follow.relay
	if len(r.syncs) == 0 {
		return false
	}
	asker := r.syncs[0]
	if r.syncs = r.syncs[1:]; len(r.syncs) == 0 {
		r.syncs = nil
	}
	if l := r.find(asker.Peer); l != nil && l.link == asker.Link {
		n.send(Message{Type: Sync, To: l.sid, Link: l.link, Zxid: m.Zxid})
	}
	return asker != Link{}
}

// tickRelay watches over the observers, and pings them.
func (n *Node) tickRelay() {
	r := &n.follow.relay
	for i := 0; i < len(r.learners); {
		if reason := n.overdue(r.learners[i]); reason != "" {
			n.relayDrop(r.learners[i], reason)
			continue
		}
		i++
	}
	if n.now < r.nextPing {
		return
	}
	r.nextPing = n.now + uint64(max(1, n.cfg.PingTicks))
	for _, l := range r.learners {
		if l.stage >= stageSyncing {
			n.send(Message{Type: Ping, To: l.sid, Link: l.link, Zxid: n.w.committed()})
		}
	}
}

// relayDue is the tick at which tickRelay has something to do, before due.
func (n *Node) relayDue(due uint64) uint64 {
	for _, l := range n.follow.relay.learners {
		if l.stage >= stageSyncing {
			due = min(due, n.follow.relay.nextPing)
		}
		due = min(due, n.overdueAt(l))
	}
	return due
}

// relayGone forgets an observer whose link has ended.
func (n *Node) relayGone(k Link) {
	if l := n.follow.relay.find(k.Peer); l != nil && l.link == k.Link {
		n.follow.relay.remove(k.Peer)
		n.event(EventDropped, k.Peer, l.last, "link closed")
	}
}

func (n *Node) relayDrop(l *learner, reason string) {
	n.follow.relay.remove(l.sid)
	n.drop(l.sid, l.link)
	n.event(EventDropped, l.sid, l.last, reason)
}

// relayCutOff drops an observer that broke the protocol.
func (n *Node) relayCutOff(l *learner, m Message, reason string) error {
	err := n.refuse(m, reason)
	n.relayDrop(l, err.Error())
	return err
}

// CutOff drops an observer that this follower serves, for a reason that only the caller knows of.
func (n *Node) CutOff(k Link, reason string) {
	if l := n.follow.relay.find(k.Peer); l != nil && l.link == k.Link && n.status.Role == Following {
		n.relayDrop(l, reason)
	}
}

// Relays tells whether this server serves observers while it follows.
func (n *Node) Relays() bool {
	return n.cfg.ObserverMaster && n.status.Role == Following && n.follow.step == active
}

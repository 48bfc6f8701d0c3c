package zab

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// maxCounter is the greatest Config.MaxCounter.
const maxCounter = 0xfffffffe

// maxEpoch keeps zxids positive.
const maxEpoch = 0x7fffffff

// maxEarly bounds the learners remembered that come before this server knows that it leads.
const maxEarly = 256

// maxLearners bounds the learners of one leader.
const maxLearners = 4096

// Node is one server's Zab. It is not safe for concurrent use: one goroutine owns it.
type Node struct {
	cfg  Config
	q    quorum.Verifier // by which this node decides: that of the configuration, or of two of them
	self int             // own place among the voters; -1 without a vote
	// observer says what kind of learner this server is. One that is no member of the configuration follows without a vote.
	observer     bool
	active, seen *quorum.Membership // nil if Config gives none
	heard        *quorum.Membership // proposed, as another voter says; nil for none
	heardFrom    Sid
	oracle       bool
	el           *election.Machine
	now          uint64 // ticks since New

	status    Status
	hard      HardState
	w         window
	persisted Zxid   // the log is synced up to here
	bottom    Zxid   // of the snapshot: the history cannot be cut behind it
	wantSnap  bool   // it was to be cut there
	known     Zxid   // committed for certain, as learned in this life: never cut
	link      uint64 // to the leader, or to the follower that this observer has joined
	links     uint64 // how many there were
	pingData  []byte

	since  uint64        // tick of the last verdict
	vote   election.Vote // the last verdict
	paused bool          // LOOKING, but the election begins with the next Tick
	lead   leader
	follow follower
	failed []Sid     // of an observer: followers it could not join since it was in sync last
	left   Sid       // and the one it was in sync with
	early  []Message // FOLLOWERINFO and OBSERVERINFO that came while looking, at most one per sid

	out outbox
}

// New starts a node: LOOKING, or LEADING when Standalone.
func New(cfg Config) (*Node, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg:       cfg,
		hard:      HardState{AcceptedEpoch: cfg.AcceptedEpoch, CurrentEpoch: cfg.CurrentEpoch},
		persisted: cfg.LastZxid, left: quorum.None,
	}
	n.w.base, n.bottom = cfg.LastZxid, cfg.Bottom
	if err := n.adopt(); err != nil {
		return nil, err
	}
	n.out.reported.Leader = -2 // whatever comes first is news
	if cfg.Standalone {
		n.startStandalone()
		return n, nil
	}
	n.el = election.New(election.Config{
		ID: cfg.ID, Quorum: n.q, FinalizeTicks: cfg.FinalizeTicks,
		NotifyMinTicks: cfg.NotifyMinTicks, NotifyMaxTicks: cfg.NotifyMaxTicks, ConfigData: configData(n.active), SeenData: n.seenData(),
		Oracle: cfg.Oracle,
	})
	n.look()
	return n, nil
}

// startStandalone leads at once, in the epoch of the last zxid.
func (n *Node) startStandalone() {
	n.status = Status{Role: Leading, Phase: Broadcast, Leader: n.cfg.ID, Epoch: n.w.lastZxid().Epoch()}
	n.lead.acked = []int64{int64(n.persisted)}
	n.lead.lastProposed = n.w.lastZxid()
	n.known = n.w.lastZxid()
	n.event(EventStarted, quorum.None, n.known, "leading alone")
}

// look begins an election. With a quorum of this server alone it is over at once.
func (n *Node) look() {
	n.status.Role, n.status.Phase = Looking, Election
	n.status.Leader, n.status.Epoch = quorum.None, n.hard.CurrentEpoch
	n.lead, n.follow, n.paused = leader{}, follower{}, false
	n.forgetHeard()
	n.el.Start(n.w.lastZxid(), n.hard.CurrentEpoch)
	n.elected()
}

// elected acts on the election's verdict, if there is one.
func (n *Node) elected() {
	if n.status.Role != Looking || n.paused {
		return
	}
	v, ok := n.el.Verdict()
	if !ok {
		return
	}
	n.since = n.now
	if v.Leader == n.cfg.ID {
		n.startLeading()
		return
	}
	n.vote = v
	n.startFollowing(v.Leader)
}

// lost gives the role up.
func (n *Node) lost(peer Sid, reason string) {
	n.leave(peer, reason)
	if n.since == n.now && !quorum.IsSole(n.q, n.cfg.ID) {
		// The verdict did not last a tick: what the others believe is out of date. Asking again at once would get the same
		// answer, over and over; the next Tick begins the election.
		n.status.Role, n.status.Phase = Looking, Election
		n.status.Leader, n.status.Epoch = quorum.None, n.hard.CurrentEpoch
		n.lead, n.follow, n.paused = leader{}, follower{}, true
		n.el.Settle(Looking, -1)
		return
	}
	n.look()
}

// leave ends what the role was about; what comes next is up to the caller.
func (n *Node) leave(peer Sid, reason string) {
	n.event(EventLost, peer, n.w.lastZxid(), reason)
	switch n.status.Role {
	case Leading:
		for _, l := range n.lead.learners {
			n.drop(l.sid, l.link)
		}
	case Following, Observing:
		n.leaveMaster()
		for _, l := range n.follow.relay.learners {
			n.drop(l.sid, l.link)
		}
		n.drop(n.follow.up, n.link)
		n.endProbe()
	case Looking:
	}
	n.status.Changes++
}

// Tick tells that one tick of time has passed.
func (n *Node) Tick() {
	if n.cfg.Standalone {
		return
	}
	n.now++
	n.el.Tick()
	switch n.status.Role {
	case Looking:
		if n.paused {
			n.look()
			return
		}
		n.elected()
	case Leading:
		n.tickLeader()
	case Following, Observing:
		n.tickFollower()
	}
}

// Step takes a message from another server. An error is a *MessageError: close the link it came by. If that link was in
// use, the node has given it up already.
func (n *Node) Step(m Message) error {
	switch {
	case m.To != n.cfg.ID:
		return n.refuse(m, fmt.Sprintf("it is for server %d, this is server %d", m.To, n.cfg.ID))
	case m.From == n.cfg.ID:
		return n.refuse(m, "it carries this server's own id: two servers have the same myid")
	case m.From < 0:
		return n.refuse(m, "negative server id")
	case n.cfg.Standalone:
		return n.refuse(m, "this server is standalone")
	}
	if m.Type == Notification {
		return n.stepNotification(m)
	}
	switch n.status.Role {
	case Looking:
		return n.stepLooking(m)
	case Leading:
		return n.stepLeader(m)
	default:
		return n.stepFollower(m)
	}
}

func (n *Node) stepNotification(m Message) error {
	if m.Vote == nil {
		return n.refuse(m, "it has no vote")
	}
	if m.Vote.From != m.From || m.Vote.To != m.To {
		return n.refuse(m, fmt.Sprintf("its vote is from %d to %d", m.Vote.From, m.Vote.To))
	}
	if m.Vote.Version > 1 && n.notified(m.Vote.Config) {
		return nil
	}
	if n.hear(m.Vote) {
		return nil
	}
	if reason := n.el.Step(*m.Vote); reason != "" {
		n.event(EventIgnored, m.From, m.Vote.Vote.Zxid, "notification: "+reason)
	}
	n.elected()
	if n.el.Deserted() && n.status.Phase == Discovery {
		n.lost(m.From, fmt.Sprintf("server %d votes for server %d now", m.From, m.Vote.Vote.Leader))
	}
	return nil
}

// stepLooking remembers learners that are faster than our own election: they have heard the last vote already.
func (n *Node) stepLooking(m Message) error {
	if m.Type != FollowerInfo && m.Type != ObserverInfo {
		n.event(EventIgnored, m.From, m.Zxid, m.Type.String()+" while looking for a leader")
		return nil
	}
	return n.remember(m)
}

// remember keeps a learner's first packet until this server leads. If it comes to follow instead, the link is dropped.
func (n *Node) remember(m Message) error {
	for i := range n.early {
		if n.early[i].From == m.From {
			if n.early[i].Link != m.Link {
				n.drop(m.From, n.early[i].Link)
			}
			n.early[i] = m
			return nil
		}
	}
	if len(n.early) == maxEarly {
		n.drop(m.From, m.Link)
		return n.refuse(m, "too many learners are waiting")
	}
	n.early = append(n.early, m)
	return nil
}

// takeEarly empties the list of early learners.
func (n *Node) takeEarly() []Message {
	early := n.early
	n.early = nil
	return early
}

// Disconnected tells that a link has ended, whoever closed it.
func (n *Node) Disconnected(l Link) {
	switch n.status.Role {
	case Leading:
		if ln := n.lead.find(l.Peer); ln != nil && ln.link == l.Link {
			n.lead.remove(l.Peer)
			n.event(EventDropped, l.Peer, ln.acked, "link closed")
			n.checkSupport()
			n.unblocked()
		}
	case Following, Observing:
		switch {
		case n.follow.probe.is(l):
			n.probeFailed("link closed")
		case l.Peer != n.follow.up || l.Link != n.link:
			n.relayGone(l)
		case l.Peer != n.status.Leader:
			n.lost(l.Peer, fmt.Sprintf("link to follower %d closed", l.Peer))
		default:
			n.el.Absent(l.Peer)
			n.lost(l.Peer, "link to the leader closed")
		}
	case Looking:
	}
	for i := range n.early {
		if n.early[i].From == l.Peer && n.early[i].Link == l.Link {
			n.early = append(n.early[:i], n.early[i+1:]...)
			break
		}
	}
}

// NextZxid is the zxid the next Propose must carry; 0 when none is possible.
func (n *Node) NextZxid() Zxid {
	if n.status.Role != Leading || n.status.Phase != Broadcast {
		return 0
	}
	last := n.lead.lastProposed
	if last.Counter() < n.cfg.MaxCounter {
		return last + 1
	}
	// A standalone server answers to nobody and begins its next epoch itself, without a pause.
	if n.cfg.Standalone && last.Epoch() < maxEpoch {
		return zkproto.MakeZxid(last.Epoch()+1, 1)
	}
	return 0
}

// Propose makes an entry part of the history: it is logged, sent to the followers and, when a quorum has it, committed.
// Errors: ErrNotLeading, ErrOutOfOrder, ErrEpochExhausted.
func (n *Node) Propose(e Entry) error {
	next := n.NextZxid()
	if next == 0 {
		if n.status.Role == Leading && n.status.Phase == Broadcast {
			return ErrEpochExhausted
		}
		return ErrNotLeading
	}
	if e.Zxid != next {
		return fmt.Errorf("%w: zxid %s, the next is %s", ErrOutOfOrder, e.Zxid, next)
	}
	n.append(e)
	n.lead.lastProposed = e.Zxid
	if n.cfg.Standalone {
		n.status.Epoch = e.Zxid.Epoch()
		return nil
	}
	if m, ok := n.peek(e.Data); ok {
		n.see(m)
	}
	for _, l := range n.lead.learners {
		if l.stage >= stageSyncing && !l.observer {
			n.send(Message{Type: Proposal, To: l.sid, Link: l.link, Zxid: e.Zxid, Data: e.Data})
		}
	}
	return nil
}

// append adds an entry to the history and to the log.
func (n *Node) append(e Entry) {
	n.w.append(e)
	n.out.b[n.out.cur].entries = append(n.out.b[n.out.cur].entries, e)
}

// Persisted tells that the log is synced up to and including zxid. Completions of appends made before a Truncate or an
// Install must not be reported after it.
func (n *Node) Persisted(z Zxid) {
	z = min(z, n.w.lastZxid())
	if z <= n.persisted {
		return
	}
	n.persisted = z
	switch n.status.Role {
	case Leading:
		n.persistedLeader()
	case Following, Observing:
		n.persistedFollower()
	case Looking:
	}
	n.w.trim(n.cfg.KeepCommitted, n.persisted)
}

// commitTo marks the history as committed up to z and hands it to the driver.
func (n *Node) commitTo(z Zxid) {
	b := &n.out.b[n.out.cur]
	for n.w.next < n.w.last {
		e := n.w.at(n.w.next)
		if e.Zxid > z {
			break
		}
		b.committed = append(b.committed, *e)
		n.w.next++
	}
	n.known = max(n.known, n.w.committed())
	n.w.trim(n.cfg.KeepCommitted, n.persisted)
}

// StepDown gives the role up and looks for a leader again, which leads to a new epoch. A standalone node ignores it.
func (n *Node) StepDown(reason string) {
	if !n.cfg.Standalone && n.status.Role != Looking {
		n.lost(quorum.None, reason)
	}
}

// Send queues a message that zab does not look into behind those it has queued: REQUEST and REVALIDATE to Upstream;
// REVALIDATE and SYNC to a learner. From and Link are filled in; Link names the observer's if this is its follower. Error:
// ErrNotPeer.
func (n *Node) Send(m Message) error {
	if n.status.Phase != Broadcast {
		return fmt.Errorf("%w %d: this server is not in an ensemble now", ErrNotPeer, m.To)
	}
	switch n.status.Role {
	case Leading:
		l := n.lead.find(m.To)
		if l == nil || l.stage < stageActive || (m.Type != Revalidate && m.Type != Sync) {
			return fmt.Errorf("%w %d: %s from a leader goes to learners", ErrNotPeer, m.To, m.Type)
		}
		m.Link = l.link
	default:
		if l := n.follow.relay.find(m.To); l != nil && l.link == m.Link && l.stage == stageActive && m.Type == Revalidate {
			break
		}
		if m.To != n.follow.up || (m.Type != Request && m.Type != Revalidate) {
			return fmt.Errorf("%w %d: %s from a learner goes to server %d", ErrNotPeer, m.To, m.Type, n.follow.up)
		}
		m.Link = n.link
	}
	n.send(m)
	return nil
}

// SetPingData is what the next answer to the leader's PING carries: the touched sessions, as | long session | int timeout |
// each.
func (n *Node) SetPingData(b []byte) { n.pingData = b }

// Status is where the node stands now.
func (n *Node) Status() Status { return n.status }

// HardState is what the epoch files hold once the last Ready is done.
func (n *Node) HardState() HardState { return n.hard }

// LastZxid is the last entry in this server's log, synced or not.
func (n *Node) LastZxid() Zxid { return n.w.lastZxid() }

// CommittedZxid is the last zxid known to be committed, as far as Ready has told or will tell; 0 before the first time
// this server is part of an ensemble.
func (n *Node) CommittedZxid() Zxid { return n.known }

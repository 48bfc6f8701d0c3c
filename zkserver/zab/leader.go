package zab

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// stage is how far a learner has got with this leader.
type stage int

const (
	stageJoined  stage = iota // FOLLOWERINFO has come
	stageInvited              // LEADERINFO is sent
	stageAcked                // ACKEPOCH has come
	stageSyncing              // DIFF, TRUNC or SNAP and NEWLEADER are sent; live proposals follow
	stageSynced               // NEWLEADER is acknowledged
	stageActive               // UPTODATE is sent
)

// learner is a follower or observer as its leader sees it.
type learner struct {
	sid      Sid
	link     uint64
	observer bool // gets INFORM instead of PROPOSAL and COMMIT
	voter    int  // place among the voters; -1 without a vote
	stage    stage
	counted  bool // its ACKEPOCH counts for the new epoch
	last     Zxid // end of its log, from ACKEPOCH
	acked    Zxid
	covered  Zxid   // what the ACK of NEWLEADER stands for
	told     int64  // version of the configuration in NEWLEADER
	since    uint64 // tick at which it joined
	heard    uint64 // tick of its last message
	mark     Zxid   // a proposal it owes an ACK for, since tick markAt
	markAt   uint64
	// pings sent since UPTODATE, those answered, and the one a round of confirmation waits for; 0 for none.
	pings, pongs, awaits uint64
}

// leader is what a server knows while it leads.
type leader struct {
	epoch        uint32
	choosing     bool // discovery: the epoch is not fixed yet
	elected      bool // a quorum has acknowledged the epoch
	startCurrent uint32
	deadline     uint64
	nextPing     uint64
	lastProposed Zxid
	confirm      confirmation
	learners     []*learner // by sid
	acked        []int64    // last zxid each voter has logged in this epoch, by place
}

func (ld *leader) find(sid Sid) *learner {
	for _, l := range ld.learners {
		if l.sid == sid {
			return l
		}
	}
	return nil
}

func (ld *leader) remove(sid Sid) {
	ld.confirm.forget(sid)
	ld.learners = slices.DeleteFunc(ld.learners, func(l *learner) bool { return l.sid == sid })
}

// startLeading begins discovery: which epoch is newer than all that a quorum has accepted?
func (n *Node) startLeading() {
	n.status.Role, n.status.Phase, n.status.Leader = Leading, Discovery, n.cfg.ID
	n.el.Settle(Leading, -1)
	n.lead = leader{
		epoch: n.hard.AcceptedEpoch + 1, choosing: true, startCurrent: n.hard.CurrentEpoch,
		deadline: n.now + uint64(n.cfg.InitTicks),
		acked:    make([]int64, len(n.q.Voters())),
	}
	n.event(EventStarted, quorum.None, n.w.lastZxid(), "elected leader")
	if n.hard.AcceptedEpoch >= maxEpoch {
		n.event(EventIgnored, quorum.None, n.w.lastZxid(), "no epoch is left: the accepted epoch is the highest there is")
		return
	}
	changes := n.status.Changes
	for _, m := range n.takeEarly() {
		if n.status.Changes != changes || n.status.Role != Leading {
			n.drop(m.From, m.Link)
			continue
		}
		// An error has its event; the link is dropped with it.
		if err := n.stepLeader(m); err != nil {
			n.drop(m.From, m.Link)
		}
	}
	if n.status.Changes == changes {
		n.chooseEpoch()
	}
}

// stepLeader takes what learners say.
func (n *Node) stepLeader(m Message) error {
	if m.Type == FollowerInfo || m.Type == ObserverInfo {
		if m.Relay {
			return n.relayJoin(m)
		}
		return n.join(m)
	}
	l := n.lead.find(m.From)
	if l == nil || l.link != m.Link {
		n.event(EventIgnored, m.From, m.Zxid, m.Type.String()+" by a link that is not in use")
		return nil
	}
	l.heard = n.now
	switch m.Type {
	case AckEpoch:
		return n.ackEpoch(l, m)
	case Ack:
		return n.ack(l, m)
	case Ping, Request, Revalidate:
		if l.stage < stageSynced {
			return n.cutOff(l, m, "before it has acknowledged NEWLEADER")
		}
		if m.Type != Ping || len(m.Data) > 0 {
			n.forward(m)
		}
		if m.Type == Ping {
			n.ponged(l)
		}
		return nil
	default:
		return n.cutOff(l, m, "a learner does not send this")
	}
}

// cutOff drops a learner that broke the protocol.
func (n *Node) cutOff(l *learner, m Message, reason string) error {
	err := n.refuse(m, reason)
	n.dropLearner(l, err.Error())
	return err
}

func (n *Node) dropLearner(l *learner, reason string) {
	n.lead.remove(l.sid)
	n.drop(l.sid, l.link)
	n.event(EventDropped, l.sid, l.acked, reason)
	n.checkSupport()
	n.unblocked()
}

// join takes FOLLOWERINFO or OBSERVERINFO.
func (n *Node) join(m Message) error {
	if err := n.checkJoin(m); err != nil {
		return err
	}
	accepted := m.Zxid.Epoch()
	if len(n.lead.learners) >= maxLearners && n.lead.find(m.From) == nil {
		return n.refuse(m, "too many learners")
	}
	if old := n.lead.find(m.From); old != nil {
		n.lead.remove(m.From)
		if old.link != m.Link {
			n.drop(old.sid, old.link)
		}
	}
	l := &learner{
		sid: m.From, link: m.Link, observer: m.Type == ObserverInfo, voter: -1, since: n.now, heard: n.now,
	}
	l.voter = n.place(l)
	if !n.lead.choosing && accepted > n.lead.epoch && l.voter >= 0 {
		// It promised itself to a leader that never came to be, and could not join an older one: lead a newer epoch.
		n.drop(l.sid, l.link)
		n.lost(m.From, fmt.Sprintf("server %d has accepted epoch %d, newer than %d", m.From, accepted, n.lead.epoch))
		return nil
	}
	n.lead.learners = append(n.lead.learners, l)
	slices.SortFunc(n.lead.learners, func(a, b *learner) int { return cmp.Compare(a.sid, b.sid) })
	if n.lead.choosing {
		if accepted >= n.lead.epoch {
			n.lead.epoch = accepted + 1
		}
		n.chooseEpoch()
		return nil
	}
	n.invite(l)
	return nil
}

// checkJoin looks at what a learner says of itself.
func (n *Node) checkJoin(m Message) error {
	var info LearnerInfo
	if err := info.Decode(m.Data); err != nil {
		return n.refuse(m, err.Error())
	}
	accepted := m.Zxid.Epoch()
	switch {
	case m.Zxid < 0 || accepted >= maxEpoch:
		return n.refuse(m, fmt.Sprintf("accepted epoch %#x is impossible", accepted))
	case info.Sid != m.From:
		return n.refuse(m, fmt.Sprintf("it says it is server %d", info.Sid))
	case info.ConfigVersion > n.configVersion():
		return n.refuse(m, fmt.Sprintf("its configuration version %#x is newer than %#x", info.ConfigVersion, n.configVersion()))
	}
	return nil
}

func (n *Node) invite(l *learner) {
	l.stage = stageInvited
	n.send(Message{
		Type: LeaderInfo, To: l.sid, Link: l.link, Zxid: n.newLeaderZxid(), Data: appendInt32(ProtocolVersion),
	})
}

// voters is the set of this server and the learners chosen by ok.
func (n *Node) voters(ok func(*learner) bool) quorum.Set {
	var s quorum.Set
	s.Add(n.self)
	for _, l := range n.lead.learners {
		if ok(l) {
			s.Add(l.voter)
		}
	}
	return s
}

// chooseEpoch fixes the epoch when a quorum has said which it has accepted. The early ones of stepLooking may have all
// come before this server's turn, so it is asked after each.
func (n *Node) chooseEpoch() {
	if !n.lead.choosing || !n.enough(n.voters(func(*learner) bool { return true })) {
		return
	}
	n.lead.choosing = false
	n.saveAccepted(n.lead.epoch)
	n.nameFirst()
	n.status.Epoch = n.lead.epoch
	for _, l := range n.lead.learners {
		n.invite(l)
	}
	n.finishDiscovery()
}

// ackEpoch takes ACKEPOCH: the learner's current epoch and last zxid.
func (n *Node) ackEpoch(l *learner, m Message) error {
	current, ok := decodeInt32(m.Data)
	switch {
	case !ok:
		return n.cutOff(l, m, fmt.Sprintf("%d bytes of data, 4 are needed", len(m.Data)))
	case l.stage != stageInvited:
		return n.cutOff(l, m, "not asked for")
	case m.Zxid < 0 || current < noEpoch:
		return n.cutOff(l, m, "negative zxid or epoch")
	}
	l.last, l.stage, l.counted = m.Zxid, stageAcked, current != noEpoch
	if n.lead.elected {
		n.startSync(l)
		return nil
	}
	// Zab, DSN 2011, section 4, phase 1: the initial history is the newest of the quorum's. Ours is not, so another leads.
	if l.counted && l.voter >= 0 && newer(uint32(current), m.Zxid, n.lead.startCurrent, n.w.lastZxid()) {
		n.el.Await(l.sid)
		n.lost(l.sid, fmt.Sprintf("server %d has newer history: epoch %d zxid %s, here epoch %d zxid %s",
			l.sid, current, m.Zxid, n.lead.startCurrent, n.w.lastZxid()))
		return nil
	}
	n.finishDiscovery()
	if !n.lead.elected {
		n.checkSupport()
	}
	return nil
}

func newer(e1 uint32, z1 Zxid, e2 uint32, z2 Zxid) bool { return e1 > e2 || (e1 == e2 && z1 > z2) }

// finishDiscovery begins synchronization when a quorum has acknowledged the epoch and this server's own history is on
// disk: it takes the epoch as current and brings everybody to its history.
func (n *Node) finishDiscovery() {
	if n.lead.choosing || n.lead.elected || n.persisted < n.w.lastZxid() {
		return
	}
	if !n.enough(n.voters(func(l *learner) bool { return l.counted && l.stage >= stageAcked })) {
		return
	}
	n.lead.elected = true
	n.lead.lastProposed = n.lead.newLeaderZxid()
	n.lead.nextPing = n.now + uint64(n.cfg.PingTicks)
	n.saveCurrent(n.lead.epoch)
	n.status.Phase = Synchronization
	for _, l := range n.lead.learners {
		if l.stage == stageAcked {
			n.startSync(l)
		}
	}
	n.establish()
}

// establish opens the epoch when a quorum has the initial history and says so: only now is it committed.
func (n *Node) establish() {
	if !n.lead.elected || n.status.Phase == Broadcast ||
		!n.enough(n.voters(func(l *learner) bool { return l.stage >= stageSynced })) {
		return
	}
	n.status.Phase = Broadcast
	n.el.Settle(Leading, int64(n.lead.epoch))
	n.commitTo(n.w.lastZxid())
	n.event(EventStarted, quorum.None, n.lead.lastProposed, "leading")
	for _, l := range n.lead.learners {
		if l.stage == stageSynced {
			n.upToDateTo(l)
		}
	}
	if !n.outstanding() {
		return
	}
	// The whole history is committed now, and with it the configuration it proposes.
	n.activate(n.seen)
	if quorum.Index(n.q, n.cfg.ID) < 0 {
		n.lost(quorum.None, fmt.Sprintf("configuration %x has this server without a vote", uint64(n.active.Version)))
		return
	}
	n.checkSupport()
}

func (n *Node) upToDateTo(l *learner) {
	l.stage = stageActive
	n.send(Message{Type: UpToDate, To: l.sid, Link: l.link, Zxid: -1})
	n.include(l)
}

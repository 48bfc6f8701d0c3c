package zab

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// step is what a learner waits for.
type step int

const (
	wantLeaderInfo step = iota
	wantSync            // DIFF, TRUNC or SNAP
	wantNewLeader       // proposals, commits, NEWLEADER
	wantDisk            // NEWLEADER has come: the history must be synced before it is acknowledged
	wantUpToDate
	active
)

// follower is what a server knows while it follows or observes.
type follower struct {
	up        Sid // where its data come from: the leader, or the follower that an observer has joined
	step      step
	epoch     uint32             // the leader's
	started   uint64             // tick
	heard     uint64             // tick of the leader's last message
	commit    uint64             // position in the window behind the last entry the leader has said is committed
	ack       uint64             // position of the next proposal to acknowledge
	initial   Zxid               // end of the history that NEWLEADER covers
	told      *quorum.Membership // the configuration in NEWLEADER; nil if none
	activated *quorum.Membership // by COMMITANDACTIVATE during the synchronization; nil if none
	relay     relay              // the observers it serves
	probe     probe              // of an observer that has joined the leader: the follower it would rather join
}

// startFollowing begins discovery from the other side: it tells the leader which epoch it has accepted.
func (n *Node) startFollowing(sid Sid) {
	n.status.Role, n.status.Phase, n.status.Leader = Following, Discovery, sid
	t := FollowerInfo
	n.takePart()
	if n.observer {
		n.status.Role, t = Observing, ObserverInfo
	}
	n.el.Settle(n.status.Role, -1)
	n.links++
	n.link = n.links
	up, relayed := n.master(sid)
	n.follow = follower{up: up, step: wantLeaderInfo, started: n.now, heard: n.now}
	for _, m := range n.takeEarly() {
		if !m.Relay || n.relayJoin(m) != nil {
			n.drop(m.From, m.Link)
		}
	}
	if relayed {
		n.event(EventStarted, up, n.w.lastZxid(), fmt.Sprintf("joining a follower of leader %d", sid))
	} else {
		n.event(EventStarted, sid, n.w.lastZxid(), "joining the elected leader")
	}
	n.sendInfo(t, Link{Peer: up, Link: n.link}, relayed)
}

// sendInfo asks a leader, or one of its followers, to take this server.
func (n *Node) sendInfo(t Type, to Link, relayed bool) {
	info := LearnerInfo{Sid: n.cfg.ID, ProtocolVersion: ProtocolVersion, ConfigVersion: n.configVersion()}
	n.send(Message{
		Type: t, Relay: relayed, To: to.Peer, Link: to.Link, Zxid: zkproto.MakeZxid(n.hard.AcceptedEpoch, 0), Data: info.AppendTo(nil),
	})
}

// abandon leaves a leader whose message breaks the protocol.
func (n *Node) abandon(m Message, reason string) error {
	err := n.refuse(m, reason)
	n.lost(m.From, err.Error())
	return err
}

// stepFollower takes what the leader says.
func (n *Node) stepFollower(m Message) error {
	if m.Type == FollowerInfo || m.Type == ObserverInfo {
		if m.Relay {
			return n.relayJoin(m)
		}
		if n.outstanding() {
			return n.remember(m) // this server may be designated, and have heard of it last
		}
		n.event(EventIgnored, m.From, m.Zxid, m.Type.String()+" to a server that does not lead")
		n.drop(m.From, m.Link)
		return nil
	}
	if m.From != n.follow.up || m.Link != n.link {
		if n.follow.probe.is(Link{Peer: m.From, Link: m.Link}) {
			return n.probed(m)
		}
		if l := n.follow.relay.find(m.From); l != nil && l.link == m.Link {
			return n.stepRelay(l, m)
		}
		n.event(EventIgnored, m.From, m.Zxid, m.Type.String()+" by a link that is not in use")
		return nil
	}
	n.follow.heard = n.now
	switch m.Type {
	case LeaderInfo:
		return n.acceptEpoch(m)
	case Diff, Trunc, Snap:
		return n.beginSync(m)
	case Proposal:
		n.Progress(Link{Peer: m.From, Link: m.Link})
		return n.takeEntry(m, false, m.From)
	case Inform:
		n.Progress(Link{Peer: m.From, Link: m.Link})
		return n.takeEntry(m, true, m.From)
	case Commit:
		return n.commitOne(m, m.From)
	case CommitAndActivate, InformAndActivate:
		return n.activation(m)
	case NewLeader:
		return n.newLeader(m)
	case UpToDate:
		return n.upToDate(m)
	case Ping:
		n.pong(m)
		return nil
	case Revalidate, Sync:
		if n.follow.step != active {
			return n.abandon(m, "before UPTODATE")
		}
		if m.Type == Revalidate || !n.relaySync(m) {
			n.forward(m)
		}
		return nil
	default:
		return n.abandon(m, "a leader does not send this")
	}
}

// acceptEpoch takes LEADERINFO. The promise not to join older leaders is on disk before ACKEPOCH is sent: both are in
// the same Ready.
func (n *Node) acceptEpoch(m Message) error {
	if n.follow.step != wantLeaderInfo {
		return n.abandon(m, "a second time")
	}
	if v, ok := decodeInt32(m.Data); !ok || v < ProtocolVersion {
		return n.abandon(m, "protocol version older than Zab 1.0")
	}
	epoch, current := m.Zxid.Epoch(), noEpoch
	switch {
	case m.Zxid < 0:
		return n.abandon(m, "negative zxid")
	case epoch < n.hard.AcceptedEpoch:
		return n.abandon(m, fmt.Sprintf("epoch %d is older than the accepted epoch %d", epoch, n.hard.AcceptedEpoch))
	case epoch > n.hard.AcceptedEpoch:
		current = int32(n.hard.CurrentEpoch)
		n.saveAccepted(epoch)
	}
	n.follow.epoch, n.follow.step = epoch, wantSync
	n.status.Epoch, n.status.Phase = epoch, Synchronization
	n.send(Message{Type: AckEpoch, To: m.From, Link: n.link, Zxid: n.joinZxid(), Data: appendInt32(current)})
	return nil
}

// askSnapshot is a zxid that no log reaches back to, and that is no beginning of an epoch: any leader, also an original
// one, sends a snapshot to a learner that says its log ends there.
const askSnapshot Zxid = 1

// joinZxid is where this server says that its log ends. It may only say less than the truth to a leader that has the newer
// history: discovery depends on it.
func (n *Node) joinZxid() Zxid {
	last := n.w.lastZxid()
	if !n.wantSnap || n.self >= 0 && newer(n.hard.CurrentEpoch, last, uint32(max(0, n.vote.PeerEpoch)), n.vote.Zxid) {
		return last
	}
	return askSnapshot
}

// beginSync takes DIFF, TRUNC or SNAP: this server's history becomes a prefix of the leader's.
func (n *Node) beginSync(m Message) error {
	switch {
	case n.follow.step != wantSync:
		return n.abandon(m, "not at this point")
	case m.Zxid < 0 || m.Zxid.Epoch() > n.follow.epoch:
		return n.abandon(m, fmt.Sprintf("impossible zxid %s", m.Zxid))
	case m.Type != Diff && m.Zxid < n.known:
		return n.abandon(m, fmt.Sprintf("it would undo what is committed here, up to %s", n.known))
	case m.Type == Trunc && m.Zxid > n.w.lastZxid():
		return n.abandon(m, fmt.Sprintf("the log ends at %s already", n.w.lastZxid()))
	case m.Type == Trunc && m.Zxid > n.w.base && n.w.before(n.w.search(m.Zxid)) != m.Zxid:
		return n.abandon(m, "the log has no such entry")
	case m.Type == Trunc && m.Zxid < n.bottom:
		n.wantSnap = true
		return n.abandon(m, fmt.Sprintf("the state cannot be taken back behind the snapshot at %s: a snapshot of the leader's is needed", n.bottom))
	}
	switch m.Type {
	case Trunc:
		n.truncateTo(m.Zxid)
	case Snap:
		n.installSnapshot(Snapshot{Zxid: m.Zxid, From: m.From, Link: m.Link})
	default:
	}
	n.event(EventSync, m.From, m.Zxid, m.Type.String()+" from the leader")
	n.follow.step = wantNewLeader
	n.follow.commit, n.follow.ack = n.w.last, n.w.last
	return nil
}

// activation takes COMMITANDACTIVATE or INFORMANDACTIVATE: the entry is a reconfiguration, in force from here on, and the
// leader has designated who leads under it.
func (n *Node) activation(m Message) error {
	leader, rest, ok := decodeActivation(m.Data)
	switch {
	case !ok:
		return n.abandon(m, "it does not name the leader")
	case m.Type == CommitAndActivate:
		return n.commitOne(m, leader)
	}
	m.Data = rest
	return n.takeEntry(m, true, leader)
}

// takeEntry takes one proposal, or for observers one entry that is committed already. Leader is who leads after it.
func (n *Node) takeEntry(m Message, committed bool, leader Sid) error {
	last := n.w.lastZxid()
	switch {
	case n.follow.step < wantNewLeader:
		return n.abandon(m, "before DIFF, TRUNC or SNAP")
	case m.Zxid <= last && committed:
		return n.commitOne(m, leader) // the proposal came during the sync
	case m.Zxid <= last:
		// Harmless: the history has this place filled, and the same leader filled it.
		n.event(EventIgnored, m.From, m.Zxid, "proposal came twice")
		return nil
	case m.Zxid.Epoch() > n.follow.epoch:
		return n.abandon(m, fmt.Sprintf("zxid %s is of an epoch after the leader's", m.Zxid))
	case m.Zxid.Epoch() == last.Epoch() && m.Zxid != last+1:
		return n.abandon(m, fmt.Sprintf("zxid %s leaves a gap behind %s", m.Zxid, last))
	case n.observer != committed && (committed || n.follow.step == active):
		return n.abandon(m, "not for this kind of learner")
	}
	n.append(Entry{Zxid: m.Zxid, Data: m.Data})
	if config, ok := n.peek(m.Data); ok {
		n.see(config)
	}
	if committed {
		return n.commitOne(m, leader)
	}
	return nil
}

// commitOne takes a COMMIT. It must be for the next proposal: if there is none the sync has a hole, and going on with it
// would spread the hole (survey of ZOOKEEPER-4394 and 4925: the original only warns).
func (n *Node) commitOne(m Message, leader Sid) error {
	f := &n.follow
	switch {
	case f.step < wantNewLeader:
		return n.abandon(m, "before DIFF, TRUNC or SNAP")
	case m.Zxid <= n.w.before(f.commit):
		n.event(EventIgnored, m.From, m.Zxid, "commit came twice")
		return nil
	case f.commit == n.w.last || n.w.at(f.commit).Zxid != m.Zxid:
		return n.abandon(m, fmt.Sprintf("commit of %s without a matching proposal", m.Zxid))
	}
	f.commit++
	config, activates := (*quorum.Membership)(nil), m.Type == CommitAndActivate || m.Type == InformAndActivate
	if activates {
		config, activates = n.peek(n.w.at(f.commit - 1).Data)
	}
	if f.step == active {
		n.relayCommit(n.w.at(f.commit-1), m.Type == CommitAndActivate, leader)
		n.commitTo(m.Zxid)
		n.relayWaiting()
	}
	switch {
	case !activates:
	case f.step == active:
		n.committedConfig(config, leader)
	default:
		f.activated = config
	}
	return nil
}

// newLeader takes NEWLEADER: the leader's initial history is complete.
func (n *Node) newLeader(m Message) error {
	switch {
	case n.follow.step != wantNewLeader:
		return n.abandon(m, "not at this point")
	case m.Zxid != zkproto.MakeZxid(n.follow.epoch, 0):
		return n.abandon(m, fmt.Sprintf("epoch %d was agreed, this is %s", n.follow.epoch, m.Zxid))
	}
	n.follow.step, n.follow.initial = wantDisk, n.w.lastZxid()
	n.follow.ack = n.follow.commit // what is committed already needs no ACK
	n.newLeaderConfig(m.Data)
	n.persistedFollower()
	return nil
}

// persistedFollower acknowledges what is on disk: first, once, NEWLEADER, with the epoch made current before the ACK goes
// (ZOOKEEPER-3911, 4643, 4646, 4785); then each proposal.
func (n *Node) persistedFollower() {
	f := &n.follow
	if f.step == wantDisk {
		if n.persisted < f.initial {
			return
		}
		n.saveCurrent(f.epoch)
		f.step = wantUpToDate
		n.send(Message{Type: Ack, To: f.up, Link: n.link, Zxid: zkproto.MakeZxid(f.epoch, 0)})
	}
	if f.step < wantUpToDate || n.observer {
		return
	}
	for f.ack = max(f.ack, n.w.first); f.ack < n.w.last && n.w.at(f.ack).Zxid <= n.persisted; f.ack++ {
		n.send(Message{Type: Ack, To: f.up, Link: n.link, Zxid: n.w.at(f.ack).Zxid})
	}
}

// upToDate takes UPTODATE: a quorum has the initial history, so it is committed, and clients may come.
func (n *Node) upToDate(m Message) error {
	if n.follow.step == active {
		n.event(EventIgnored, m.From, m.Zxid, "UPTODATE came twice")
		return nil
	}
	if n.follow.step != wantUpToDate {
		return n.abandon(m, "before NEWLEADER was acknowledged")
	}
	n.follow.step = active
	n.status.Phase = Broadcast
	n.el.Settle(n.status.Role, int64(n.follow.epoch))
	n.send(Message{Type: Ack, To: m.From, Link: n.link, Zxid: zkproto.MakeZxid(n.follow.epoch, 0)})
	n.known = max(n.known, n.w.before(n.follow.commit))
	n.commitTo(n.w.before(n.follow.commit))
	if n.upToDateConfig() {
		n.event(EventStarted, m.From, n.known, "in sync with the leader")
		n.relayOpen()
		n.planProbe()
	}
	return nil
}

// noData is empty but there: an original leader fails on the answer to a PING whose data is absent (length -1).
var noData = []byte{}

// pong answers a ping that came after UPTODATE, and no other: the leader counts (Confirm).
func (n *Node) pong(m Message) {
	if n.follow.step < active {
		return
	}
	data := n.pingData
	if data == nil {
		data = noData
	}
	n.send(Message{Type: Ping, To: m.From, Link: n.link, Zxid: m.Zxid, Data: data})
	n.pingData = nil
}

func (n *Node) tickFollower() {
	if n.follow.step < active {
		if n.now-n.follow.started >= uint64(n.cfg.InitTicks) {
			n.lost(quorum.None, fmt.Sprintf("not in sync with server %d within %d ticks", n.follow.up, n.cfg.InitTicks))
		}
		return
	}
	if n.now-n.follow.heard >= uint64(n.cfg.SyncTicks) {
		n.lost(n.follow.up, fmt.Sprintf("leader silent for %d ticks", n.cfg.SyncTicks))
		return
	}
	n.tickRelay()
	n.tickProbe()
}

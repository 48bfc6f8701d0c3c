package zab

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// An observer joins the leader only when no follower takes it (relay.go). Then it looks for one by and by, and moves. It holds
// on to the leader until a follower has answered, so that its clients wait only for what lies between two servers that are
// both in sync: a DIFF of next to nothing.
//
//	ReturnTicks, and up to as much again by its id     observers that have lost one follower do not come back at once
//	OBSERVERINFO  ---> a follower, by a second link    no answer within SyncTicks, or the link ends: the next one, later
//	LEADERINFO    <--- of the same epoch               CanMove
//	Move               the first link ends, Status.Changes; ACKEPOCH by the second one, and so on
//
// When to move is up to the caller: requests that have been sent by the first link would be of unknown fate, for the same
// leader may still propose them. (The original's observers stay where they are.)

// probe is the follower that an observer would rather join.
type probe struct {
	link Link     // zero: none is asked
	at   uint64   // tick at which it was asked, or the next one is to be; 0: none will
	last Sid      // who was asked last
	info *Message // its LEADERINFO
}

func (p *probe) is(l Link) bool { return p.link != Link{} && p.link == l }

// planProbe sets the time of the next question.
func (n *Node) planProbe() {
	p := &n.follow.probe
	p.link, p.info, p.at = Link{}, nil, 0
	if n.cfg.ReturnTicks > 0 && n.cfg.ObserverMaster && n.observer && n.follow.up == n.status.Leader && len(n.masters(n.status.Leader)) > 0 {
		spread := (uint64(n.cfg.ID)*2654435761 + n.links*40503) >> 4 % uint64(n.cfg.ReturnTicks)
		p.at = n.now + uint64(n.cfg.ReturnTicks) + spread
	}
}

// masters are the followers there may be, in the order in which this observer asks them.
func (n *Node) masters(leader Sid) []Sid {
	list := slices.Clone(n.q.Voters())
	slices.SortFunc(list, cmp.Compare[Sid])
	list = slices.DeleteFunc(list, func(s Sid) bool { return s == leader })
	if len(list) == 0 {
		return nil
	}
	first := int(n.cfg.ID % Sid(len(list)))
	return slices.Concat(list[first:], list[:first])
}

func (n *Node) tickProbe() {
	p := &n.follow.probe
	switch {
	case p.at == 0:
	case p.link != Link{}:
		if n.now-p.at > uint64(n.cfg.SyncTicks) && p.info == nil {
			n.drop(p.link.Peer, p.link.Link)
			n.probeFailed(fmt.Sprintf("no answer within %d ticks", n.cfg.SyncTicks))
		}
	case n.now >= p.at:
		list := n.masters(n.status.Leader)
		if len(list) == 0 {
			n.planProbe()
			return
		}
		next := 0
		if i := slices.Index(list, p.last); i >= 0 {
			next = (i + 1) % len(list)
		}
		n.links++
		*p = probe{link: Link{Peer: list[next], Link: n.links}, at: n.now, last: list[next]}
		n.sendInfo(ObserverInfo, p.link, true)
	}
}

// probeDue is the tick at which tickProbe has something to do, before due.
func (n *Node) probeDue(due uint64) uint64 {
	switch p := &n.follow.probe; {
	case p.at == 0 || p.info != nil:
		return due
	case p.link != Link{}:
		return min(due, p.at+uint64(n.cfg.SyncTicks)+1)
	default:
		return min(due, p.at)
	}
}

// probed takes what the follower says: nothing but LEADERINFO comes before it is answered.
func (n *Node) probed(m Message) error {
	p := &n.follow.probe
	if m.Type != LeaderInfo || p.info != nil || m.Zxid.Epoch() != n.follow.epoch {
		n.drop(m.From, m.Link)
		n.probeFailed(fmt.Sprintf("%s %s", m.Type, m.Zxid))
		return nil
	}
	p.info = &m
	return nil
}

func (n *Node) probeFailed(reason string) {
	n.event(EventIgnored, n.follow.probe.link.Peer, n.known, "it does not take this observer: "+reason)
	n.planProbe()
}

// endProbe ends with the role.
func (n *Node) endProbe() {
	if p := &n.follow.probe; p.link != (Link{}) {
		n.drop(p.link.Peer, p.link.Link)
	}
}

// CanMove tells whether this observer has joined the leader and a follower waits for it, so that Move will do something.
func (n *Node) CanMove() bool { return n.follow.probe.info != nil }

// Move leaves the leader for the follower that has answered. What was sent to the leader and is not answered should not
// be sent again: the same leader may propose it yet.
func (n *Node) Move() {
	p := n.follow.probe
	if p.info == nil {
		return
	}
	n.follow.probe = probe{}
	n.leave(p.link.Peer, fmt.Sprintf("moving from the leader to its follower %d", p.link.Peer))
	n.follow = follower{up: p.link.Peer, step: wantLeaderInfo, started: n.now, heard: n.now}
	n.link = p.link.Link
	n.status.Phase = Discovery
	n.failed, n.left = nil, quorum.None
	if err := n.acceptEpoch(*p.info); err != nil {
		n.event(EventIgnored, p.link.Peer, p.info.Zxid, err.Error())
	}
}

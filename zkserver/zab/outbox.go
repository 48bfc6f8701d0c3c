package zab

import (
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// buffers hold what the next Ready hands out.
type buffers struct {
	entries   []Entry
	messages  []Message
	committed []Entry
	forwarded []Message
	drop      []Link
	events    []Event
}

// outbox collects results. There are two sets of buffers: one is being filled while the driver works through the other, so
// that nothing is allocated per entry.
type outbox struct {
	b   [2]buffers
	cur int

	reported                  Status
	install                   *Snapshot
	truncate                  *Zxid
	saveAccepted, saveCurrent bool
	activeConfig, seenConfig  *quorum.Membership
	heardConfig               *quorum.Membership
	votes                     []election.Notification // scratch
}

func (b *buffers) reset() {
	clear(b.entries)
	clear(b.messages)
	clear(b.committed)
	clear(b.forwarded)
	clear(b.drop)
	clear(b.events)
	b.entries, b.messages, b.committed = b.entries[:0], b.messages[:0], b.committed[:0]
	b.forwarded, b.drop, b.events = b.forwarded[:0], b.drop[:0], b.events[:0]
}

func (n *Node) send(m Message) {
	m.From = n.cfg.ID
	b := &n.out.b[n.out.cur]
	b.messages = append(b.messages, m)
}

func (n *Node) forward(m Message) {
	m.After = n.known
	b := &n.out.b[n.out.cur]
	b.forwarded = append(b.forwarded, m)
}

func (n *Node) drop(peer Sid, link uint64) {
	b := &n.out.b[n.out.cur]
	b.drop = append(b.drop, Link{Peer: peer, Link: link})
}

func (n *Node) event(k EventKind, peer Sid, z Zxid, reason string) {
	b := &n.out.b[n.out.cur]
	b.events = append(b.events, Event{Kind: k, Peer: peer, Zxid: z, Reason: reason})
}

// refuse reports a malformed message.
func (n *Node) refuse(m Message, reason string) error {
	err := &MessageError{Type: m.Type, From: m.From, Reason: reason}
	n.event(EventIgnored, m.From, m.Zxid, err.Error())
	return err
}

func (n *Node) saveAccepted(epoch uint32) {
	n.hard.AcceptedEpoch = epoch
	n.out.saveAccepted = true
}

func (n *Node) saveCurrent(epoch uint32) {
	n.hard.CurrentEpoch = epoch
	n.out.saveCurrent = true
}

// truncateTo cuts the history behind z, and what is to be logged of it.
func (n *Node) truncateTo(z Zxid) {
	n.w.cut(z)
	b := &n.out.b[n.out.cur]
	b.entries = cutEntries(b.entries, z)
	n.persisted = z
	if n.out.install != nil && n.out.install.Zxid == z {
		return // the snapshot replaces the log anyhow
	}
	n.out.truncate = &z
}

// installSnapshot replaces the history by a snapshot.
func (n *Node) installSnapshot(s Snapshot) {
	n.w.reset(s.Zxid)
	n.bottom, n.wantSnap = s.Zxid, false
	b := &n.out.b[n.out.cur]
	b.entries = cutEntries(b.entries, -1)
	n.persisted = s.Zxid
	n.out.truncate = nil
	n.out.install = &s
}

// HasReady tells whether Ready has something to do.
func (n *Node) HasReady() bool {
	o, b := &n.out, &n.out.b[n.out.cur]
	return len(b.entries)+len(b.messages)+len(b.committed) > 0 ||
		len(b.forwarded)+len(b.drop)+len(b.events) > 0 ||
		o.install != nil || o.truncate != nil || o.saveAccepted || o.saveCurrent ||
		o.activeConfig != nil || o.seenConfig != nil || o.heardConfig != nil ||
		o.reported != n.status || (n.el != nil && n.el.Pending())
}

// Ready takes what there is to do. It is handed out once: the node counts on it being done before the next call.
func (n *Node) Ready() Ready {
	o := &n.out
	if n.el != nil && n.el.Pending() {
		o.votes = n.el.Take(o.votes[:0])
		for i := range o.votes {
			v := o.votes[i]
			n.send(Message{Type: Notification, To: v.To, Vote: &v})
		}
		clear(o.votes)
	}
	b := &o.b[o.cur]
	r := Ready{
		Status: n.status, StatusChanged: o.reported != n.status,
		Install: o.install, Truncate: o.truncate,
		Entries:   b.entries,
		HardState: n.hard, SaveAccepted: o.saveAccepted, SaveCurrent: o.saveCurrent,
		ActiveConfig: o.activeConfig, SeenConfig: o.seenConfig, HeardConfig: o.heardConfig,
		Messages: b.messages, Committed: b.committed,
		Forwarded: b.forwarded, Drop: b.drop, Events: b.events,
	}
	if len(b.committed) > 0 {
		r.CommittedTo = b.committed[len(b.committed)-1].Zxid
	}
	o.reported = n.status
	o.install, o.truncate, o.saveAccepted, o.saveCurrent = nil, nil, false, false
	o.activeConfig, o.seenConfig, o.heardConfig = nil, nil, nil
	o.cur ^= 1
	o.b[o.cur].reset()
	return r
}

package replica

import (
	"bytes"
	"fmt"
	"math"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// revalidation is a question to the leader whether a session lives, and makes this server its owner.
type revalidation struct {
	session zkproto.SessionID
	from    any
	connect *Connect // nil: for a client that stayed over a change of leader
	relay   zab.Link // for an observer that this follower serves; connect and from are nil then
	timeout int32    // of that
}

// left is a session whose client has gone since the last ping, and was heard of before.
type left struct {
	session zkproto.SessionID
	timeout int32
}

// never is a time before all others.
const never = math.MinInt64

// forward sends an item to the leader. What is malformed does not get there: an original would log it under a zxid that
// is in use.
func (r *Replica) forward(it *item, body []byte) {
	switch {
	case it.from == nil && it.op != zkproto.OpCreateSession:
		return // the leader has its own
	case it.kind == kindTxn && !prep.WellFormed(it.op, body):
		it.kind, it.err = kindReply, zkproto.ErrMarshallingError
	}
	if it.kind == kindReply {
		r.queue.Push(*it)
		return
	}
	r.keep(it, body)
	if s := r.seats.of(it.session); s != nil && s.stale {
		r.show(s)
	}
	it.epoch = r.epoch
	m := r.packet(zab.Request, it.data, it.ids)
	if it.kind == kindSync {
		it.sent = r.node.SendSync(m, zab.Link{}) == nil
	} else {
		it.sent = r.node.Send(m) == nil
	}
	r.queue.Push(*it)
}

// packet is one to the leader, or to the follower that this observer has joined. Sending it fails only when the role has
// ended, and then everything is sent again in the next.
func (r *Replica) packet(t zab.Type, data []byte, ids []zkproto.ID) zab.Message {
	return zab.Message{Type: t, To: r.node.Upstream(), Zxid: -1, Data: data, Auth: ids}
}

// revalidate asks the leader for a session that a client wants to continue.
func (r *Replica) revalidate(c *Connect) {
	kept := *c
	kept.Password = bytes.Clone(c.Password)
	r.question(c.Session, c.Timeout, revalidation{session: c.Session, from: c.From, connect: &kept})
}

// show makes a session that stayed known to the new leader. What follows on the link is judged after that.
func (r *Replica) show(s *seat) {
	s.stale = false
	r.question(s.session, s.timeout, revalidation{session: s.session, from: s.from})
}

func (r *Replica) question(id zkproto.SessionID, timeout int32, v revalidation) {
	r.pending.Push(v)
	// If it fails, the role has ended, and all questions are asked again.
	_ = r.node.Send(r.packet(zab.Revalidate, r.cut(appendTouch(r.room(touchSize), id, timeout)), nil))
}

// revalidated takes the leader's answer. They come in the order of the questions.
func (r *Replica) revalidated(m *zab.Message) {
	id, valid, ok := decodeValid(m.Data)
	front := r.pending.Front()
	if !ok || front == nil || front.session != id {
		r.bad(m, "no such session was asked for")
		return
	}
	v, _ := r.pending.Pop()
	switch s := r.seats.of(id); {
	case v.relay != zab.Link{}:
		r.relayed(&v, m.Data, valid)
	case v.connect != nil && valid:
		r.seatDown(v.from, id, v.connect.Timeout, false)
	case v.connect != nil:
		r.host.Refused(v.from, ErrExpired)
	case !valid && s != nil && s.from == v.from:
		r.leave(s, ErrExpired)
	}
}

// leave closes a client.
func (r *Replica) leave(s *seat, reason error) {
	r.seats.remove(s)
	if s.creating {
		r.host.Refused(s.from, reason)
		return
	}
	r.host.Close(s.from, reason)
}

// touches is what the answer to a PING carries: the sessions heard of since the last one. The first one in a role has all.
func (r *Replica) touches() []byte {
	var b []byte
	if n := len(r.seats.list) + len(r.left); n > 0 {
		b = make([]byte, 0, n*touchSize)
	}
	for _, s := range r.seats.list {
		if s.local || s.creating {
			continue
		}
		if heard := r.host.Heard(s.from); heard > s.reported {
			s.reported = heard
			b = appendTouch(b, s.session, s.timeout)
		}
	}
	for _, l := range r.left {
		b = appendTouch(b, l.session, l.timeout)
	}
	r.left = r.left[:0]
	return b
}

// bad reports a message that cannot be understood.
func (r *Replica) bad(m *zab.Message, reason string) {
	r.host.Event(Event{Kind: EventBadMessage, Reason: fmt.Sprintf("%s from server %d: %s", m.Type, m.From, reason)})
}

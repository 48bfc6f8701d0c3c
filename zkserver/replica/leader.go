package replica

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// passedOn takes the messages that zab does not look into.
func (r *Replica) passedOn(messages []zab.Message) {
	for i := range messages {
		m := &messages[i]
		switch {
		case m.Relay:
			r.relay(m)
		case r.role == roleLeader && m.Type == zab.Request:
			r.requested(m)
		case r.role == roleLeader && m.Type == zab.Revalidate:
			r.asked(m)
		case r.role == roleLeader && m.Type == zab.Ping:
			r.touched(m)
		case r.role == roleLearner && m.Type == zab.Revalidate:
			r.revalidated(m)
		}
	}
}

// requested takes a learner's REQUEST: prepared and proposed, or a sync.
func (r *Replica) requested(m *zab.Message) {
	session, xid, op, body, ok := decodeRequest(m.Data)
	switch {
	case !ok:
		r.bad(m, "too short")
		return
	case op == zkproto.OpSync:
		r.node.SyncLearner(m.From, m.Link)
		return
	case !op.IsWrite():
		r.bad(m, "a learner does not forward "+op.String())
		return
	case r.spent:
		return // the next leader gets it again
	}
	it := item{op: op, session: session, xid: xid}
	r.ask = prep.Request{Session: session, Owner: ownerOf(m.From), Cxid: xid, Op: op, Body: body, IDs: m.Auth}
	r.prepare(&it)
}

// asked takes a learner's REVALIDATE: if the session lives, it is the learner's from now on.
func (r *Replica) asked(m *zab.Message) {
	id, timeout, ok := decodeTouch(m.Data)
	if !ok {
		r.bad(m, "too short")
		return
	}
	valid := r.sessions.Touch(id, timeout, r.now.Mono) && r.sessions.SetOwner(id, ownerOf(m.From)) == zkproto.ErrOK
	if s := r.seats.of(id); valid && s != nil && !s.local {
		r.leave(s, ErrMoved)
	}
	data := r.cut(appendValid(r.room(validSize), id, valid))
	// A learner that is gone since needs no answer.
	_ = r.node.Send(zab.Message{Type: zab.Revalidate, To: m.From, Zxid: m.Zxid, Data: data})
}

// touched takes the sessions that a learner has heard of.
func (r *Replica) touched(m *zab.Message) {
	for b := m.Data; len(b) > 0; b = b[touchSize:] {
		id, timeout, ok := decodeTouch(b)
		if !ok {
			r.bad(m, "it does not end with a session and its timeout")
			return
		}
		r.sessions.Touch(id, timeout, r.now.Mono)
	}
}

// awaitQuorum notes what a sync waits for besides its turn: that a quorum still follows.
func (r *Replica) awaitQuorum(it *item) {
	it.sent, it.epoch = true, r.epoch
	if !r.alone {
		it.round = r.node.Confirm()
	}
}

// syncDone tells whether a sync that is first in the queue may be answered. On a learner that is so when its SYNC has
// come: everything committed before has been applied by then.
func (r *Replica) syncDone(it *item) bool {
	switch {
	case r.alone:
		return true
	case r.role == roleLeader:
		return it.sent && it.round <= r.node.Confirmed()
	default:
		return r.marks.Len() > 0
	}
}

// syncBefore tells whether the first sync of the queue comes before an entry that is about to be applied.
func (r *Replica) syncBefore(z zkproto.Zxid) bool {
	mark := r.marks.Front()
	return mark != nil && *mark < z
}

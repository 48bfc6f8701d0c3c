package replica

import (
	"encoding/binary"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Submit takes a write or a sync. It will be answered by Host.Answer, in the order in which the client asked, or its
// client is closed. Nothing of q is kept but IDs; Body may be reused at once.
func (r *Replica) Submit(q *Request) {
	it := makeItem(q)
	switch {
	case r.alone:
		r.lead(&it, q.Body)
	case r.role != roleNone && (!r.moving || it.from == nil):
		r.dispatch(&it, q.Body)
	case (r.mode == ModeHeld || r.moving) && it.from != nil:
		r.keep(&it, q.Body)
		r.queue.Push(it)
	case r.mode == ModeReadOnly && it.from != nil:
		r.submitReadOnly(&it)
	default:
		r.lost(&it)
	}
}

// dispatch lets an item go its way in the present role. The body may be in a frame.
func (r *Replica) dispatch(it *item, body []byte) {
	if r.local != nil && r.submitLocal(it, body) {
		return
	}
	if r.role == roleLeader {
		r.lead(it, body)
		return
	}
	r.forward(it, body)
}

// keep copies what is needed to send an item again.
func (r *Replica) keep(it *item, body []byte) {
	if it.data == nil {
		size := requestHeader + len(body)
		it.data = r.cut(appendRequest(r.room(size), it.session, it.xid, it.op, body))
	}
}

// lead prepares and proposes an item, or lets it wait for its turn.
func (r *Replica) lead(it *item, body []byte) {
	if it.from != nil && !r.alone {
		r.keep(it, body)
	}
	switch {
	case r.spent:
		it.sent = false // the next leader's
	case it.kind == kindTxn:
		r.ask = prep.Request{Session: it.session, Owner: r.self, Cxid: it.xid, Op: it.op, Body: body, IDs: it.ids}
		r.prepare(it)
		return
	case it.kind == kindSync:
		r.awaitQuorum(it)
	}
	r.queue.Push(*it)
}

// prepare turns the request in r.ask into a transaction, and proposes it. A body that cannot be decoded is answered, in
// its place, without one; a learner gets one that says so, because that is all it understands.
func (r *Replica) prepare(it *item) {
	zxid := r.node.NextZxid()
	if zxid == 0 {
		r.spent = true
		if it.data != nil { // this server's: the next leader gets it
			r.queue.Push(*it)
			return
		}
		r.lost(it)
		return
	}
	if it.op == zkproto.OpCreateSession && len(r.ask.Body) >= 4 {
		r.sessions.Track(it.session, int32(binary.BigEndian.Uint32(r.ask.Body)), r.now.Mono)
	}
	r.work.Prepared++
	it.header, it.txn = r.prep.Prepare(&r.ask, zxid, r.now.Wall)
	switch {
	case it.txn == nil && r.ask.Owner == r.self:
		it.kind, it.err = kindReply, zkproto.ErrMarshallingError
		r.queue.Push(*it)
		return
	case it.txn == nil:
		it.header.Type, it.txn = zkproto.OpError, &zkproto.ErrorTxn{Err: zkproto.ErrMarshallingError}
	case it.header.Type != zkproto.OpError:
		it.digest, _ = r.prep.Digest()
	}
	it.sent, it.epoch = true, r.epoch
	r.propose(it, len(r.ask.Body))
}

// propose gives a prepared transaction its place in history. size is about what it takes encoded.
func (r *Replica) propose(it *item, size int) {
	data := r.cut(AppendTxn(r.room(size+256), &it.header, it.txn, it.digest))
	if err := r.node.Propose(zab.Entry{Zxid: it.header.Zxid, Data: data}); err != nil {
		// NextZxid said it could be: the node has lost its role since, which only an input can do, and all inputs look.
		r.host.Event(Event{Kind: EventBadMessage, Zxid: it.header.Zxid, Reason: err.Error()})
		r.lost(it)
		return
	}
	r.queue.Push(*it)
}

// arenaSize is the size of the pieces that encoded transactions and requests are cut from.
const arenaSize = 256 << 10

// room is memory to append about size bytes to; cut must be called with the result. What is too large for the arena gets
// memory of its own. size is a guess that only costs time when it is wrong.
func (r *Replica) room(size int) []byte {
	if size > arenaSize/8 {
		return make([]byte, 0, size)
	}
	if cap(r.arena)-len(r.arena) < size {
		r.arena = make([]byte, 0, arenaSize)
	}
	return r.arena[len(r.arena):]
}

// cut takes what was appended to room out of the arena.
func (r *Replica) cut(b []byte) []byte {
	if n := len(r.arena) + len(b); n <= cap(r.arena) && len(b) > 0 && &b[0] == &r.arena[:cap(r.arena)][len(r.arena)] {
		r.arena = r.arena[:n]
	}
	return b[:len(b):len(b)]
}

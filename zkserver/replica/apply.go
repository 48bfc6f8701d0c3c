package replica

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Apply makes committed entries visible and answers who waited for them, in order. The tree is locked for writing. Entries
// are those of one Ready, whole or in chunks, in order. An error means that this server's state cannot be trusted: it
// must stop.
func (r *Replica) Apply(entries []zab.Entry) error {
	for i := range entries {
		if err := r.applyEntry(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replica) applyEntry(e *zab.Entry) error {
	if r.role != roleLeader {
		return r.applyForeign(e)
	}
	// What waits for no transaction and stands before this one: syncs among it, which the quorum that has acknowledged a
	// later proposal has confirmed.
	front := r.queue.Front()
	for ; front != nil && front.kind != kindTxn; front = r.queue.Front() {
		r.replyFirst()
	}
	if front == nil || front.header.Zxid != e.Zxid {
		return fmt.Errorf("replica: transaction %s was committed, which this leader has not proposed next", e.Zxid)
	}
	it, _ := r.queue.Pop()
	r.answer = Answer{
		From: it.from, Session: it.session, Op: it.op, Xid: it.xid, Arrived: it.arrived, Size: it.size, Note: it.note,
		Header: it.header, Txn: it.txn,
	}
	r.applyAnswer(it.digest)
	r.prep.Applied(e.Zxid)
	return nil
}

// applyForeign applies an entry that this server has not prepared in its present role. It may be the answer to a request
// that was forwarded, or proposed in a former role.
func (r *Replica) applyForeign(e *zab.Entry) error {
	h, txn, digest, err := DecodeTxn(e.Data)
	if err != nil {
		return fmt.Errorf("replica: entry %s: %w", e.Zxid, err)
	}
	if h.Zxid != e.Zxid {
		return fmt.Errorf("replica: entry %s holds transaction %s", e.Zxid, h.Zxid)
	}
	own(txn)
	for front := r.queue.Front(); front != nil && front.kind != kindTxn; front = r.queue.Front() {
		if r.role == roleNone || front.kind == kindSync && !r.syncBefore(e.Zxid) {
			break
		}
		r.replyFirst()
	}
	at := r.find(&h) // it may answer others, with the same Answer
	r.answer = Answer{Session: h.ClientID, Op: h.Type, Xid: h.Cxid, Header: h, Txn: txn}
	if at != nil {
		a := &r.answer
		a.From, a.Session, a.Op, a.Arrived, a.Size, a.Note = at.from, at.session, at.op, at.arrived, at.size, at.note
		r.queue.Pop()
	}
	r.applyAnswer(digest)
	return nil
}

// find returns the first item of the queue if the transaction is what came of it. Between two roles what waits for no
// transaction is passed over, and answered: it came before something that has happened.
func (r *Replica) find(h *zkproto.TxnHeader) *item {
	front := r.queue.Front()
	if front == nil || r.role != roleNone {
		if front != nil && front.matches(h) {
			return front
		}
		return nil
	}
	n := 0
	for n < r.queue.Len() && r.queue.At(n).kind != kindTxn {
		n++
	}
	if n == r.queue.Len() || !r.queue.At(n).matches(h) {
		return nil
	}
	for range n {
		r.replyFirst()
	}
	return r.queue.Front()
}

// applyAnswer applies the transaction in r.answer and hands it to the host.
func (r *Replica) applyAnswer(digest zkproto.TxnDigest) {
	a := &r.answer
	a.Result = r.tree.Apply(&a.Header, a.Txn, r.notify)
	if digest.Version != 0 && r.tree.Verify(digest) {
		r.host.Event(Event{Kind: EventDigest, Zxid: a.Header.Zxid})
	}
	switch a.Op {
	case zkproto.OpCreateSession, zkproto.OpCloseSession:
		r.sessionChanged()
		r.answer = Answer{}
		return
	case zkproto.OpReconfig:
		if a.Header.Type == zkproto.OpReconfig {
			r.host.Event(Event{Kind: EventReconfig, Zxid: a.Header.Zxid})
		}
	}
	if movedAnswer(a) {
		r.moved(a)
	}
	r.host.Answer(a)
	r.answer = Answer{}
}

// movedAnswer tells whether a request was refused because its session continues on another server.
func movedAnswer(a *Answer) bool {
	if a.Result.Err == zkproto.ErrSessionMoved {
		return a.From != nil
	}
	if a.From == nil || len(a.Result.Multi) == 0 || a.Result.Multi[0].Type != zkproto.OpError {
		return false
	}
	for i := range a.Result.Multi {
		if a.Result.Multi[i].Err == zkproto.ErrSessionMoved {
			return true
		}
	}
	return false
}

// moved gives up a client whose session continues elsewhere.
func (r *Replica) moved(a *Answer) {
	a.Lost = true
	if s := r.seats.of(a.Session); s != nil && s.from == a.From {
		r.seats.remove(s)
		r.host.Close(a.From, ErrMoved)
	}
}

package replica

import (
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// kind is what an item waits for.
type kind uint8

const (
	kindTxn   kind = iota // its transaction
	kindSync              // a sync: that everything before it is applied, and a word of the quorum or the leader
	kindReply             // only its turn: the answer is known
)

// item is a request between its arrival and its answer.
type item struct {
	kind    kind
	null    bool // the path of a sync was null
	sent    bool // proposed or forwarded, in epoch
	local   bool // a closeSession of a local session
	op      zkproto.OpCode
	xid     int32
	err     zkproto.Error // of kindReply
	epoch   uint32
	size    int
	from    any // nil: nobody waits here
	session zkproto.SessionID
	arrived int64
	note    any
	path    string       // of a sync
	round   uint64       // of a sync at the leader: the confirmation it needs
	ids     []zkproto.ID // who asks, to send it again
	data    []byte       // the payload of the REQUEST packet, to send it again; nil when alone
	header  zkproto.TxnHeader
	txn     zkproto.Txn // at the leader, once proposed
	digest  zkproto.TxnDigest
}

// makeItem takes over a request, but for its body.
func makeItem(q *Request) item {
	it := item{
		op: q.Op, xid: q.Xid, size: len(q.Body), from: q.From, session: q.Session, arrived: q.Arrived, note: q.Note, ids: q.IDs,
	}
	if q.Op == zkproto.OpSync {
		it.kind = kindSync
		d := jute.NewDecoder(q.Body)
		path := d.StringView()
		it.path, it.null = string(path), path == nil
		if d.Err() != nil {
			it.kind, it.err = kindReply, zkproto.ErrMarshallingError
		}
	}
	return it
}

// body is the record of an item whose payload was kept.
func (it *item) body() []byte {
	if len(it.data) < requestHeader {
		return nil
	}
	return it.data[requestHeader:]
}

// matches tells whether a transaction is what came of a request.
func (it *item) matches(h *zkproto.TxnHeader) bool {
	return it.kind == kindTxn && it.sent && it.session == h.ClientID && it.xid == h.Cxid &&
		(it.op == h.Type || h.Type == zkproto.OpError || it.op == zkproto.OpDeleteContainer && h.Type == zkproto.OpDelete)
}

// lost ends an item that cannot be answered.
func (r *Replica) lost(it *item) {
	if it.from == nil || it.op == zkproto.OpCreateSession {
		return
	}
	r.answer = Answer{
		From: it.from, Session: it.session, Op: it.op, Xid: it.xid, Arrived: it.arrived, Size: it.size, Note: it.note, Lost: true,
	}
	r.host.Answer(&r.answer)
	r.answer = Answer{}
}

// reply answers an item that has no transaction.
func (r *Replica) reply(it *item) {
	r.answer = Answer{
		From: it.from, Session: it.session, Op: it.op, Xid: it.xid, Arrived: it.arrived, Size: it.size, Note: it.note,
		Path: it.path, NullPath: it.null,
	}
	r.answer.Result.Err = it.err
	r.host.Answer(&r.answer)
	r.answer = Answer{}
	if it.local {
		r.closeLocal(it)
	}
}

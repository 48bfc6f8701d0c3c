package zkserver

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// here is the owner of all sessions that are attached to this server.
const here session.Owner = 1

// request takes the i-th request of a batch: the core's entry for everything that is not answered by a connection itself.
func (s *Server) request(b *pipeline.Batch[*client], i int) {
	r := &b.Requests[i]
	switch r.Op {
	case opConnect:
		s.connect(r)
	case opDetach:
		s.detach(r)
	case opCall:
		r.Extra.(func())()
	case zkproto.OpSync:
		s.core.inflight.Push(syncProposal(r, b.Body(i)))
	default:
		s.prepare(r, b.Body(i))
	}
}

// prepare turns a request into a transaction and proposes it. A request whose body cannot be decoded is answered, in its
// place, without one.
func (s *Server) prepare(r *pipeline.Request[*client], body []byte) {
	c := &s.core
	p := proposal{from: r.From, op: r.Op, xid: r.Xid, arrived: r.Arrived, size: len(body)}
	if s.audit != nil && r.From != nil {
		p.audit = auditable(r, body)
	}
	zxid := c.node.NextZxid()
	p.header, p.txn = c.prep.Prepare(&prep.Request{Session: r.Session, Owner: here, Cxid: r.Xid, Op: r.Op, Body: body, IDs: r.IDs},
		zxid, c.now.UnixMilli())
	if p.txn == nil {
		p.err = zkproto.ErrMarshallingError
		c.inflight.Push(p)
		return
	}
	if p.header.Type != zkproto.OpError {
		p.digest, _ = c.prep.Digest()
	}
	s.propose(p, len(body))
}

// syncProposal is a sync: it is answered when everything proposed before it is applied.
func syncProposal(r *pipeline.Request[*client], body []byte) proposal {
	p := proposal{from: r.From, op: r.Op, xid: r.Xid, arrived: r.Arrived, size: len(body)}
	d := jute.NewDecoder(body)
	path := d.StringView()
	p.path, p.nullPath = string(path), path == nil
	if d.Err() != nil {
		p.err = zkproto.ErrMarshallingError
	}
	return p
}

// answer replies to a request whose transaction was applied, and to the reads that waited behind it. The tree is locked,
// for reading at least.
func (s *Server) answer(p *proposal, res tree.Result) {
	w := p.from
	switch p.op {
	case zkproto.OpCreateSession:
		s.stats.writes.Observe(time.Duration(s.core.now.UnixNano() - p.arrived))
		s.sessionCreated(p)
		return
	case zkproto.OpCloseSession:
		if s.audit != nil {
			s.auditEphemerals(p)
		}
		defer s.sessionClosed(p)
	}
	if p.audit != nil {
		s.auditAnswer(p.audit, &res)
	}
	if w == nil {
		return
	}
	s.throttle.done(p.size)
	w.Lock()
	over := s.answerLocked(w, p, &res)
	w.Unlock()
	s.touched(w)
	if over {
		w.Close(errNotReading)
	}
}

// errNotReading is why a connection ends whose client asks for more than it takes.
var errNotReading = fmt.Errorf("zkserver: the client does not read: more than %d MiB wait to be sent", cnxn.HardLimit>>20)

// answerLocked appends the replies, and tells whether the outbox is fuller than it may be.
func (s *Server) answerLocked(w *client, p *proposal, res *tree.Result) (over bool) {
	if w.Dead() {
		return false
	}
	it, ok := w.fifo.PopWrite()
	if !ok {
		return false
	}
	zxid := s.tree.LastZxid()
	at := w.BeginFrame(zkproto.ReplyHeader{Xid: p.xid, Zxid: zxid, Err: res.Err})
	if res.Err == zkproto.ErrOK {
		w.Out = appendReply(w.Out, p, res)
	}
	w.EndFrame(at)
	var answered replied
	answered.add(len(w.Out) - at)
	now := s.core.now.UnixNano()
	w.last.set(&it, zxid, now)
	s.stats.op(it.Op)
	s.stats.writes.Observe(time.Duration(now - it.Arrived))
	for it, ok = w.fifo.PopRead(); ok && !over; it, ok = w.fifo.PopRead() {
		at = len(w.Out)
		s.read(w, &it)
		answered.add(len(w.Out) - at)
		w.last.set(&it, zxid, now)
		s.stats.reads.Observe(time.Duration(now - it.Arrived))
		over = len(w.Out) > cnxn.HardLimit
	}
	s.stats.replied(&answered)
	if w.fifo.Len() <= maxUnanswered/2 {
		w.Wake()
	}
	return over
}

// appendReply appends the body of the reply to a write that happened.
func appendReply(out []byte, p *proposal, res *tree.Result) []byte {
	switch p.op {
	case zkproto.OpCreate:
		return jute.AppendString(out, res.Path)
	case zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		return res.Stat.AppendTo(jute.AppendString(out, res.Path))
	case zkproto.OpSetData, zkproto.OpSetACL:
		return res.Stat.AppendTo(out)
	case zkproto.OpSync:
		if p.nullPath {
			return jute.AppendBytes(out, nil)
		}
		return jute.AppendString(out, p.path)
	case zkproto.OpMulti:
		return appendMultiReply(out, res.Multi)
	default:
		return out
	}
}

func appendMultiReply(out []byte, parts []tree.Result) []byte {
	for i := range parts {
		part := &parts[i]
		switch part.Type {
		case zkproto.OpCreate:
			out = jute.AppendString(zkproto.MultiHeader{Type: part.Type}.AppendTo(out), part.Path)
		case zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
			out = jute.AppendString(zkproto.MultiHeader{Type: zkproto.OpCreate2}.AppendTo(out), part.Path)
			out = part.Stat.AppendTo(out)
		case zkproto.OpSetData:
			out = part.Stat.AppendTo(zkproto.MultiHeader{Type: part.Type}.AppendTo(out))
		case zkproto.OpError:
			out = jute.AppendInt32(zkproto.MultiHeader{Type: part.Type, Err: part.Err}.AppendTo(out), int32(part.Err))
		case zkproto.OpDeleteContainer:
			out = zkproto.MultiHeader{Type: zkproto.OpDelete}.AppendTo(out)
		default:
			out = zkproto.MultiHeader{Type: part.Type}.AppendTo(out)
		}
	}
	return zkproto.MultiEnd().AppendTo(out)
}

package zkserver

import (
	"fmt"
	"net"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// request takes the i-th request of a batch: the core's entry for everything that is not answered by a connection itself.
func (s *Server) request(b *pipeline.Batch[*client], i int) {
	r := &b.Requests[i]
	switch r.Op {
	case opConnect:
		s.connect(r)
	case opDetach:
		s.core.replica.Detach(r.From, r.Session)
	case opCall:
		r.Extra.(func())()
	default:
		s.submit(r, b.Body(i))
	}
}

// submit hands a write or a sync to the replica.
func (s *Server) submit(r *pipeline.Request[*client], body []byte) {
	q := replica.Request{Session: r.Session, Op: r.Op, Xid: r.Xid, IDs: r.IDs, Body: body, Arrived: r.Arrived}
	if r.From != nil {
		q.From = r.From
		if s.audit != nil {
			if a := auditable(r, body); a != nil {
				q.Note = a
			}
		}
	}
	s.core.replica.Submit(&q)
}

// answer is the end of a request, and of every transaction: it replies to whoever has asked, and to the reads that waited
// behind. The tree is locked, for reading at least.
func (s *Server) answer(a *replica.Answer) {
	if a.Txn != nil {
		age := time.Duration(s.core.now.UnixMilli()-a.Header.Time) * time.Millisecond
		s.stats.propagation.Observe(age)
		if s.peers != nil {
			s.countCommit(age)
		}
		if s.audit != nil && a.Header.Type == zkproto.OpCloseSession {
			s.auditEphemerals(a)
		}
	}
	if note, ok := a.Note.(*audited); ok {
		s.auditAnswer(note, &a.Result)
	}
	w, ok := a.From.(*client)
	if !ok || a.Op == zkproto.OpCreateSession {
		return
	}
	s.throttle.done(a.Size)
	if a.Lost {
		w.Close(errLost)
		return
	}
	s.countWritten(a)
	w.Lock()
	over := s.answerLocked(w, a)
	if a.Op == zkproto.OpCloseSession && a.Result.Err == zkproto.ErrOK && a.Txn != nil {
		w.CloseAfterClient() // it asked for it, and has its answer in the outbox
	}
	w.Unlock()
	s.touched(w)
	if over {
		w.Close(errNotReading)
	}
}

var (
	// errNotReading is why a connection ends whose client asks for more than it takes.
	errNotReading = fmt.Errorf("zkserver: the client does not read: more than %d MiB wait to be sent", cnxn.HardLimit>>20)
	// errLost is why a connection ends one of whose requests cannot be answered.
	errLost = fmt.Errorf("zkserver: the session has moved to another server, or it cannot be known whether a request has happened: %w", net.ErrClosed)
)

// answerLocked appends the replies, and tells whether the outbox is fuller than it may be.
func (s *Server) answerLocked(w *client, a *replica.Answer) (over bool) {
	if w.Dead() {
		return false
	}
	it, ok := w.fifo.PopWrite()
	if !ok {
		return false
	}
	zxid := s.tree.LastZxid()
	at := w.BeginFrame(zkproto.ReplyHeader{Xid: a.Xid, Zxid: zxid, Err: a.Result.Err})
	if a.Result.Err == zkproto.ErrOK {
		w.Out = appendReply(w.Out, a)
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
func appendReply(out []byte, a *replica.Answer) []byte {
	res := &a.Result
	switch a.Op {
	case zkproto.OpCreate:
		return jute.AppendString(out, res.Path)
	case zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		return res.Stat.AppendTo(jute.AppendString(out, res.Path))
	case zkproto.OpSetData, zkproto.OpSetACL:
		return res.Stat.AppendTo(out)
	case zkproto.OpReconfig:
		if set, ok := a.Txn.(*zkproto.SetDataTxn); ok {
			out = (&zkproto.GetDataReply{Data: set.Data, Stat: res.Stat}).AppendTo(out)
		}
		return out
	case zkproto.OpSync:
		if a.NullPath {
			return jute.AppendBytes(out, nil)
		}
		return jute.AppendString(out, a.Path)
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

package replica

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// relay takes what an observer says that this follower serves: it goes on to the leader, as if it were this server's.
//
// So the leader cannot tell the observers of a follower, and the follower itself, apart: that a session has moved from one to
// another is not its business to notice, as it is everywhere else. It is the follower's: a write that an observer still
// brings for a session it has no more would come after those of the session's present connection. The original does not
// look; here the observer is dropped, and finds out when it comes back.
func (r *Replica) relay(m *zab.Message) {
	link := zab.Link{Peer: m.From, Link: m.Link}
	if r.role != roleLearner {
		return
	}
	switch m.Type {
	case zab.Ping:
		r.relayTouches(m, link)
	case zab.Revalidate:
		id, timeout, ok := decodeTouch(m.Data)
		if !ok {
			r.node.CutOff(link, "REVALIDATE is too short")
			return
		}
		r.pending.Push(revalidation{session: id, relay: link, timeout: timeout})
		_ = r.node.Send(r.packet(zab.Revalidate, m.Data, nil)) // fails when the role has ended: then nobody waits
	default:
		r.relayRequest(m, link)
	}
}

func (r *Replica) relayTouches(m *zab.Message, link zab.Link) {
	if len(m.Data)%touchSize != 0 {
		r.node.CutOff(link, "PING does not end with a session and its timeout")
		return
	}
	for b := m.Data; len(b) > 0; b = b[touchSize:] {
		if id, timeout, ok := decodeTouch(b); ok {
			r.left = append(r.left, left{id, timeout})
		}
	}
}

// relayRequest passes a REQUEST on. Whether its record can be decoded is for the leader to say.
func (r *Replica) relayRequest(m *zab.Message, link zab.Link) {
	id, _, op, _, ok := decodeRequest(m.Data)
	owner, known := r.behind[id]
	switch {
	case !ok:
		r.node.CutOff(link, "REQUEST is too short")
	case op == zkproto.OpSync:
		_ = r.node.SendSync(r.packet(zab.Request, m.Data, m.Auth), link)
	case !op.IsWrite():
		r.node.CutOff(link, "an observer does not forward "+op.String())
	case op != zkproto.OpCreateSession && (known && owner != link || !known && r.seats.of(id) != nil):
		r.node.CutOff(link, "it brings a request of a session that has moved to another server")
	default:
		if op == zkproto.OpCreateSession {
			r.has(id, link)
		}
		_ = r.node.Send(r.packet(zab.Request, m.Data, m.Auth))
	}
}

// has notes which observer has a session.
func (r *Replica) has(id zkproto.SessionID, link zab.Link) {
	if r.behind == nil {
		r.behind = map[zkproto.SessionID]zab.Link{}
	}
	r.behind[id] = link
}

// relayed passes the leader's answer to REVALIDATE on. A session that lives is the observer's from now on.
func (r *Replica) relayed(v *revalidation, data []byte, valid bool) {
	if valid {
		r.has(v.session, v.relay)
		r.left = append(r.left, left{v.session, v.timeout})
		if s := r.seats.of(v.session); s != nil && !s.local {
			r.leave(s, ErrMoved)
		}
	}
	// An observer that is gone since needs no answer.
	_ = r.node.Send(zab.Message{Type: zab.Revalidate, To: v.relay.Peer, Link: v.relay.Link, Data: data})
}

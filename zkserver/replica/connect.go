package replica

import (
	"bytes"
	"encoding/binary"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Connect takes a connect request: a new session, or one that continues by this connection. It is answered by
// Established or Refused, at once or later. A Detach for a connection that is not established yet is not needed.
func (r *Replica) Connect(c *Connect) {
	switch {
	case r.role != roleNone && !r.moving:
		r.connect(c)
	case r.mode == ModeReadOnly:
		r.connectReadOnly(c)
	case r.mode == ModeHeld || r.moving:
		kept := *c
		kept.Password = bytes.Clone(c.Password)
		r.connects = append(r.connects, kept)
	default:
		r.host.Refused(c.From, ErrNotServing)
	}
}

func (r *Replica) connect(c *Connect) {
	switch {
	case r.role == roleLeader && r.cfg.LeaderServesNot && !r.alone:
		r.host.Refused(c.From, ErrLeaderDoesNotServe)
	case c.LastZxidSeen > r.seen():
		r.host.Refused(c.From, ErrAhead)
	case c.Session != 0:
		r.reconnect(c)
	case r.cfg.LocalSessions && !r.alone:
		r.createLocal(c, false)
	default:
		id := r.newSession()
		r.seats.add(&seat{from: c.From, session: id, timeout: c.Timeout, creating: true, reported: r.now.Mono})
		r.createSession(c.From, id, c.Timeout, c.Arrived)
	}
}

// seen is the last zxid that a client may know of without being ahead of this server. Originals tell their clients the
// beginning of an epoch as a zxid, which no transaction has.
func (r *Replica) seen() zkproto.Zxid {
	return max(r.tree.LastZxid(), zkproto.MakeZxid(r.epoch, 0))
}

// createSession sends a createSession on its way; from is nil for a session that is attached already.
func (r *Replica) createSession(from any, id zkproto.SessionID, timeout int32, arrived int64) {
	var body [4]byte
	binary.BigEndian.PutUint32(body[:], uint32(timeout))
	it := item{op: zkproto.OpCreateSession, from: from, session: id, arrived: arrived}
	if r.role == roleLearner {
		r.forward(&it, body[:])
		return
	}
	if !r.alone {
		r.keep(&it, body[:])
	}
	r.lead(&it, body[:])
}

// newSession is a session id that was never used.
func (r *Replica) newSession() zkproto.SessionID {
	for {
		id := r.nextSession
		r.nextSession++
		if _, used := r.sessions.Timeout(id); used || id == 0 {
			continue
		}
		if r.local != nil {
			if _, used := r.local.Timeout(id); used {
				continue
			}
		}
		return id
	}
}

// reconnect moves a session to a connection, if it lives and the password is right. A learner asks its leader.
func (r *Replica) reconnect(c *Connect) {
	id := c.Session
	switch {
	case !session.CheckPassword(id, c.Password):
		r.host.Refused(c.From, ErrPassword)
	case r.isLocal(id):
		r.reconnectLocal(c)
	case r.role == roleLearner:
		r.revalidate(c)
	case !r.sessions.Touch(id, c.Timeout, r.now.Mono) || r.sessions.SetOwner(id, r.self) != zkproto.ErrOK:
		r.host.Refused(c.From, ErrExpired)
	default:
		r.seatDown(c.From, id, c.Timeout, false)
	}
}

// seatDown gives a session that was there before to a connection, and closes the one it had.
func (r *Replica) seatDown(from any, id zkproto.SessionID, timeout int32, local bool) {
	s := r.seats.of(id)
	switch {
	case s == nil:
		s = &seat{session: id}
		r.seats.add(s)
	case s.from != from:
		r.host.Close(s.from, ErrReplaced)
	}
	if _, was := r.behind[id]; was {
		r.behind[id] = zab.Link{}
	}
	s.from, s.timeout, s.local, s.reported = from, timeout, local, r.now.Mono
	s.stale, s.creating, s.upgraded = false, false, false
	r.host.Established(from, &Established{
		Session: id, Timeout: timeout, Renewed: true, Local: local, ReadOnly: r.mode == ModeReadOnly,
	})
}

// Detach tells that a connection is gone. Its session lives on until it expires.
func (r *Replica) Detach(from any, id zkproto.SessionID) {
	s := r.seats.of(id)
	if s == nil || s.from != from {
		return
	}
	r.touchSeat(s)
	r.seats.remove(s)
}

// touchSeat notes when the client of a seat was last heard of, because it will not be there to be asked.
func (r *Replica) touchSeat(s *seat) {
	heard := r.host.Heard(s.from)
	switch {
	case s.local && r.local != nil:
		r.local.Touch(s.session, s.timeout, heard)
	case r.role == roleLeader:
		r.sessions.Touch(s.session, s.timeout, heard)
	case r.role == roleLearner && heard > s.reported:
		r.left = append(r.left, left{s.session, s.timeout})
	}
}

// sessionChanged ends the application of a createSession or closeSession, whose answer is in r.answer.
func (r *Replica) sessionChanged() {
	a := &r.answer
	id := a.Session
	if txn, ok := a.Txn.(*zkproto.CreateSessionTxn); ok {
		r.sessions.Add(id, txn.TimeoutMillis, r.now.Mono)
		if r.local != nil {
			r.local.Remove(id) // it was upgraded, here or by another server it had moved to
		}
		if s := r.seats.of(id); s != nil {
			s.upgraded, s.local = false, false
		}
	}
	r.host.Answer(a) // a createSession is counted; nobody is answered
	switch a.Op {
	case zkproto.OpCreateSession:
		r.sessionCreated(a.From, id, a.Header.Type == zkproto.OpCreateSession)
	case zkproto.OpCloseSession:
		if a.Header.Type == zkproto.OpCloseSession {
			r.sessionClosed(a.From, id)
		}
	}
}

// sessionCreated answers the connect request of a new session: it is in history now.
func (r *Replica) sessionCreated(from any, id zkproto.SessionID, ok bool) {
	s := r.seats.of(id)
	if s == nil || from == nil || s.from != from {
		return
	}
	s.creating = false
	if !ok {
		r.seats.remove(s)
		r.host.Refused(from, ErrCreate)
		return
	}
	r.host.Established(from, &Established{Session: id, Timeout: s.timeout})
}

// sessionClosed forgets a session and ends its connection. Who has asked for the closing has its answer.
func (r *Replica) sessionClosed(from any, id zkproto.SessionID) {
	r.sessions.Remove(id)
	delete(r.behind, id)
	if r.local != nil {
		r.local.Remove(id)
	}
	s := r.seats.of(id)
	if s == nil {
		return
	}
	r.seats.remove(s)
	if s.from != from {
		r.host.Close(s.from, ErrExpired)
	}
}

// expire closes the sessions that have expired: a leader those of the ensemble, everybody its own.
func (r *Replica) expire() {
	if r.role == roleLeader && r.sessions.NextExpiry() <= r.now.Mono {
		for _, id := range r.sessions.Due(r.now.Mono, r.expiryOf) {
			r.host.Event(Event{Kind: EventSessionExpired, Session: id})
			r.ask = prep.Request{Session: id, Owner: r.self, Op: zkproto.OpCloseSession}
			it := item{op: zkproto.OpCloseSession, session: id}
			r.prepare(&it)
		}
	}
	if r.local != nil && r.local.NextExpiry() <= r.now.Mono {
		r.expireLocal()
	}
}

// expiryOf is when a session expires for all that its client's connection here tells; 0 if it has none.
func (r *Replica) expiryOf(id zkproto.SessionID) int64 {
	s := r.seats.of(id)
	if s == nil {
		return 0
	}
	return r.host.Heard(s.from) + int64(s.timeout)
}

// forgive starts all timeouts again: the server itself has not run for a while (a suspended machine, a disk that hung), so
// it cannot know who was silent.
func (r *Replica) forgive(late int64) {
	r.host.Event(Event{Kind: EventHeldUp, N: late})
	r.sessions.Restart(r.now.Mono)
	if r.local != nil {
		r.local.Restart(r.now.Mono)
	}
}

package replica

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
)

// isLocal tells whether a session is this server's own.
func (r *Replica) isLocal(id zkproto.SessionID) bool {
	if r.local == nil {
		return false
	}
	_, ok := r.local.Timeout(id)
	return ok
}

// createLocal makes a session that only this server knows.
func (r *Replica) createLocal(c *Connect, readOnly bool) {
	id := r.newSession()
	r.local.Add(id, c.Timeout, r.now.Mono)
	r.seats.add(&seat{from: c.From, session: id, timeout: c.Timeout, local: true, reported: r.now.Mono})
	r.host.Established(c.From, &Established{Session: id, Timeout: c.Timeout, Local: true, ReadOnly: readOnly})
}

func (r *Replica) reconnectLocal(c *Connect) {
	if !r.local.Touch(c.Session, c.Timeout, r.now.Mono) {
		r.host.Refused(c.From, ErrExpired)
		return
	}
	r.seatDown(c.From, c.Session, c.Timeout, true)
}

// submitLocal takes what a local session does by itself: closing, and the first ephemeral znode, before which it becomes
// global. It tells whether the item needs nothing more.
func (r *Replica) submitLocal(it *item, body []byte) (done bool) {
	if !r.isLocal(it.session) {
		return false
	}
	switch {
	case it.op == zkproto.OpCloseSession:
		it.kind, it.local = kindReply, true
		r.local.SetClosing(it.session)
		r.queue.Push(*it)
		return true
	case !prep.CreatesEphemeral(it.op, body):
		return false
	case r.cfg.LocalUpgrade:
		r.upgrade(it.session)
		return false
	case it.op == zkproto.OpMulti:
		return false // its parts tell: the leader knows no such session
	}
	it.kind, it.err = kindReply, zkproto.ErrEphemeralOnLocalSession
	r.queue.Push(*it)
	return true
}

// upgrade makes a local session global. It is so from now on, whatever comes: closing it, or losing its connection, goes
// the way of all global sessions (ZOOKEEPER-3471).
func (r *Replica) upgrade(id zkproto.SessionID) {
	timeout, _ := r.local.Timeout(id)
	r.local.Remove(id)
	if s := r.seats.of(id); s != nil {
		s.local, s.upgraded, s.stale, s.reported = false, true, false, r.now.Mono
	}
	r.host.Event(Event{Kind: EventSessionUpgraded, Session: id})
	r.createSession(nil, id, timeout, 0)
}

// closeLocal ends a local session after the answer to its closeSession.
func (r *Replica) closeLocal(it *item) {
	r.local.Remove(it.session)
	if s := r.seats.of(it.session); s != nil {
		r.seats.remove(s)
		if s.from != it.from {
			r.host.Close(s.from, ErrExpired)
		}
	}
}

// expireLocal ends local sessions that were not heard of.
func (r *Replica) expireLocal() {
	for _, id := range r.local.Due(r.now.Mono, r.expiryOf) {
		r.host.Event(Event{Kind: EventSessionExpired, Session: id, Local: true})
		r.local.Remove(id)
		if s := r.seats.of(id); s != nil {
			r.seats.remove(s)
			r.host.Close(s.from, ErrExpired)
		}
	}
}

// connectReadOnly takes a client while there is no quorum. Its session is this server's own, and ends with that time.
func (r *Replica) connectReadOnly(c *Connect) {
	switch _, global := r.sessions.Timeout(c.Session); {
	case !c.ReadOnly || global:
		r.host.Refused(c.From, ErrReadOnly)
	case c.LastZxidSeen > r.tree.LastZxid():
		r.host.Refused(c.From, ErrAhead)
	case c.Session == 0:
		r.createLocal(c, true)
	case r.isLocal(c.Session):
		r.reconnect(c)
	default:
		r.host.Refused(c.From, ErrExpired)
	}
}

// submitReadOnly refuses writes and syncs while there is no quorum.
func (r *Replica) submitReadOnly(it *item) {
	it.kind, it.err = kindReply, zkproto.ErrNotReadOnly
	if it.op == zkproto.OpCloseSession && r.isLocal(it.session) {
		it.err, it.local = zkproto.ErrOK, true
		r.local.SetClosing(it.session)
	}
	r.queue.Push(*it)
}

// judge is what prep asks about sessions. With local sessions a leader cannot know those of other servers.
func (r *Replica) judge() prep.Sessions {
	if !r.alone {
		return judge{r}
	}
	return r.sessions
}

type judge struct{ r *Replica }

// Check implements prep.Sessions: it lets local sessions pass, this server's and others'. (LeaderSessionTracker)
func (j judge) Check(id zkproto.SessionID, owner prep.Owner) zkproto.Error {
	r := j.r
	if err := r.sessions.Check(id, owner); err != zkproto.ErrUnknownSession {
		return err
	}
	if !r.cfg.LocalSessions {
		return zkproto.ErrSessionExpired
	}
	if owner == r.self && r.isLocal(id) || owner != r.self && uint8(uint64(id)>>56) != uint8(r.cfg.Zab.ID) {
		return zkproto.ErrOK
	}
	return zkproto.ErrSessionExpired
}

// CheckGlobal implements prep.Sessions.
func (j judge) CheckGlobal(id zkproto.SessionID, owner prep.Owner) zkproto.Error {
	return j.r.sessions.CheckGlobal(id, owner)
}

// SetOwner implements prep.Sessions.
func (j judge) SetOwner(id zkproto.SessionID, owner prep.Owner) zkproto.Error {
	return j.r.sessions.SetOwner(id, owner)
}

// SetClosing implements prep.Sessions.
func (j judge) SetClosing(id zkproto.SessionID) { j.r.sessions.SetClosing(id) }

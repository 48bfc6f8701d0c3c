package zkserver

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/session"
)

// errExpired is why a connection ends when its session has expired.
var errExpired = errors.New("zkserver: the session has expired: nothing was heard of the client for its whole timeout")

// expiryBucket is how exactly sessions expire: a twentieth of a tick. (The original rounds up to whole ticks, which
// doubles the shortest timeouts.)
func expiryBucket(tick time.Duration) time.Duration {
	return min(max(tick/20, 10*time.Millisecond), 250*time.Millisecond).Truncate(time.Millisecond)
}

// sinceStart is the time as the session table counts it: milliseconds of a monotonic clock.
func (s *Server) sinceStart(t time.Time) int64 { return t.Sub(s.started).Milliseconds() }

// connect handles a connect request: a new session, or one that continues on this connection.
func (s *Server) connect(r *pipeline.Request[*client]) {
	c := &s.core
	w, req := r.From, r.Extra.(*zkproto.ConnectRequest)
	if last := s.tree.LastZxid(); req.LastZxidSeen > last {
		w.established <- fmt.Errorf("zkserver: the client has seen zxid %s and this server has only %s: it must try another server",
			req.LastZxidSeen, last)
		return
	}
	least, most := s.live.Load().SessionTimeouts()
	timeout := session.Negotiate(req.TimeoutMillis, int32(least.Milliseconds()), int32(most.Milliseconds()))
	if timeout != req.TimeoutMillis {
		s.clamped(w, req.TimeoutMillis, timeout)
	}
	w.Lock()
	w.timeout = timeout
	w.handshake.readOnly = req.HasReadOnly
	w.Unlock()
	w.heard = c.now
	if req.SessionID != 0 {
		s.reconnect(w, req)
		return
	}
	id := c.newSession()
	c.sessions.Add(id, timeout, s.sinceStart(c.now))
	c.owners[id] = w
	txn := zkproto.CreateSessionTxn{TimeoutMillis: timeout}
	s.prepare(&pipeline.Request[*client]{From: w, Session: id, Op: zkproto.OpCreateSession, Arrived: r.Arrived}, txn.AppendTo(nil))
}

// newSession is a session id that was never used.
func (c *core) newSession() zkproto.SessionID {
	for {
		id := c.nextSession
		c.nextSession++
		if _, used := c.sessions.Timeout(id); !used && id != 0 {
			return id
		}
	}
}

// sessionCreated answers the connect request of a new session: it is in the log now.
func (s *Server) sessionCreated(p *proposal) {
	if p.from == nil {
		return
	}
	if _, ok := p.txn.(*zkproto.CreateSessionTxn); !ok {
		p.from.established <- errors.New("zkserver: the session could not be created")
		return
	}
	s.stats.op(zkproto.OpCreateSession)
	s.establish(p.from, p.header.ClientID)
}

// reconnect moves a session to the connection w, if it lives and the password is right.
func (s *Server) reconnect(w *client, req *zkproto.ConnectRequest) {
	c := &s.core
	id := req.SessionID
	switch {
	case !session.CheckPassword(id, req.Password):
		s.log.Warn("wrong session password", zap.Stringer("session", id), zap.Stringer("peer", w.RemoteAddr()))
		s.refuse(w)
		return
	case !c.sessions.Touch(id, w.timeout, s.sinceStart(c.now)) || c.sessions.SetOwner(id, here) != zkproto.ErrOK:
		s.log.Info("a client wants to continue a session that has expired", zap.Stringer("session", id),
			zap.Stringer("peer", w.RemoteAddr()))
		s.refuse(w)
		return
	}
	if old := c.owners[id]; old != nil && old != w {
		old.Close(fmt.Errorf("%w: %w", errReplaced, net.ErrClosed))
	}
	c.owners[id] = w
	s.stats.revalidated.Add(1)
	s.establish(w, id)
}

// establish tells the client that it has its session.
func (s *Server) establish(w *client, id zkproto.SessionID) {
	password := session.Password(id)
	w.Lock()
	w.session = id
	w.connectResponse(&zkproto.ConnectResponse{TimeoutMillis: w.timeout, SessionID: id, Password: password[:]})
	w.Unlock()
	s.stats.sent.Add(1)
	w.established <- nil
	s.touched(w)
}

// refuse tells the client that its session is gone.
func (s *Server) refuse(w *client) {
	w.Lock()
	w.connectResponse(&zkproto.ConnectResponse{Password: make([]byte, 16)})
	w.CloseWhenSent()
	w.Unlock()
	w.closing = true // before the answer, so that the connection's goroutine sees it
	w.established <- nil
	s.touched(w)
}

// connectResponse appends the answer to a connect request; the connection is locked.
func (w *client) connectResponse(r *zkproto.ConnectResponse) {
	r.HasReadOnly = w.handshake.readOnly
	at := len(w.Out)
	w.Out = r.AppendTo(append(w.Out, 0, 0, 0, 0))
	w.EndFrame(at)
}

// sessionClosed forgets a session whose closeSession was applied, and ends its connection.
func (s *Server) sessionClosed(p *proposal) {
	c := &s.core
	if _, ok := p.txn.(*zkproto.CloseSessionTxn); !ok {
		return
	}
	id := p.header.ClientID
	c.sessions.Remove(id)
	w := c.owners[id]
	delete(c.owners, id)
	switch w {
	case nil:
	case p.from: // asked for it, and has its answer in the outbox
		w.Lock()
		w.CloseAfterClient()
		w.Unlock()
		s.touched(w)
	default:
		w.Close(errExpired)
	}
}

// detach takes note that a connection is gone. Its session lives on until it expires.
func (s *Server) detach(r *pipeline.Request[*client]) {
	c := &s.core
	if c.owners[r.Session] == r.From {
		s.touch(r.Session, r.From)
		delete(c.owners, r.Session)
	}
}

// touch moves a session's expiry if its client was heard of.
func (s *Server) touch(id zkproto.SessionID, w *client) {
	heard := w.LastHeard()
	if w.held.Load() {
		heard = s.core.now
	}
	if heard.After(w.heard) {
		w.heard = heard
		s.core.sessions.Touch(id, w.timeout, s.sinceStart(heard))
	}
}

// tick closes the sessions that have expired, and does what is due by time.
func (s *Server) tick() {
	c := &s.core
	c.now = s.clock.Now()
	if late := c.now.Sub(c.lastTick) - c.bucket; late > max(4*c.bucket, 250*time.Millisecond) {
		s.forgive(late)
	}
	c.lastTick = c.now
	s.beat.Store(c.now.UnixNano())
	if c.sessions.NextExpiry() <= s.sinceStart(c.now) {
		for id, w := range c.owners {
			s.touch(id, w)
		}
		for _, id := range c.sessions.Expired(s.sinceStart(c.now)) {
			s.log.Info("session expired", zap.Stringer("session", id))
			s.stats.expired.Add(1)
			s.prepare(&pipeline.Request[*client]{Session: id, Op: zkproto.OpCloseSession}, nil)
		}
		s.perform()
		s.feedDisk(true)
	}
}

// forgive starts all timeouts again: the server itself has not run for a while (a suspended machine, a disk that hung), so
// it cannot know who was silent.
func (s *Server) forgive(late time.Duration) {
	c := &s.core
	s.log.Warn("the server was held up; all session timeouts start again", zap.Duration("late", late))
	for id, timeout := range c.sessions.Timeouts() {
		c.sessions.Touch(id, timeout, s.sinceStart(c.now))
	}
}

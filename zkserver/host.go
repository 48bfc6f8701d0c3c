package zkserver

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// host is what the replica calls back, always on the core goroutine.
type host struct{ s *Server }

// Heard implements replica.Host.
func (h host) Heard(from any) int64 {
	w := from.(*client)
	if w.held.Load() {
		return h.s.sinceStart(h.s.core.now)
	}
	return h.s.sinceStart(w.LastHeard())
}

// Established implements replica.Host: it tells the client that it has its session.
func (h host) Established(from any, e *replica.Established) {
	s, w := h.s, from.(*client)
	if e.Renewed {
		s.stats.revalidated.Add(1)
	} else {
		s.stats.op(zkproto.OpCreateSession)
		s.stats.writes.Observe(s.core.now.Sub(w.asked))
	}
	password := session.Password(e.Session)
	w.Lock()
	w.session, w.timeout = e.Session, e.Timeout
	w.connectResponse(&zkproto.ConnectResponse{
		TimeoutMillis: e.Timeout, SessionID: e.Session, Password: password[:], ReadOnly: e.ReadOnly,
	})
	w.Unlock()
	s.stats.sent.Add(1)
	w.established <- nil
	s.touched(w)
}

// Refused implements replica.Host. Who asks for a session that is gone is told so; everybody else is left to try another
// server.
func (h host) Refused(from any, reason error) {
	s, w := h.s, from.(*client)
	switch {
	case errors.Is(reason, replica.ErrPassword), errors.Is(reason, replica.ErrExpired), errors.Is(reason, replica.ErrCreate):
		s.log.Info("a client is told that its session is gone", zap.Stringer("peer", w.RemoteAddr()), zap.Error(reason))
		w.Lock()
		w.connectResponse(&zkproto.ConnectResponse{Password: make([]byte, 16)})
		w.CloseWhenSent()
		w.Unlock()
		w.closing = true // before the answer, so that the connection's goroutine sees it
		w.established <- nil
		s.touched(w)
	case errors.Is(reason, replica.ErrAhead):
		w.established <- fmt.Errorf("zkserver: the client has seen zxid %s and this server has only %s: it must try another server",
			w.seen, s.tree.LastZxid())
	default:
		w.established <- fmt.Errorf("zkserver: %w", reason)
	}
}

// Close implements replica.Host.
func (h host) Close(from any, reason error) {
	from.(*client).Close(fmt.Errorf("zkserver: %w: %w", reason, net.ErrClosed))
}

// Notify implements replica.Host.
func (h host) Notify(ev tree.Event) { h.s.notify(ev) }

// Answer implements replica.Host.
func (h host) Answer(a *replica.Answer) { h.s.answer(a) }

// Event implements replica.Host.
func (h host) Event(e replica.Event) {
	s := h.s
	switch e.Kind {
	case replica.EventMode:
		s.setMode(e.Mode)
		if s.distributed() {
			s.log.Info(modeLines[e.Mode], zap.Stringer("state", e.Mode), zap.Int64("clients", e.N), zap.String("reason", e.Reason))
		}
	case replica.EventSessionExpired:
		s.stats.expired.Add(1)
		s.log.Info("session expired", zap.Stringer("session", e.Session))
	case replica.EventHeldUp:
		s.log.Warn("the server was held up; all session timeouts start again", zap.Duration("late", time.Duration(e.N)*time.Millisecond))
	case replica.EventDigest:
		s.digestMismatch(s.tree, e.Zxid)
	case replica.EventSessionUpgraded:
		s.log.Debug("a local session becomes global", zap.Stringer("session", e.Session))
	case replica.EventResent:
		s.log.Info("requests under way at the change of leader are sent again", zap.Int64("requests", e.N))
	case replica.EventClosed:
		s.log.Info("clients are closed", zap.Int64("clients", e.N), zap.String("reason", e.Reason))
	case replica.EventReconfigRefused:
		s.log.Warn("a change of the membership was refused", zap.Stringer("session", e.Session), zap.String("reason", e.Reason))
	case replica.EventBadMessage:
		s.log.Warn("a peer's message cannot be understood and is ignored", zap.String("reason", e.Reason))
	case replica.EventReconfig:
		s.log.Info("the membership has changed", zap.Stringer("zxid", e.Zxid))
	}
}

// modeLines say how clients are served.
var modeLines = map[replica.Mode]string{
	replica.ModeDown: "clients are not served", replica.ModeHeld: "clients are held until there is a leader again",
	replica.ModeReadWrite: "clients are served", replica.ModeReadOnly: "clients are served reads only",
}

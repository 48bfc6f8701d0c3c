package zkserver

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/session"
)

// expiryBucket is how exactly sessions expire: a twentieth of a tick. (The original rounds up to whole ticks, which
// doubles the shortest timeouts.)
func expiryBucket(tick time.Duration) time.Duration {
	return min(max(tick/20, 10*time.Millisecond), 250*time.Millisecond).Truncate(time.Millisecond)
}

// sinceStart is the time as the session table counts it: milliseconds of a monotonic clock.
func (s *Server) sinceStart(t time.Time) int64 { return t.Sub(s.started).Milliseconds() }

// connect handles a connect request: a new session, or one that continues on this connection.
func (s *Server) connect(r *pipeline.Request[*client]) {
	w, req := r.From, r.Extra.(*zkproto.ConnectRequest)
	least, most := s.live.Load().SessionTimeouts()
	timeout := session.Negotiate(req.TimeoutMillis, int32(least.Milliseconds()), int32(most.Milliseconds()))
	if timeout != req.TimeoutMillis {
		s.clamped(w, req.TimeoutMillis, timeout)
	}
	w.Lock()
	w.timeout = timeout
	w.handshake.readOnly = req.HasReadOnly
	w.Unlock()
	s.core.replica.Connect(&replica.Connect{
		From: w, Session: req.SessionID, Password: req.Password, Timeout: timeout, LastZxidSeen: req.LastZxidSeen,
		ReadOnly: req.HasReadOnly && req.ReadOnly,
	})
}

// connectResponse appends the answer to a connect request; the connection is locked.
func (w *client) connectResponse(r *zkproto.ConnectResponse) {
	r.HasReadOnly = w.handshake.readOnly
	at := len(w.Out)
	w.Out = r.AppendTo(append(w.Out, 0, 0, 0, 0))
	w.EndFrame(at)
}

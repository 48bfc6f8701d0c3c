package zkserver

import (
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// ackTimes remembers when a leader has made its last proposals, for the metric ack_latency. The original measures one in so
// many of them (leader.ackLoggingFrequency), and only acknowledgements that come before the commit: those of the slowest
// server are seldom among them. Here all are measured, this server's own disk among them.
type ackTimes struct {
	ring [1024]struct {
		zxid zab.Zxid
		at   time.Time
	}
}

func (a *ackTimes) note(z zab.Zxid, at time.Time) {
	e := &a.ring[uint32(z)%uint32(len(a.ring))]
	e.zxid, e.at = z, at
}

// of is when a proposal was made, if that is still known.
func (a *ackTimes) of(z zab.Zxid) (time.Time, bool) {
	e := &a.ring[uint32(z)%uint32(len(a.ring))]
	return e.at, e.zxid == z && z != 0
}

// countAck measures an acknowledgement. The core calls it.
func (s *Server) countAck(by zab.Sid, z zab.Zxid) {
	if at, ok := s.core.proposed.of(z); ok {
		s.stats.quorum.ack.Get(strconv.FormatInt(int64(by), 10)).Add(s.core.now.Sub(at).Microseconds())
	}
}

// countSynced measures how long this server's own disk has taken for its proposals.
func (s *Server) countSynced(before, z zab.Zxid) {
	if s.peers == nil || s.core.view.status.Role != zab.Leading {
		return
	}
	for z > before && before.Epoch() == z.Epoch() {
		before++
		s.countAck(s.cfg.MyID, before)
	}
}

// countWork takes over what the replica has counted since the last time.
func (s *Server) countWork() {
	c := &s.core
	w := c.replica.Work()
	if w == c.worked {
		return
	}
	s.stats.prepared.Add(w.Prepared - c.worked.Prepared)
	s.stats.queued.Add(w.Queued - c.worked.Queued)
	s.stats.unqueued.Add(w.Removed - c.worked.Removed)
	c.worked = w
}

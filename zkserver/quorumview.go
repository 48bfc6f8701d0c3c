package zkserver

import (
	"encoding/binary"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// measure takes the times of elections and of being away. st is what begins; v.status is what ends.
func (v *ensembleView) measure(now time.Time, st zab.Status, q *quorumStats) {
	if st.Role == zab.Looking {
		if v.looking.IsZero() {
			v.looking = now
			q.looking.Add(1)
		}
	} else if !v.looking.IsZero() {
		q.elections.Observe(now.Sub(v.looking))
		v.looking, v.decided = time.Time{}, now
	}
	if !st.Serving() {
		if v.away.IsZero() && v.status.Serving() {
			v.away = now
		}
		return
	}
	if !v.away.IsZero() {
		q.unavailable.Observe(now.Sub(v.away))
		if st.Role == zab.Leading {
			q.leaderUnavailable.Observe(now.Sub(v.away))
		}
		v.away = time.Time{}
	}
	if v.status.Serving() || v.decided.IsZero() {
		return
	}
	switch st.Role {
	case zab.Following:
		q.followerSync.Observe(now.Sub(v.decided))
	case zab.Observing:
		q.observerSync.Observe(now.Sub(v.decided))
	default:
	}
}

// timeOffset is where the leader's clock stands in a transaction: behind client id, xid and zxid.
const timeOffset = 8 + 4 + 8

// countReady counts the proposals and commits of a server of an ensemble. The core calls it.
func (s *Server) countReady(r *zab.Ready) {
	q := &s.stats.quorum
	switch {
	case !r.Status.Serving():
	case r.Status.Role == zab.Leading:
		for i := range r.Entries {
			q.proposal(len(r.Entries[i].Data))
			s.core.proposed.note(r.Entries[i].Zxid, s.core.now)
		}
		q.committed.Add(int64(len(r.Committed)))
	default:
		q.proposalsReceived.Add(int64(len(r.Entries)))
		q.commitsReceived.Add(int64(len(r.Committed)))
		if len(r.Entries) == 0 {
			return
		}
		now := s.clock.Now().UnixMilli()
		for i := range r.Entries {
			if data := r.Entries[i].Data; len(data) >= timeOffset+8 {
				age := now - int64(binary.BigEndian.Uint64(data[timeOffset:]))
				q.proposalLatency.Observe(time.Duration(age) * time.Millisecond)
			}
		}
	}
}

// countCommit counts a transaction that is committed so long after the leader has made it. The core calls it.
func (s *Server) countCommit(age time.Duration) {
	if s.core.view.status.Role == zab.Leading {
		s.stats.quorum.quorumAck.Observe(age)
	} else {
		s.stats.quorum.commitPropagation.Observe(age)
	}
}

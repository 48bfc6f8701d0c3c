package election

import "github.com/holdfast-ha/holdfast/zkserver/quorum"

// Silent tells that a server's host answers nobody who connects, or that it does again. What such a server says may arrive,
// and it may have the best vote; but nobody can follow it. So it is not voted for while that leaves servers enough for a
// quorum. A vote is a hint: that no committed entry is lost does not depend on it.
func (m *Machine) Silent(sid Sid, yes bool) {
	if m.silent[sid] == yes || sid == m.cfg.ID {
		return
	}
	if yes {
		m.silent[sid] = true
	} else {
		delete(m.silent, sid)
	}
	m.reconsider()
}

// shuns tells whether a server is not voted for. When too few others are left that can still be heard and reached, it is as
// good a choice as any. Observers follow whoever is elected.
func (m *Machine) shuns(sid Sid) bool {
	if !m.silent[sid] || m.self < 0 {
		return false
	}
	var s quorum.Set
	for i, v := range m.voters {
		if !m.silent[v] && !m.gone[v] {
			s.Add(i)
		}
	}
	return m.cfg.Quorum.Contains(s)
}

// prefers tells whether this server would vote for v rather than for o.
func (m *Machine) prefers(v, o Vote) bool { return !m.shuns(v.Leader) && m.beats(v, o) }

// reconsider votes for the best of this round's votes, if who may be voted for has changed.
func (m *Machine) reconsider() {
	if m.state != Looking || m.decided || m.round == 0 || m.self < 0 {
		return
	}
	best := m.own
	for i := range m.recv {
		if b := &m.recv[i]; i != m.self && b.cast && b.state == Looking && m.prefers(b.vote, best) {
			best = b.vote
		}
	}
	if best.Leader != m.vote.Leader && (m.shuns(m.vote.Leader) || m.prefers(best, m.vote)) {
		m.propose(best)
		m.count()
	}
}

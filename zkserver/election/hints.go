package election

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Appoint makes a leader the verdict without an election: a reconfiguration has designated it.
func (m *Machine) Appoint(leader Sid, last zkproto.Zxid, currentEpoch uint32) {
	m.state = Looking
	m.decide(Vote{Leader: leader, Zxid: last, Round: m.round, PeerEpoch: int64(currentEpoch)})
}

// Absent tells that a leader's link has just been closed by its end. The next round does not wait for it, until it speaks;
// if it has been heard looking before, it has only stepped down.
func (m *Machine) Absent(sid Sid) {
	if sid != m.awake {
		m.absent = sid
	}
}

// Await tells that a server is known to have the better vote: this one led until that came and said so. The next round is
// kept open until it has spoken, but no longer than votes take to be repeated twice. Else the others, who are a quorum
// without it, would elect the same server over and over, each time before its vote is there.
func (m *Machine) Await(sid Sid) { m.await = sid }

func (m *Machine) waits() bool {
	i := quorum.Index(m.cfg.Quorum, m.await)
	return i >= 0 && !m.recv[i].cast && m.now < 2*m.cfg.NotifyMinTicks
}

// Unreachable tells that nothing can be sent to a server now, or that it can again. A round does not wait for it.
func (m *Machine) Unreachable(sid Sid, yes bool) {
	if !yes {
		delete(m.gone, sid)
		m.reconsider()
		return
	}
	m.gone[sid] = true
	m.reconsider()
	if m.state == Looking && !m.decided && m.round > 0 {
		m.count()
	}
}

// Answers tells whether nothing is known that speaks against a server being there: it can be sent to, and joined.
func (m *Machine) Answers(sid Sid) bool { return !m.gone[sid] && !m.silent[sid] }

// SetOracle tells what the oracle says: with two voters, this one may decide without the other.
func (m *Machine) SetOracle(yes bool) { m.oracle = yes }

// forsaken tells whether this server may decide alone now: the oracle says so, and the other of the two has not voted, or not for
// as long as it takes to tell it the better vote, which is this server's. (If the other's is the better one the two agree.)
func (m *Machine) forsaken() bool {
	if !m.oracle || len(m.voters) != 2 || m.self < 0 || m.now < m.cfg.NotifyMinTicks {
		return false
	}
	return !m.recv[1-m.self].cast || m.vote.Leader == m.cfg.ID && m.now-m.heard >= m.cfg.NotifyMinTicks
}

// Deserted tells that the verdict does not hold: the elected leader looks for another, or, if it is this server, those
// that voted for it do. Nobody would come. (ZOOKEEPER-3769; the original waits for initLimit, or for maxTimeToWaitForEpoch.)
func (m *Machine) Deserted() bool { return m.deserted }

// checkDeserted hears, after the verdict, a voter that is looking. It has left us if it prefers another to the verdict; or
// if it has begun a later round since it voted for this server: then it could not join, or its vote was old when it came.
func (m *Machine) checkDeserted(from int, v Vote) {
	anew := m.state == Leading && v.Round > m.vote.Round
	if v.Round < m.vote.Round || v.Leader == m.vote.Leader || quorum.Index(m.cfg.Quorum, v.Leader) < 0 || !anew && !m.beats(v, m.vote) {
		return
	}
	switch m.state {
	case Leading:
		if !m.backed {
			return
		}
		b := m.recv[m.self]
		m.recv[from] = ballot{cast: true, state: Looking, vote: v}
		m.deserted = !m.agreed(m.recv, b)
	case Following, Observing:
		m.deserted = m.voters[from] == m.vote.Leader
	default:
	}
}

package election

import (
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// strangersPerTick bounds the answers to one stranger: two servers that each take the other for one would else answer each
// other without end.
const strangersPerTick = 4

// stepStranger answers observers and servers of no or another configuration: they have no vote, but may want to know who
// leads.
func (m *Machine) stepStranger(n Notification) string {
	if n.State != Looking {
		return ""
	}
	times := 0
	for _, sid := range m.strange {
		if sid == n.From {
			times++
		}
	}
	if times >= strangersPerTick || len(m.strange) >= quorum.MaxVoters {
		return "asks too often"
	}
	m.strange = append(m.strange, n.From)
	m.reply(n.From)
	return ""
}

// unanimous tells whether all voters that can still speak say the same. One whose link has just been closed by its end, and
// one that the driver cannot reach, cannot: after the death of a leader the others need not wait for it. That loses
// nothing, for a quorum agrees; a better vote that comes too late only finds a leader there, as it would after the wait.
func (m *Machine) unanimous(mine ballot) bool {
	for i := range m.recv {
		if sid := m.voters[i]; !m.recv[i].cast && (sid == m.absent || m.gone[sid]) {
			continue
		}
		if !m.recv[i].cast || !m.recv[i].same(mine) {
			return false
		}
	}
	return true
}

// agreed tells whether those whose ballots equal b are a quorum.
func (m *Machine) agreed(ballots []ballot, b ballot) bool {
	return m.agreedBy(m.cfg.Quorum, ballots, b)
}

// agreedBy is agreed by the rule q, all voters of which are asked.
func (m *Machine) agreedBy(q quorum.Verifier, ballots []ballot, b ballot) bool {
	var s quorum.Set
	for i := range ballots {
		if ballots[i].cast && ballots[i].same(b) {
			if q == m.cfg.Quorum {
				s.Add(i)
			} else {
				s.Add(quorum.Index(q, m.voters[i]))
			}
		}
	}
	return q.Contains(s)
}

// settled is agreed for the word of those that have a leader already. A quorum of the configuration in force is enough to
// follow: what this server has seen proposed may have come to nothing, and nobody else may know of it. (The original wants a
// quorum of that as well, and a server with a proposal that is dead looks for a leader until the others change theirs.)
func (m *Machine) settled(ballots []ballot, b ballot) bool {
	return m.agreed(ballots, b) || m.home != nil && b.vote.Leader != m.cfg.ID && m.agreedBy(m.home, ballots, b)
}

// agreedWithUs tells whether those that have settled are a quorum if this server joins them. Then their leader may be
// waiting for just that, in its discovery, and would for as long as initLimit. It is tried when the votes have been
// repeated once: normal elections are over by then. (The original does not.)
func (m *Machine) agreedWithUs(b ballot) bool {
	if m.self < 0 || m.now < m.cfg.NotifyMinTicks || m.shuns(b.vote.Leader) {
		return false
	}
	own := m.outside[m.self]
	m.outside[m.self] = b
	ok := m.agreed(m.outside, b)
	m.outside[m.self] = own
	return ok
}

// same compares ballots as the original does: servers that have settled may remember zxid and round of their vote
// differently (ZOOKEEPER-1805), and those before format 1 the epoch too (ZOOKEEPER-1732).
func (b ballot) same(o ballot) bool {
	if b.state == Looking || o.state == Looking {
		return b.vote == o.vote
	}
	if (b.version > 0) != (o.version > 0) {
		return b.vote.Leader == o.vote.Leader
	}
	return b.vote.Leader == o.vote.Leader && b.vote.PeerEpoch == o.vote.PeerEpoch
}

func (m *Machine) confirmed(ballots []ballot, v Vote) bool {
	if v.Leader == m.cfg.ID {
		return v.Round == m.round
	}
	i := slices.Index(m.voters, v.Leader)
	return i >= 0 && ballots[i].cast && ballots[i].state == Leading
}

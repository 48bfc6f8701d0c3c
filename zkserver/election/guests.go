package election

import (
	"slices"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Invite lets the voters of a configuration that others have seen proposed be asked, and elected, though this server goes by
// another and does not count them; nil ends that. Votes that have come are kept.
//
// It is needed where this server's vote is: a server that is new in a proposed configuration may have the newest history, all
// who know the proposal vote for it, and it needs a quorum of the present configuration besides one of its own. It cannot
// lead without both, whoever votes for it: so a vote for it is as harmless as any. (The original takes no such votes, and
// elects nobody until another server comes back.)
func (m *Machine) Invite(guests quorum.Verifier) {
	q := m.base
	if guests != nil {
		all, err := quorum.NewGuests(m.base, guests)
		if err != nil {
			return // too many servers: they stay strangers
		}
		q = all
	}
	recv, outside, told := m.recv, m.outside, m.told
	before := m.voters
	m.cfg.Quorum, m.voters = q, q.Voters()
	if m.self >= 0 {
		m.self = quorum.Index(q, m.cfg.ID)
	}
	m.recv, m.outside, m.told = make([]ballot, len(m.voters)), make([]ballot, len(m.voters)), make([]bool, len(m.voters))
	for i, sid := range before {
		if at := quorum.Index(q, sid); at >= 0 {
			m.recv[at], m.outside[at], m.told[at] = recv[i], outside[i], told[i]
		}
	}
	if m.state != Looking || m.decided || m.round == 0 {
		return
	}
	for _, sid := range m.voters {
		if sid != m.cfg.ID && !slices.Contains(before, sid) {
			m.reply(sid)
		}
	}
}

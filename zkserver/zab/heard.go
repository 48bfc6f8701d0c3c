package zab

import (
	"bytes"
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// A configuration that this server has not seen proposed, and another voter has, is hearsay. It tells who may be elected and
// where that server is, until the next round; it is not kept on disk, and nothing is decided by it.
//
// Is it safe to follow somebody by hearsay? What is promised rests on three things. A leader begins its epoch with
// acknowledgements of a quorum by its own configurations, the one in force and the one seen: hearsay changes neither, neither
// here nor there. A learner's part in that is its ACKEPOCH, with its true history, and its promise to join no older epoch: the
// same whoever is joined. And a leader refuses learners whose active configuration is newer than its own. So the vote for a
// server known by hearsay is a hint like any vote; it gets a server to join which may be all that a quorum lacks.

// seenData is the text that notifications carry of the configuration seen; nothing when that is the active one.
func (n *Node) seenData() []byte {
	if !n.outstanding() || !n.cfg.ReconfigEnabled {
		return nil
	}
	return n.seen.Data()
}

// hear takes what a voter says it has seen proposed. True: this server has a vote in it and none before, so it takes the
// proposal for seen, and the election has begun anew. Somebody may need that vote, or this server's history; and as it could
// not lead before, one more quorum that it needs for it takes nothing away.
func (n *Node) hear(v *election.Notification) bool {
	if n.status.Role != Looking || n.active == nil || !n.cfg.ReconfigEnabled || quorum.Index(n.q, v.From) < 0 {
		return false
	}
	if len(v.Seen) == 0 {
		if n.heardFrom == v.From {
			n.forgetHeard()
		}
		return false
	}
	if n.heard != nil && bytes.Equal(n.heard.Data(), v.Seen) {
		return false
	}
	m, err := quorum.ParseMembership(v.Seen)
	if err != nil || m.Quorum == nil || m.Version <= n.active.Version || m.Version == n.seen.Version {
		return false
	}
	if n.self < 0 && m.IsVoter(n.cfg.ID) && v.State == Looking {
		n.see(m)
		n.look()
		return true
	}
	n.heard, n.heardFrom, n.out.heardConfig = m, v.From, m
	n.el.Invite(m.Quorum)
	n.event(EventConfig, v.From, Zxid(m.Version), fmt.Sprintf("configuration %x proposed, says server %d", uint64(m.Version), v.From))
	return false
}

func (n *Node) forgetHeard() {
	if n.heard != nil {
		n.heard, n.out.heardConfig = nil, nil
		n.el.Invite(nil)
	}
}

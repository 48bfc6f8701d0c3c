package zab

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Two configurations are known at any time: the active one, and the one seen last, which is newer while a reconfiguration
// is proposed and not committed. As long as it is, nothing is decided without a quorum of both (A. Shraer, B. Reed,
// D. Malkhi, F. Junqueira, "Dynamic Reconfiguration of Primary/Backup Clusters", USENIX ATC 2012). The version of a
// configuration is the zxid of the entry that proposed it, which is how that entry is known again when it commits.
//
//	leader     PROPOSAL(reconfig)  seen = new   quorum of both   COMMITANDACTIVATE(leader to be)   active = new
//	newcomers  NEWLEADER(seen)     seen                          UPTODATE                          active
//	looking    notification of a newer active one                                                  active
//
// Differences from the original: an entry proposed before the reconfiguration and still outstanding needs both quorums too;
// discovery wants both where the original asks the active one only; a follower stays with a leader that got its vote only
// by the configuration told in NEWLEADER.
//
// A server that is new in a proposed configuration may have the newest history, and need the vote of one that has slept
// through the proposal and knows no such server. So our servers tell in their notifications what they have seen proposed:
// see heard.go.

// adopt makes the configurations of Config the node's.
func (n *Node) adopt() error {
	n.observer = n.cfg.Observer
	n.q = n.cfg.Quorum
	if n.cfg.Active == nil {
		n.self = quorum.Index(n.q, n.cfg.ID)
		return nil
	}
	n.active, n.seen = n.cfg.Active, n.cfg.Active
	if s := n.cfg.LastSeen; n.cfg.ReconfigEnabled && s != nil && s.Version > n.active.Version {
		n.seen = s
	}
	return n.rule()
}

// outstanding tells whether a reconfiguration is proposed and not committed.
func (n *Node) outstanding() bool { return n.active != nil && n.seen.Version > n.active.Version }

// configVersion is that of the active configuration.
func (n *Node) configVersion() int64 {
	if n.active == nil {
		return 0
	}
	return n.active.Version
}

// configData is the text of a configuration for the wire; nothing when there is none.
func configData(m *quorum.Membership) []byte {
	if m == nil {
		return nil
	}
	return m.Data()
}

// rule derives the quorum from the configurations, and the places of all voters in what is counted.
func (n *Node) rule() error {
	n.q = n.active.Quorum
	var home quorum.Verifier
	if n.outstanding() && n.seen.Quorum != nil && !n.seen.Same(n.active) {
		joint, err := quorum.NewJoint(n.active.Quorum, n.seen.Quorum)
		if err != nil {
			return fmt.Errorf("zab: configuration %x: %w", uint64(n.seen.Version), err)
		}
		n.q, home = joint, n.active.Quorum
	}
	n.self = quorum.Index(n.q, n.cfg.ID)
	if n.status.Role == Leading {
		n.lead.acked = make([]int64, len(n.q.Voters()))
		if n.self >= 0 && n.status.Phase == Broadcast {
			n.lead.acked[n.self] = int64(n.persisted)
		}
		for _, l := range n.lead.learners {
			l.voter = n.place(l)
			if l.voter >= 0 && l.stage >= stageSynced {
				n.lead.acked[l.voter] = int64(l.acked)
			}
		}
	}
	if n.el != nil {
		n.el.SetQuorum(n.q, home, configData(n.active), n.seenData())
		n.heard = nil
	}
	return nil
}

// place is that of a learner among the voters; -1 without a vote.
func (n *Node) place(l *learner) int {
	if l.observer {
		return -1
	}
	return quorum.Index(n.q, l.sid)
}

// peek looks whether an entry proposes a configuration.
func (n *Node) peek(data []byte) (*quorum.Membership, bool) {
	if n.cfg.Membership == nil || n.active == nil || !n.cfg.ReconfigEnabled {
		return nil, false
	}
	m, ok := n.cfg.Membership(data)
	return m, ok && m != nil && m.Quorum != nil
}

// see takes a proposed configuration. It replaces any seen before, even a newer one: that was proposed by a leader whose
// proposal did not survive.
func (n *Node) see(m *quorum.Membership) {
	if m.Version == n.seen.Version {
		return
	}
	old := n.seen
	n.seen = m
	if err := n.rule(); err != nil {
		n.seen = old
		n.event(EventConfig, quorum.None, Zxid(m.Version), err.Error())
		return
	}
	n.out.seenConfig = m
	n.event(EventConfig, quorum.None, Zxid(m.Version), fmt.Sprintf("configuration %x proposed", uint64(m.Version)))
}

// activate puts a configuration in force. True: this server's kind of membership has changed, so it must join anew.
func (n *Node) activate(m *quorum.Membership) (changed bool) {
	if m.Version <= n.active.Version {
		return false
	}
	same := m.Same(n.active)
	n.active = m
	if n.seen.Version <= m.Version {
		n.seen, n.out.seenConfig = m, nil
	}
	if err := n.rule(); err != nil {
		n.event(EventConfig, quorum.None, Zxid(m.Version), err.Error())
	}
	n.out.activeConfig = m
	n.event(EventConfig, quorum.None, Zxid(m.Version), fmt.Sprintf("configuration %x active", uint64(m.Version)))
	if same {
		return false
	}
	was := n.observer
	n.takePart()
	return was != n.observer
}

// takePart decides what kind of learner this server is. One that is to become a voter follows already: the
// reconfiguration may need its vote to be committed.
func (n *Node) takePart() {
	if n.active == nil {
		return
	}
	own, _ := n.active.Member(n.cfg.ID)
	n.observer = own.Observer && (!n.outstanding() || !n.seen.IsVoter(n.cfg.ID))
}

// notified takes the configuration that came with a notification: who looks for a leader and hears of a newer one begins
// again in it. True: the election has begun anew.
func (n *Node) notified(data []byte) bool {
	if !n.cfg.ReconfigEnabled || n.active == nil || n.status.Role != Looking || len(data) == 0 || bytes.Equal(data, n.active.Data()) {
		return false
	}
	m, err := quorum.ParseMembership(data)
	if err != nil || m.Quorum == nil || m.Version <= n.active.Version {
		return false
	}
	same := m.Same(n.active)
	n.activate(m)
	if same {
		return false
	}
	n.look()
	return true
}

// nameFirst gives the configuration of a new ensemble its first version: the zxid that begins the epoch. So the servers
// share one text, and a newcomer knows that its own is older.
func (n *Node) nameFirst() {
	if n.active == nil || !n.cfg.ReconfigEnabled || n.active.Version != 0 || n.outstanding() {
		return
	}
	n.see(n.active.WithVersion(int64(n.lead.newLeaderZxid())))
}

// designate chooses who leads under a new configuration: this server if it is a voter there under its old address, else
// the voter that has acknowledged most.
func (n *Node) designate(m *quorum.Membership) Sid {
	own, ok := m.Member(n.cfg.ID)
	before, was := n.active.Member(n.cfg.ID)
	if ok && !own.Observer && (!was || own.SamePeerAddress(before)) {
		return n.cfg.ID
	}
	best := (*learner)(nil)
	for _, l := range n.lead.learners {
		if l.stage == stageActive && !l.observer && m.IsVoter(l.sid) && m.Quorum.Weight(l.sid) > 0 && (best == nil || l.acked > best.acked) {
			best = l
		}
	}
	if best == nil {
		return n.cfg.ID
	}
	return best.sid
}

// handOver ends a leadership that a reconfiguration took away: whoever is designated is followed without an election.
func (n *Node) handOver(to Sid) {
	n.leave(to, fmt.Sprintf("server %d leads the new configuration", to))
	n.appoint(to)
}

// appoint takes a leader for elected.
func (n *Node) appoint(sid Sid) {
	n.lead, n.follow, n.paused = leader{}, follower{}, false
	n.status.Epoch = n.hard.CurrentEpoch
	n.el.Appoint(sid, n.w.lastZxid(), n.hard.CurrentEpoch)
	n.vote = election.Vote{Leader: sid, PeerEpoch: -1} // its history is not known
	n.since = n.now
	if sid == n.cfg.ID {
		n.startLeading()
		return
	}
	n.startFollowing(sid)
}

// committedConfig puts the configuration of a committed entry in force on a learner. Afterwards the learner may be another
// one: a follower of the designated leader, or that leader.
func (n *Node) committedConfig(m *quorum.Membership, designated Sid) {
	changed := n.activate(m)
	if designated == n.status.Leader && !changed {
		for _, early := range n.takeEarly() {
			n.drop(early.From, early.Link)
		}
		return
	}
	n.leave(designated, fmt.Sprintf("configuration %x: leader is server %d", uint64(m.Version), designated))
	n.appoint(designated)
}

// upToDateConfig puts in force what NEWLEADER told, or what was committed since. False: the role is given up. An original
// leader tells what it has seen last: if that was proposed in this very epoch and is not committed, it has to wait.
func (n *Node) upToDateConfig() bool {
	m := n.follow.told
	if m != nil && Zxid(m.Version) > max(n.known, zkproto.MakeZxid(n.follow.epoch, 0)) {
		m = nil
	}
	if a := n.follow.activated; a != nil && (m == nil || a.Version > m.Version) {
		m = a
	}
	if m == nil || m.Version <= n.active.Version {
		return true
	}
	leader := n.status.Leader
	before, was := n.active.Member(leader)
	now, is := m.Member(leader)
	same := m.Same(n.active)
	changed := n.activate(m)
	if same {
		return true
	}
	if !is || now.Observer || (was && !before.SamePeerAddress(now)) || changed {
		n.lost(leader, fmt.Sprintf("configuration %x changes the leader or this server's part", uint64(m.Version)))
		return false
	}
	return true
}

// activation is what COMMITANDACTIVATE and INFORMANDACTIVATE begin with: the designated leader.
func activation(sid Sid, data []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(data)), uint64(sid)), data...)
}

func decodeActivation(b []byte) (sid Sid, rest []byte, ok bool) {
	if len(b) < 8 {
		return quorum.None, nil, false
	}
	return Sid(binary.BigEndian.Uint64(b)), b[8:], true
}

// newLeaderConfig takes the text in NEWLEADER: the configuration the leader has seen last. What cannot be read is as good
// as none, as in the original.
func (n *Node) newLeaderConfig(data []byte) {
	if len(data) < 2 || n.active == nil || !n.cfg.ReconfigEnabled {
		return
	}
	m, err := quorum.ParseMembership(data)
	if err != nil || m.Quorum == nil {
		n.event(EventConfig, n.status.Leader, 0, "the leader's configuration cannot be read and is not taken over")
		return
	}
	n.follow.told = m
	n.see(m)
}

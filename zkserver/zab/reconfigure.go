package zab

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Active is the configuration in force; nil if Config gave none.
func (n *Node) Active() *quorum.Membership { return n.active }

// LastSeen is the configuration proposed last: newer than the active one while a reconfiguration is outstanding.
func (n *Node) LastSeen() *quorum.Membership { return n.seen }

// Quorum is the rule by which this node decides now.
func (n *Node) Quorum() quorum.Verifier { return n.q }

// Reconfigure computes the configuration that a request asks for, to be proposed as the entry z. It refuses by
// *quorum.ReconfigError, in the order of the original: RECONFIGDISABLED, UNIMPLEMENTED when standalone, RECONFIGINPROGRESS,
// those of quorum.Reconfigure, NEWCONFIGNOQUORUM when no quorum of the new servers follows this leader and is in sync.
// The caller checks the ACL of /zookeeper/config, puts String into a setData transaction of type reconfig, and proposes.
func (n *Node) Reconfigure(r *zkproto.ReconfigRequest, z Zxid) (*quorum.Membership, error) {
	no := func(code zkproto.Error, reason string) error {
		return &quorum.ReconfigError{Code: code, Reason: reason}
	}
	switch {
	case !n.cfg.ReconfigEnabled && !n.cfg.Standalone:
		return nil, no(zkproto.ErrReconfigDisabled, "reconfigEnabled is false")
	case n.cfg.Standalone || n.active == nil:
		return nil, no(zkproto.ErrUnimplemented, "a standalone server has no membership to change")
	case n.status.Role != Leading || n.status.Phase != Broadcast:
		return nil, no(zkproto.ErrReconfigInProgress, "this server does not lead")
	case n.outstanding():
		return nil, no(zkproto.ErrReconfigInProgress, fmt.Sprintf("configuration %x is not committed yet", uint64(n.seen.Version)))
	}
	next, err := quorum.Reconfigure(n.seen, r, int64(z), n.cfg.ReconfigRules)
	if err != nil {
		return nil, err
	}
	if missing, ok := n.synced(next); !ok {
		return nil, no(zkproto.ErrNewConfigNoQuorum, fmt.Sprintf(
			"no quorum of the new configuration follows in sync; missing are servers %v: start them first, with the present servers in their configuration", missing))
	}
	return next, nil
}

// synced tells whether a quorum of m is in sync with this leader, and which of its voters are not. Observers do not count,
// nor does one that has just become an observer and follows yet: it is about to join anew, and would get no proposals.
func (n *Node) synced(m *quorum.Membership) (missing []Sid, ok bool) {
	var s quorum.Set
	for i, sid := range m.Quorum.Voters() {
		l := n.lead.find(sid)
		own, _ := n.active.Member(sid)
		if sid == n.cfg.ID || (l != nil && !l.observer && !own.Observer && l.stage == stageActive) {
			s.Add(i)
			continue
		}
		missing = append(missing, sid)
	}
	slices.SortFunc(missing, cmp.Compare[Sid])
	return missing, m.Quorum.Contains(s)
}

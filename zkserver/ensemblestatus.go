package zkserver

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/peer"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// ensembleView is what the core notes for operators while it works.
type ensembleView struct {
	since     time.Time          // of the role and phase
	why       string             // the last role ended
	syncModes map[zab.Sid]string // diff, trunc or snap, by learner; of a learner: under its own id

	// For the metrics.
	status  zab.Status
	looking time.Time // when the election began; zero while there is none
	decided time.Time // when it ended
	away    time.Time // when clients were last served; zero while they are
}

// note keeps what an event tells.
func (v *ensembleView) note(self zab.Sid, e *zab.Event, q *quorumStats) {
	switch e.Kind {
	case zab.EventLost:
		v.why = e.Reason
	case zab.EventSync:
		if v.syncModes == nil {
			v.syncModes = map[zab.Sid]string{}
		}
		mode, direction, _ := strings.Cut(e.Reason, " ")
		peer := e.Peer
		if strings.HasPrefix(direction, "from") {
			peer = self
		}
		v.syncModes[peer] = strings.ToLower(mode)
		switch {
		case peer == self:
		case mode == "SNAP":
			q.snaps.Add(1)
		default:
			q.diffs.Add(1)
		}
	default:
	}
}

// begin notes that the role or phase has changed.
func (v *ensembleView) begin(now time.Time, st zab.Status, q *quorumStats) {
	v.since = now
	if v.status.Role != st.Role || v.status.Changes != st.Changes {
		q.sizes.reset()
	}
	v.measure(now, st, q)
	v.status = st
	if st.Phase == zab.Election {
		clear(v.syncModes)
	}
}

// State implements admin.Source.
func (s *Server) State() admin.State {
	switch {
	case !s.running.Load() || s.Err() != nil || !s.serves():
		return admin.NotServing
	case replica.Mode(s.mode.Load()) == replica.ModeReadOnly:
		return admin.ServingReads
	default:
		return admin.Serving
	}
}

// ensembleStatus is what operators see of the ensemble, nil for a standalone server. It may be called from any goroutine.
func (s *Server) ensembleStatus() *admin.Ensemble {
	if !s.distributed() {
		return nil
	}
	e := &admin.Ensemble{
		ID: s.cfg.MyID, Leader: quorum.None, Master: quorum.None, Members: configMembers(s.members.Load()),
		InitLimit: s.cfg.InitLimit, SyncLimit: s.cfg.SyncLimit, ClientAddr: s.clientAddr(), Serving: s.serves(),
	}
	var learners []zab.LearnerView
	s.onCore(func() { learners = s.fillEnsemble(e) })
	if len(learners) == 0 {
		return e
	}
	links := map[zab.Link]*peer.LinkStatus{}
	status := s.peers.Status()
	for i := range status.Links {
		links[status.Links[i].Link] = &status.Links[i]
	}
	for i := range learners {
		l := &learners[i]
		if p := links[zab.Link{Peer: l.ID, Link: l.Link}]; p != nil {
			a := &e.Learners[i]
			a.Addr, a.Established, a.Received, a.Sent, a.QueuedBytes = p.Address, p.Since, int64(p.Received), int64(p.Sent), int64(p.Queued)
			if a.Observer {
				s.stats.quorum.sinceReset(l.ID, l.Link, a)
			}
		}
	}
	return e
}

// fillEnsemble fills in what the core knows, and answers the learners it has filled in. The core calls it.
func (s *Server) fillEnsemble(e *admin.Ensemble) []zab.LearnerView {
	c := &s.core
	node := c.replica.Node()
	st := node.Status()
	e.Role, e.Phase = adminRoles[st.Role], strings.ToLower(st.Phase.String())
	if c.replica.Mode() == replica.ModeReadOnly {
		e.Role = admin.ReadOnly
	}
	e.Since, e.Leader, e.Epoch, e.SyncMode, e.Proposals = c.view.since, st.Leader, st.Epoch, c.view.syncModes[s.cfg.MyID], s.stats.quorum.proposalSizes()
	if !e.Serving {
		e.Why = c.view.why
	}
	silent := func(ticks uint64) time.Time { return s.clock.Now().Add(-time.Duration(ticks) * zabTick) }
	switch st.Role {
	case zab.Following, zab.Observing:
		e.Master, e.Heard, e.ObserverMaster = node.Upstream(), silent(node.LeaderSilent()), node.Relays()
	case zab.Leading:
		e.HasQuorum, e.Outstanding, e.SyncMode = st.Serving(), node.Outstanding(), ""
	case zab.Looking:
	}
	learners := node.Learners()
	for _, l := range learners {
		a := admin.Learner{
			ID: l.ID, Observer: l.Observer, Synced: l.Synced, SyncMode: c.view.syncModes[l.ID], Heard: silent(l.Silent), LastZxid: l.Acked,
		}
		if l.Observer {
			a.LastZxid = node.CommittedZxid()
		}
		e.Learners = append(e.Learners, a)
	}
	return learners
}

// electable tells whether other servers can reach this one, in words. A voter whose ports cannot be opened may follow, if it is the one
// that dials; nobody can follow it (ZOOKEEPER-3320).
func (s *Server) electable() (reason string, ok bool) {
	for _, p := range s.peers.Status().Ports {
		if !p.Open && p.Failures > 0 && p.Name != "observer" {
			return fmt.Sprintf("nobody can follow this server: its %s port %s could not be opened %d times in a row, the last time: %s; trying on",
				p.Name, p.Address, p.Failures, p.LastError), false
		}
	}
	return "the ports for other servers are open", true
}

var adminRoles = map[zab.Role]admin.Role{
	zab.Looking: admin.Looking, zab.Following: admin.Following, zab.Leading: admin.Leading, zab.Observing: admin.Observing,
}

// configMembers is a membership as the configuration has it.
func configMembers(m *quorum.Membership) config.Members {
	out := config.Members{Version: m.Version, Groups: m.Groups, Weights: m.Weights}
	for _, s := range m.Members {
		line := config.Server{ID: s.ID, Observer: s.Observer, ClientHost: s.ClientHost, ClientPort: s.ClientPort}
		for _, a := range s.Addresses {
			line.Addresses = append(line.Addresses, config.Address(a))
		}
		out.Servers = append(out.Servers, line)
	}
	return out
}

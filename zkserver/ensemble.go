package zkserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/peer"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// distributed tells whether this server is one of an ensemble.
func (s *Server) distributed() bool { return s.peers != nil }

// membership is the configuration as zab has it.
func membership(m *config.Members) (*quorum.Membership, error) {
	return quorum.ParseMembership([]byte(m.Text()))
}

// returnAfter is after how long an observer that had to join the leader looks for a follower again.
const returnAfter = 30 * time.Second

// zabConfig is what the zab core of an ensemble starts from.
func (s *Server) zabConfig(last zkproto.Zxid) (zab.Config, error) {
	e := &s.cfg.Ensemble
	active, err := membership(&e.Members)
	if err != nil {
		return zab.Config{}, err
	}
	var seen *quorum.Membership
	if e.LastSeen != nil {
		if seen, err = membership(e.LastSeen); err != nil {
			return zab.Config{}, err
		}
	}
	hard, err := store.LoadEpochs(s.fs, s.snapDir(), last)
	if err != nil {
		return zab.Config{}, err
	}
	if err := store.SaveEpochs(s.fs, s.snapDir(), hard, true, true); err != nil {
		return zab.Config{}, err
	}
	keep := e.CommitLogCount
	if keep == 0 {
		keep = -1
	}
	returns := 0
	if e.RejoinGrace > 0 { // else the clients would be closed for nothing
		returns = ticks(s.returnAfter)
	}
	tick := s.cfg.TickTime
	return zab.Config{
		ID: e.MyID, Active: active, LastSeen: seen, Observer: e.Observer(), ReconfigEnabled: e.ReconfigEnabled,
		Oracle: e.OraclePath != "", ObserverMaster: e.ObserverMasterPort > 0, ReturnTicks: returns,
		ReconfigRules: quorum.Rules{Standalone: e.StandaloneEnabled, MultiAddress: e.MultiAddress},
		AcceptedEpoch: hard.AcceptedEpoch, CurrentEpoch: hard.CurrentEpoch, LastZxid: last, Storage: storage{s},
		InitTicks: ticks(time.Duration(e.InitLimit) * tick), SyncTicks: ticks(time.Duration(e.SyncLimit) * tick), PingTicks: ticks(tick / 2),
		NotifyMinTicks: ticks(e.NotifyMin), NotifyMaxTicks: ticks(e.NotifyMax), KeepCommitted: keep, MaxCounter: s.lastCounter,
	}, nil
}

// ensembleOptions are the settings of the replica that matter to an ensemble.
func (s *Server) ensembleOptions(cfg *replica.Config) {
	e := &s.cfg.Ensemble
	cfg.RejoinGrace = e.RejoinGrace.Milliseconds()
	if e.RejoinGrace <= 0 {
		cfg.RejoinGrace = -1
	}
	cfg.LeaderServesNot = !e.LeaderServes
	cfg.ReadOnly, cfg.ReadOnlyAfter = s.cfg.ReadOnlyMode, max(2000, s.cfg.TickTime.Milliseconds())
	cfg.LocalSessions, cfg.LocalUpgrade = e.LocalSessions, e.LocalSessionsUpgrading
}

// peerServers are the members as the connections know them. Voters serve observers by masterPort, unless it is 0.
func peerServers(m *quorum.Membership, masterPort int) []peer.Server {
	var list []peer.Server
	for i := range m.Members {
		p := peer.Server{ID: m.Members[i].ID}
		for _, a := range m.Members[i].Addresses {
			p.Quorum = append(p.Quorum, net.JoinHostPort(a.Host, strconv.Itoa(a.QuorumPort)))
			p.Election = append(p.Election, net.JoinHostPort(a.Host, strconv.Itoa(a.ElectionPort)))
			if masterPort > 0 && !m.Members[i].Observer {
				p.Master = append(p.Master, net.JoinHostPort(a.Host, strconv.Itoa(masterPort)))
			}
		}
		list = append(list, p)
	}
	return list
}

// openPeers makes the connections to the other servers; Start opens them.
func (s *Server) openPeers() error {
	e := &s.cfg.Ensemble
	active, err := membership(&e.Members)
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.fromPeers.init()
	s.peerHandler.init(s, e.MaxSnapSyncs, e.MaxDiffSyncs)
	tick := s.cfg.TickTime
	s.peers, err = peer.New(peer.Config{
		ID: e.MyID, Servers: peerServers(active, e.ObserverMasterPort), CnxTimeout: e.ConnectTimeout,
		ConnectTimeout: time.Duration(e.ConnectLimit) * tick, InitTimeout: time.Duration(e.InitLimit) * tick,
		SyncTimeout:    time.Duration(e.SyncLimit) * tick,
		ListenOnAllIPs: e.ListenOnAllIPs, MultiAddress: e.MultiAddress, KeepAlive: e.QuorumKeepAlive, BindRetry: e.BindRetries,
		BindFailed: func(err error) { s.fail(fmt.Errorf("zkserver: %w", err)) }, MaxPacket: 2*s.cfg.MaxBuffer + 64<<10, Logger: s.log, TLS: s.peerTLS(),
	}, &s.peerHandler)
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.peers.Track(trackedMessages(&s.cfg))
	s.members.Store(active)
	if e.ReconfigEnabled && e.DynamicFile == "" && s.cfg.Source != "" {
		if err := s.dynamicFiles().Backup(); err != nil {
			return fmt.Errorf("zkserver: %w", err)
		}
	}
	return nil
}

// dynamicFiles are the files of the membership, beside zoo.cfg.
func (s *Server) dynamicFiles() config.DynamicFiles {
	return config.DynamicFiles{FS: s.fs, ZooCfg: s.cfg.Source}
}

// hearPeers hands what the other servers have said to the replica.
func (s *Server) hearPeers() {
	c := &s.core
	items := s.fromPeers.take(c.peerItems)
	c.peerItems = items
	for i := range items {
		m := &items[i].msg
		link := zab.Link{Peer: m.From, Link: m.Link}
		if items[i].moved {
			c.replica.Progress(link)
		} else if items[i].gone {
			s.peerHandler.forget(link)
			if items[i].silent {
				s.hintSilent(m.From, true) // before the election that this begins
			}
			c.replica.Disconnected(link)
		} else if err := c.replica.Step(*m); err != nil {
			s.badMessage(link, err)
		} else if m.Type == zab.Ack {
			s.countAck(m.From, m.Zxid)
		}
		if i%peerBatch == peerBatch-1 {
			if s.perform(); len(c.toLog) >= feedBatch {
				s.feedDisk(false)
			}
		}
	}
	if len(items) > 0 {
		s.perform()
		clear(items)
	}
}

// badMessage closes a link by which something came that must not.
func (s *Server) badMessage(l zab.Link, err error) {
	s.log.Warn("a peer broke the protocol; its link is closed", zap.Int64("peer", int64(l.Peer)), zap.Error(err))
	if l.Link != 0 {
		s.peers.Drop([]zab.Link{l})
	}
}

// beforeSending does what has to be durable before the messages of a Ready go out. An error ends the server.
func (s *Server) beforeSending(r *zab.Ready) error {
	for i := range r.Events {
		s.zabEvent(&r.Events[i])
	}
	if r.StatusChanged {
		s.statusChanged(r.Status)
	}
	if r.Install != nil {
		if err := s.install(r.Install); err != nil {
			return err
		}
	}
	if r.Truncate != nil {
		if err := s.truncate(*r.Truncate); err != nil {
			return err
		}
	}
	if r.SaveAccepted || r.SaveCurrent {
		if err := store.SaveEpochs(s.fs, s.snapDir(), r.HardState, r.SaveAccepted, r.SaveCurrent); err != nil {
			return fmt.Errorf("zkserver: %w", err)
		}
	}
	if r.ActiveConfig != nil || r.SeenConfig != nil {
		if err := s.saveMembership(r.ActiveConfig, r.SeenConfig); err != nil {
			return err
		}
	}
	if r.HeardConfig != nil {
		s.heardMembership(r.HeardConfig)
	}
	return nil
}

// zabEvent writes an event of the zab core to the log.
func (s *Server) zabEvent(e *zab.Event) {
	s.core.view.note(s.cfg.MyID, e, &s.stats.quorum)
	level := zap.DebugLevel
	switch e.Kind {
	case zab.EventStarted, zab.EventLost, zab.EventDropped, zab.EventSync, zab.EventConfig:
		level = zap.InfoLevel
	case zab.EventIgnored:
	}
	if ce := s.log.Check(level, "zab: "+e.Kind.String()); ce != nil {
		fields := []zap.Field{zap.String("reason", e.Reason), zap.Stringer("zxid", e.Zxid)}
		if e.Peer != quorum.None {
			fields = append(fields, zap.Int64("peer", int64(e.Peer)))
		}
		ce.Write(fields...)
	}
}

// statusChanged publishes what this server is now.
func (s *Server) statusChanged(st zab.Status) {
	s.core.view.begin(s.core.now, st, &s.stats.quorum)
	s.log.Info("state", zap.Stringer("state", st.Role), zap.Stringer("phase", st.Phase), zap.Int64("leader", int64(st.Leader)),
		zap.Uint32("epoch", st.Epoch))
}

// quietDisk waits until the log has finished what it was given, and no snapshot is written; it keeps it so until release is
// called. What zab has handed out is written, or forgotten.
func (s *Server) quietDisk(forget bool) (release func(), err error) {
	c := &s.core
	s.hurry.Store(true)
	defer s.hurry.Store(false)
	for s.disk.busy.Load() || !c.snapshotting.CompareAndSwap(false, true) {
		t := s.clock.NewTimer(time.Millisecond)
		select {
		case <-s.disk.idle:
		case <-t.C(): // the snapshot may be what is waited for
		case <-s.failed:
			t.Stop()
			return nil, s.Err()
		case <-c.giveUp:
			t.Stop()
			return nil, errStopping
		}
		t.Stop()
	}
	release = func() { c.snapshotting.Store(false) }
	if !forget && len(c.toLog) > 0 {
		s.store.Logged(c.toLog)
		if err := s.disk.write(s, diskJob{records: c.toLog}); err != nil {
			release()
			return nil, s.disk.failure(s, err)
		}
	}
	clear(c.toLog)
	c.toLog = c.toLog[:0]
	return release, nil
}

// install puts the leader's snapshot in the place of this server's history.
func (s *Server) install(snap *zab.Snapshot) error {
	begin := s.clock.Now()
	got := s.peerHandler.takeReceived(zab.Link{Peer: snap.From, Link: snap.Link})
	release, err := s.quietDisk(true)
	if err != nil {
		return err
	}
	defer release()
	st, err := s.store.Install(got)
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.replaced(st)
	s.core.planSnapshot(s, true)
	s.log.Info("the leader's snapshot is in place", zap.Stringer("zxid", snap.Zxid), zap.String("path", st.Snapshot),
		zap.Duration("took", s.clock.Now().Sub(begin)))
	return nil
}

// truncate cuts this server's history behind z.
func (s *Server) truncate(z zkproto.Zxid) error {
	release, err := s.quietDisk(false)
	if err != nil {
		return err
	}
	defer release()
	st, err := s.store.Truncate(z, s.tree)
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.log.Info("history truncated", zap.Stringer("zxid", z), zap.Bool("reloaded", st != nil))
	if st != nil {
		s.replaced(st)
		return nil
	}
	s.restartDisk(z)
	return nil
}

// replaced takes another state.
func (s *Server) replaced(st *store.State) {
	s.treeMu.Lock()
	s.tree = st.Tree
	s.setConfigNode(s.members.Load())
	s.core.replica.Replaced(st.Tree, st.Sessions)
	s.treeMu.Unlock()
	s.restartDisk(st.LastZxid)
	s.trimmer.signal() // the former state, and what has become of the stream that this one came in
}

// restartDisk lets nothing be reported that was logged before.
func (s *Server) restartDisk(z zkproto.Zxid) {
	s.disk.persisted.Store(int64(z))
	s.core.logged = z
}

// saveMembership keeps the configuration of the ensemble in the files beside zoo.cfg, and goes by it from now on.
func (s *Server) saveMembership(active, seen *quorum.Membership) error {
	files := s.dynamicFiles()
	keep := s.cfg.ReconfigEnabled && s.cfg.Source != ""
	if active != nil {
		s.log.Info("configuration of the ensemble", zap.String("members", active.String()))
		s.followClientPort(s.members.Load(), active)
		s.members.Store(active)
		if err := s.peers.SetServers(peerServers(active, s.cfg.ObserverMasterPort)); err != nil {
			s.log.Error("the connections to the other servers cannot follow the new configuration", zap.Error(err))
		}
		own, member := active.Member(s.cfg.MyID)
		if keep {
			if err := files.Decide(active.Version, active.Data(), member && own.ClientPort != 0); err != nil {
				return fmt.Errorf("zkserver: %w", err)
			}
		}
		s.treeMu.Lock()
		s.setConfigNode(active)
		s.treeMu.Unlock()
	}
	if seen == nil {
		return nil
	}
	s.log.Info("configuration proposed", zap.String("members", seen.String()))
	if err := s.peers.SetServers(union(peerServers(s.members.Load(), s.cfg.ObserverMasterPort), peerServers(seen, s.cfg.ObserverMasterPort))); err != nil {
		s.log.Error("the connections to the other servers cannot follow the proposed configuration", zap.Error(err))
	}
	if keep {
		if err := files.Propose(seen.Data()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("zkserver: %w", err)
		}
	}
	return nil
}

// heardMembership makes servers known that another server has seen proposed: one of them may be elected.
func (s *Server) heardMembership(heard *quorum.Membership) {
	port := s.cfg.ObserverMasterPort
	servers := peerServers(s.members.Load(), port)
	if seen := s.core.replica.Node().LastSeen(); seen != nil {
		servers = union(servers, peerServers(seen, port))
	}
	if err := s.peers.SetServers(union(servers, peerServers(heard, port))); err != nil {
		s.log.Error("the connections to the other servers cannot follow a configuration that another has seen proposed", zap.Error(err))
	}
}

// union adds the servers of b that a lacks.
func union(a, b []peer.Server) []peer.Server {
	known := map[zab.Sid]bool{}
	for i := range a {
		known[a[i].ID] = true
	}
	for i := range b {
		if !known[b[i].ID] {
			a = append(a, b[i])
		}
	}
	return a
}

// setConfigNode puts the membership into /zookeeper/config, unless a later one is there by a transaction. Where the
// membership cannot change in place, the configuration of this server is what counts, whatever the data say
// (ZOOKEEPER-2819). The tree is locked for writing, or nobody else has it.
func (s *Server) setConfigNode(m *quorum.Membership) {
	_, stat, _, ok := s.tree.Get("/zookeeper/config")
	if !ok || !s.cfg.ReconfigEnabled || int64(stat.Mzxid) < m.Version || m.Version == 0 && stat.Mzxid == 0 {
		s.tree.SetConfig(m.Data(), zkproto.Zxid(m.Version), s.clock.Now().UnixMilli())
	}
}

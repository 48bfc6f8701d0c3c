package zkserver

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// recover builds the state from the newest valid snapshot and the log behind it.
func (s *Server) recover() error {
	announced, err := s.takeInitialize()
	if err != nil {
		return err
	}
	var st *store.State
	s.store, st, err = store.Open(store.Options{
		FS: s.fs, SnapDir: s.snapDir(), LogDir: s.logDir(), Tree: s.treeOptions(), Snapshot: s.snapshotOptions(), Logger: s.log,
		Load: snapshot.LoadOptions{TrustEmpty: s.cfg.TrustEmpty, RefuseEmpty: !s.cfg.DBAutocreate && !announced},
		Log: txnlog.Options{
			PreallocSize: s.cfg.PreAllocSize, NoSync: !s.cfg.ForceSync,
			SyncWarn: s.cfg.FsyncWarnThreshold, SizeLimit: max(0, s.cfg.LogSizeLimit), Logger: s.log, OnSync: s.stats.synced,
		},
		OnMismatch: s.digestMismatch,
	})
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.tree = st.Tree
	if err := s.core.init(s, st.LastZxid, st.Sessions); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.core.sinceSnapshot = st.Replayed
	s.log.Info("recovered", zap.Stringer("zxid", st.LastZxid), zap.String("snapshot", st.Snapshot),
		zap.Int("replayed", st.Replayed), zap.Int("sessions", len(st.Sessions)), zap.Int("znodes", s.tree.NodeCount()))
	return nil
}

// newPrep is the preparation of requests for the tree and the sessions there are now.
func (s *Server) newPrep() *prep.Prep {
	return prep.New(s.tree, s.core.sessions, s.registry, prep.Config{
		ExtendedTypes: s.cfg.ExtendedTypes, EnforceQuota: s.cfg.EnforceQuota, OnQuota: s.quotaExceeded,
	})
}

// treeOptions are the settings of the tree.
func (s *Server) treeOptions() []tree.Option {
	var options []tree.Option
	if s.cfg.ExtendedTypes {
		options = append(options, tree.WithExtendedTypes())
	}
	if s.cfg.Emulate353TTL {
		options = append(options, tree.WithEmulate353TTL())
	}
	if !s.cfg.Digest {
		options = append(options, tree.WithoutDigest())
	}
	return options
}

// initializeFile in the directory of the logs or the data announces that a server begins without data (ZOOKEEPER-261).
const initializeFile = "initialize"

// takeInitialize removes the file that announces an empty start, and tells whether it was there.
func (s *Server) takeInitialize() (found bool, err error) {
	for _, dir := range []string{s.cfg.LogDir(), s.cfg.DataDir} {
		err := s.fs.Remove(filepath.Join(dir, initializeFile))
		switch {
		case err == nil:
			found = true
			s.log.Info("found the file initialize: an empty server may begin", zap.String("path", dir))
		case !errors.Is(err, fs.ErrNotExist):
			return found, fmt.Errorf("zkserver: %w", err)
		}
	}
	return found, nil
}

// quotaExceeded tells of a request that goes over a quota, each path at most once a minute.
func (s *Server) quotaExceeded(e prep.Exceeded) {
	now := s.core.now
	if last, ok := s.core.quotaTold[e.Path]; ok && now.Sub(last) < time.Minute {
		return
	}
	if s.core.quotaTold == nil || len(s.core.quotaTold) > 1000 {
		s.core.quotaTold = map[string]time.Time{}
	}
	s.core.quotaTold[e.Path] = now
	s.log.Warn("quota exceeded", zap.String("path", e.Path), zap.Int64(e.What, e.Value), zap.Int64("limit", e.Limit),
		zap.Bool("hard", e.Hard), zap.Bool("refused", e.Hard && s.cfg.EnforceQuota))
}

// init makes the core for a state that ends with last.
func (c *core) init(s *Server, last zkproto.Zxid, sessions map[zkproto.SessionID]int32) error {
	const self = zab.Sid(1)
	alone, err := quorum.NewMajority(self)
	if err != nil {
		return err
	}
	c.node, err = zab.New(zab.Config{
		ID: self, Quorum: alone, Standalone: true, AcceptedEpoch: last.Epoch(),
		CurrentEpoch: last.Epoch(), LastZxid: last,
	})
	if err != nil {
		return err
	}
	c.bucket = expiryBucket(s.cfg.TickTime)
	now := s.sinceStart(s.clock.Now())
	c.sessions = session.New(int32(c.bucket.Milliseconds()), now)
	for id, timeout := range sessions {
		c.sessions.Add(id, timeout, now) // every timeout starts again when clients can be served again
	}
	c.owners = map[zkproto.SessionID]*client{}
	c.nextSession = session.FirstID(0, s.clock.Now().UnixMilli())
	c.prep = s.newPrep()
	c.proposed = last
	c.planSnapshot(s, true)
	return nil
}

package zkserver

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// recover builds the state from the newest valid snapshot and the log behind it.
func (s *Server) recover() (err error) {
	announced, err := s.takeInitialize()
	if err != nil {
		return err
	}
	var st *store.State
	begin, loaded := s.clock.Now(), s.clock.Now()
	collect := snapshot.WithoutGC()
	defer func() { s.settle(collect, err) }()
	s.store, st, err = store.Open(store.Options{
		FS: s.fs, SnapDir: s.snapDir(), LogDir: s.logDir(), Tree: s.treeOptions(), Snapshot: s.snapshotOptions(), Logger: s.log,
		Load: snapshot.LoadOptions{TrustEmpty: s.cfg.TrustEmpty, RefuseEmpty: !s.cfg.DBAutocreate && !announced},
		Log: txnlog.Options{
			PreallocSize: s.cfg.PreAllocSize, NoSync: !s.cfg.ForceSync, Park: s.peers != nil,
			SyncWarn: s.cfg.FsyncWarnThreshold, SizeLimit: max(0, s.cfg.LogSizeLimit), Logger: s.log, OnSync: s.stats.synced,
		},
		History: s.distributed(), OnMismatch: s.digestMismatch, OnLoaded: func() { loaded = s.clock.Now() },
		Collect: collect,
	})
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.stats.snapLoadTime.Observe(loaded.Sub(begin))
	s.stats.replayTime.Observe(s.clock.Now().Sub(loaded))
	s.tree = st.Tree
	if err := s.core.init(s, st); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.log.Info("recovered", zap.Stringer("zxid", st.LastZxid), zap.String("snapshot", st.Snapshot),
		zap.Int("replayed", st.Replayed), zap.Int("sessions", len(st.Sessions)), zap.Int("znodes", s.tree.NodeCount()))
	return nil
}

// manyZnodes is how large a tree is whose loading leaves enough garbage to give it back to the system at once.
const manyZnodes = 50_000

// settle lets the garbage collector run after a recovery. What loading a large tree has left, a third of all memory, goes back
// to the system, beside the first requests: by itself the collector would keep it for a heap that may grow to that size.
func (s *Server) settle(collect func(), err error) {
	if err != nil || s.tree.NodeCount() < manyZnodes {
		collect()
		return
	}
	s.group.Go(func() {
		debug.FreeOSMemory()
		collect()
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
	if e.Hard && s.cfg.EnforceQuota {
		s.stats.overQuota.GetBytes(namespace([]byte(e.Path))).Add(1)
	}
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

// init makes the core for a state that was recovered.
func (c *core) init(s *Server, st *store.State) error {
	c.bucket = expiryBucket(s.cfg.TickTime)
	c.interval = c.bucket
	cfg := replica.Config{
		Tree: st.Tree, Sessions: st.Sessions, Registry: s.registry, Host: host{s}, Now: s.moment(s.clock.Now()),
		Prep: prep.Config{
			ExtendedTypes: s.cfg.ExtendedTypes, EnforceQuota: s.cfg.EnforceQuota, OnQuota: s.quotaExceeded,
			ReconfigEnabled: s.cfg.ReconfigEnabled, Longest: s.longestTxn,
		},
		BucketMillis: int32(c.bucket.Milliseconds()),
	}
	var err error
	if s.distributed() {
		c.interval = zabTick
		if cfg.Zab, err = s.zabConfig(st.LastZxid); err != nil {
			return err
		}
		cfg.Zab.Bottom = st.SnapshotZxid
		s.ensembleOptions(&cfg)
		s.setConfigNode(s.members.Load())
	} else if cfg.Zab, err = standalone(st.LastZxid); err != nil {
		return err
	}
	cfg.TickMillis = c.interval.Milliseconds()
	if c.replica, err = replica.New(cfg); err != nil {
		return err
	}
	s.setMode(c.replica.Mode())
	c.logged = st.LastZxid
	c.planSnapshot(s, true)
	c.sinceSnapshot = st.Replayed
	return nil
}

// standalone is the zab core of a server that runs alone.
func standalone(last zkproto.Zxid) (zab.Config, error) {
	const self = zab.Sid(1)
	alone, err := quorum.NewMajority(self)
	return zab.Config{
		ID: self, Quorum: alone, Standalone: true, AcceptedEpoch: last.Epoch(), CurrentEpoch: last.Epoch(), LastZxid: last,
	}, err
}

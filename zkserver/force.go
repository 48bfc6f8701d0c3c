package zkserver

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// ForceReport is what ForceNewCluster does, or would do.
type ForceReport struct {
	ID            quorum.Sid
	Before, After config.Members
	// LastZxid is the end of this server's history. All of it is kept, also what a majority may never have had. What other
	// servers have behind it is lost.
	LastZxid zkproto.Zxid
	Znodes   int
	Sessions int
	// Epoch is the new epoch: later than every one this server knows of, so that a former member that comes back can neither
	// lead it nor follow an older leader.
	Epoch uint32
	// DynamicFile is the file that holds the new membership; zoo.cfg names it.
	DynamicFile string
	// Standalone tells that the server will run alone, because standaloneEnabled is true: others can join only after
	// standaloneEnabled=false and reconfigEnabled=true are set, or with new server lines in every zoo.cfg.
	Standalone bool
}

var errForceAlone = errors.New("zkserver: force-new-cluster: this configuration is not that of an ensemble (fewer than two participants, or no " +
	"server lines): there is nothing to repair, start the server")

// ForceNewCluster makes the data of one stopped server a new ensemble, of itself alone, when the majority of the old one is
// lost for good. With apply false it only tells what it would do. The server must not run, and no former member may ever be
// started again with its old data and configuration: two ensembles with the same name would go different ways.
//
// What it does, in this order, each step durable, repeatable after a crash: the epochs are raised; the membership that was
// being decided is dropped; zoo.cfg names a new membership of this server alone as a participant.
func ForceNewCluster(cfg config.Config, apply bool, options ...Option) (ForceReport, error) {
	if err := cfg.Validate(); err != nil {
		return ForceReport{}, err
	}
	if !cfg.Distributed() {
		return ForceReport{}, errForceAlone
	}
	s, err := New(cfg, options...)
	if err != nil {
		return ForceReport{}, err
	}
	defer s.release()
	if cfg.Source == "" {
		return ForceReport{}, errors.New("zkserver: force-new-cluster: the configuration was not read from a file, so it cannot be changed there")
	}
	if err := s.lockDirs(); err != nil {
		return ForceReport{}, err
	}
	r, hard, err := s.planForce()
	if err != nil || !apply {
		return r, err
	}
	return r, s.force(&r, hard)
}

// planForce reads the state and decides on epoch and membership.
func (s *Server) planForce() (ForceReport, zab.HardState, error) {
	r := ForceReport{ID: s.cfg.MyID, Before: s.cfg.Members, Standalone: s.cfg.StandaloneEnabled}
	self := s.cfg.Server(s.cfg.MyID)
	if self == nil {
		return r, zab.HardState{}, fmt.Errorf("zkserver: force-new-cluster: server %d is not among the server lines of %s", s.cfg.MyID, s.cfg.Source)
	}
	st, files, err := store.Open(store.Options{
		FS: s.fs, SnapDir: s.snapDir(), LogDir: s.logDir(), Tree: s.treeOptions(), Logger: s.log,
		Load: snapshot.LoadOptions{TrustEmpty: s.cfg.TrustEmpty, RefuseEmpty: true}, Log: txnlog.Options{PreallocSize: -1, Logger: s.log},
	})
	if err != nil {
		return r, zab.HardState{}, fmt.Errorf("zkserver: force-new-cluster: the data of this server cannot be used: %w", err)
	}
	if err := st.Log.Close(); err != nil {
		return r, zab.HardState{}, fmt.Errorf("zkserver: %w", err)
	}
	hard, err := store.LoadEpochs(s.fs, s.snapDir(), files.LastZxid)
	if err != nil {
		return r, hard, fmt.Errorf("zkserver: %w", err)
	}
	r.LastZxid, r.Znodes, r.Sessions = files.LastZxid, files.Tree.NodeCount(), len(files.Sessions)
	r.Epoch = max(hard.AcceptedEpoch, files.LastZxid.Epoch(), zkproto.Zxid(s.cfg.Members.Version).Epoch()) + 1
	line := *self
	line.Observer = false
	r.After = config.Members{Version: int64(zkproto.MakeZxid(r.Epoch, 0)), Servers: []config.Server{line}}
	name, err := filepath.Abs(s.cfg.Source)
	if err != nil {
		return r, hard, fmt.Errorf("zkserver: %w", err)
	}
	r.DynamicFile = name + ".dynamic." + strconv.FormatInt(r.After.Version, 16)
	return r, hard, nil
}

// force does what was planned.
func (s *Server) force(r *ForceReport, hard zab.HardState) error {
	s.log.Warn("force-new-cluster: this server's data become a new ensemble of itself alone; what other servers had behind it is lost",
		zap.Int64("sid", int64(r.ID)), zap.Stringer("zxid", r.LastZxid), zap.Uint32("epoch", r.Epoch), zap.Uint32("formerEpoch", hard.CurrentEpoch),
		zap.String("before", r.Before.Text()), zap.String("after", r.After.Text()))
	next := zab.HardState{AcceptedEpoch: r.Epoch, CurrentEpoch: r.Epoch}
	if err := store.SaveEpochs(s.fs, s.snapDir(), next, true, true); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	if err := s.dynamicFiles().Decide(r.After.Version, []byte(r.After.Text()), r.After.Servers[0].ClientPort != 0); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.log.Warn("force-new-cluster: done", zap.String("path", r.DynamicFile))
	return nil
}

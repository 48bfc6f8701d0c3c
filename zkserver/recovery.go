package zkserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// recover builds the state from the newest valid snapshot and the log behind it.
func (s *Server) recover() error {
	options := s.treeOptions()
	announced, err := s.takeInitialize()
	if err != nil {
		return err
	}
	loaded, err := snapshot.LoadWith(s.fs, s.snapDir(), s.logDir(), func() snapshot.Loader[*tree.Tree] {
		return tree.NewLoader(options...)
	}, snapshot.LoadOptions{TrustEmpty: s.cfg.TrustEmpty, RefuseEmpty: !s.cfg.DBAutocreate && !announced})
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	for _, skipped := range loaded.Skipped {
		s.log.Warn("snapshot is not valid, an older one is used", zap.String("path", skipped.Path), zap.Error(skipped.Err))
	}
	s.tree = loaded.State
	if !loaded.Found {
		s.tree = tree.New(options...)
	}
	if s.tree.Expect(tree.ZxidDigest(loaded.Digest)) {
		s.digestMismatch(loaded.Zxid)
	}
	replayed, err := s.replay(loaded.Zxid, loaded.Sessions)
	if err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	if len(s.tree.Quotas()) > 0 {
		s.tree.RebuildQuotas()
	}
	last := max(loaded.Zxid, replayed.LastZxid)
	if last == 0 && !loaded.Found {
		// The original refuses a directory with log files and no snapshot, so a new server leaves one behind.
		src := &snapshotSource{s: s, sessions: loaded.Sessions}
		if _, err = snapshot.WriteWith(s.fs, s.snapDir(), 0, src, s.snapshotOptions()); err != nil {
			return fmt.Errorf("zkserver: %w", err)
		}
	}
	if s.disk.log, err = txnlog.Open(s.fs, s.logDir(), txnlog.Options{
		PreallocSize: s.cfg.PreAllocSize, NoSync: !s.cfg.ForceSync,
		SyncWarn: s.cfg.FsyncWarnThreshold, SizeLimit: max(0, s.cfg.LogSizeLimit), Logger: s.log, OnSync: s.stats.synced,
	}); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	if err := s.core.init(s, last, loaded.Sessions); err != nil {
		return fmt.Errorf("zkserver: %w", err)
	}
	s.core.sinceSnapshot = replayed.Records
	s.log.Info("recovered", zap.Stringer("zxid", last), zap.String("snapshot", loaded.Path),
		zap.Int("replayed", replayed.Records), zap.Int("sessions", len(loaded.Sessions)), zap.Int("znodes", s.tree.NodeCount()))
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

// replay applies the log from the snapshot's zxid on, to the tree and to the sessions.
func (s *Server) replay(from zkproto.Zxid, sessions map[zkproto.SessionID]int32) (txnlog.Result, error) {
	res, err := txnlog.Replay(s.fs, s.logDir(), from, func(r txnlog.Record) error {
		h, txn, digest, err := decodeTxn(append([]byte(nil), r.Data...)) // the tree keeps parts of it
		if err != nil {
			return err
		}
		switch t := txn.(type) {
		case *zkproto.CreateSessionTxn:
			sessions[h.ClientID] = t.TimeoutMillis
		case *zkproto.CloseSessionTxn:
			delete(sessions, h.ClientID)
		}
		before := s.tree.DigestMismatches()
		s.tree.Apply(&h, txn, nil)
		s.tree.Verify(digest)
		if s.tree.DigestMismatches() > before {
			s.digestMismatch(h.Zxid)
		}
		return nil
	})
	if torn := res.TornTail; torn != nil {
		s.log.Warn("the end of the log was never synced and is cut off: nothing that was acknowledged is lost",
			zap.String("path", torn.File), zap.Int64("offset", torn.Offset), zap.Int64("bytes", torn.Bytes), zap.String("reason", torn.Reason))
	}
	return res, err
}

// digestSize is what a TxnDigest takes behind the transaction.
const digestSize = 4 + 8

// bareWithDigest tells whether what follows the header of a closeSession is a digest alone, as releases since 3.6 write it
// with closeSessionTxn.enabled=false. A list of paths of that length has one path, so it begins with another number.
func bareWithDigest(body []byte) bool {
	return len(body) == digestSize && binary.BigEndian.Uint32(body) == uint32(tree.DigestVersion)
}

// decodeTxn reads a logged transaction; the digest has Version 0 when there is none.
func decodeTxn(data []byte) (zkproto.TxnHeader, zkproto.Txn, zkproto.TxnDigest, error) {
	var h zkproto.TxnHeader
	var digest zkproto.TxnDigest
	d := jute.NewDecoder(data)
	h.Decode(&d)
	if err := d.Err(); err != nil {
		return h, nil, digest, fmt.Errorf("transaction header: %w", err)
	}
	if h.Type == zkproto.OpCloseSession && bareWithDigest(data[d.Offset():]) {
		digest.Decode(&d)
		return h, &zkproto.CloseSessionTxn{Bare: true}, digest, d.Err()
	}
	txn, err := zkproto.DecodeTxn(h.Type, &d)
	if err != nil {
		return h, nil, digest, fmt.Errorf("transaction %s: %w", h.Zxid, err)
	}
	if d.Remaining() == digestSize {
		digest.Decode(&d)
	}
	return h, txn, digest, nil
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

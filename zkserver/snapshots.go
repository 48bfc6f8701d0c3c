package zkserver

import (
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// planSnapshot decides when the next snapshot is due: after half of snapCount transactions and a random part of the other
// half, so that the servers of an ensemble do not all write at the same time. fresh starts counting anew.
func (c *core) planSnapshot(s *Server, fresh bool) {
	if fresh {
		c.sinceSnapshot, c.bytesSince = 0, 0
	}
	cfg := s.live.Load()
	half := max(1, cfg.SnapCount/2)
	c.snapAfter = half + rand.IntN(half)
	c.snapBytes = 0
	if limit := cfg.SnapSizeLimit; limit > 1 {
		c.snapBytes = limit/2 + rand.Int64N(limit/2)
	}
}

// snapshotIfDue starts a snapshot in the background, and tells that the log should go on in a new file.
func (s *Server) snapshotIfDue() bool {
	c := &s.core
	if c.sinceSnapshot <= c.snapAfter && (c.snapBytes == 0 || c.bytesSince <= c.snapBytes) {
		return false
	}
	if !c.snapshotting.CompareAndSwap(false, true) {
		return false // the last one is still being written
	}
	c.planSnapshot(s, true)
	src := &snapshotSource{mu: &s.treeMu, tree: s.tree, sessions: c.replica.Sessions()}
	zxid := s.tree.LastZxid()
	s.group.Go(func() {
		defer c.snapshotting.Store(false)
		s.takeSnapshot(zxid, src)
	})
	return true
}

// takeSnapshot writes a snapshot. When that fails the server goes on: nothing is lost, the log only gets longer.
func (s *Server) takeSnapshot(zxid zkproto.Zxid, src *snapshotSource) {
	begin := s.clock.Now()
	options := s.snapshotOptions()
	options.Pace = s.pacer()
	written, err := snapshot.WriteWith(s.fs, s.snapDir(), zxid, src, options)
	if err != nil {
		s.stats.snapFailures.Add(1)
		s.log.Error("the snapshot could not be written; the server goes on without it", zap.Stringer("zxid", zxid), zap.Error(err))
		return
	}
	took := s.clock.Now().Sub(begin)
	s.volumes.lastSnapshot.Store(written.Size)
	s.volumes.unpurged.Add(1)
	if s.piledUp(s.live.Load()) {
		s.wakeHouse()
	}
	s.stats.snapshots.Add(1)
	s.stats.snapshotTime.Observe(took)
	s.log.Info("snapshot written", zap.String("path", written.Path), zap.Int64("bytes", written.Size),
		zap.Int("znodes", written.Nodes), zap.Duration("took", took))
}

const (
	// longestPause bounds a pause within a snapshot.
	longestPause = 50 * time.Millisecond
	// besideWrites is the size of a piece while there are writes, on a disk that takes less than slowDisk for one, and quickPiece on
	// one that takes less than quickDisk: at that pace a million znodes of 100 bytes take 7 s, pauses and all.
	besideWrites = 128 << 10
	slowDisk     = 10 * time.Millisecond
	quickPiece   = 64 << 10
	quickDisk    = 1250 * time.Microsecond
	// largePiece is the size of a piece that comes from the leader, on a slower disk.
	largePiece = 4 << 20
)

// pacer returns a function that pauses a snapshot for as long as its last piece took: half of the disk's time, and of a
// processor's, stays for those who wait for an answer. Not when the server stops, or somebody waits for the end.
//
// It answers the size of the next piece. A write waits for the rest of one, so they are small while there are writes; but the less so
// the slower the disk is, which takes nearly as long for a small one: the snapshot would not end.
func (s *Server) pacer() func() int {
	last, logged := s.clock.Now(), s.disk.lastPersisted()
	return func() int {
		if s.hurry.Load() {
			return snapshot.Piece
		}
		took := s.clock.Now().Sub(last)
		t := s.clock.NewTimer(min(took, longestPause))
		defer t.Stop()
		select {
		case <-t.C():
		case <-s.quit:
		}
		last = s.clock.Now()
		before := logged
		logged = s.disk.lastPersisted()
		return nextPiece(took, logged != before)
	}
}

// nextPiece is how large a piece of a snapshot is behind one that took so long.
func nextPiece(took time.Duration, writes bool) int {
	switch {
	case writes && took < quickDisk:
		return quickPiece
	case writes && took < slowDisk:
		return besideWrites
	}
	return snapshot.Piece
}

// settleReceived makes durable what has come of a snapshot from the leader, and pauses for three times as long as that took: a disk that
// others write to as well, their logs among that, is theirs most of the time. Pieces are small, but not on a slow disk, which takes as long for a
// small one: it would take for ever.
func (s *Server) settleReceived(f vfs.File) (next int, err error) {
	begin := s.clock.Now()
	if err := f.Sync(); err != nil {
		return 0, err
	}
	took := s.clock.Now().Sub(begin)
	t := s.clock.NewTimer(min(3*took, longestPause))
	defer t.Stop()
	select {
	case <-t.C():
	case <-s.quit:
	}
	if took < slowDisk {
		return besideWrites, nil
	}
	return largePiece, nil
}

// snapshotOptions is the form of snapshots.
func (s *Server) snapshotOptions() snapshot.WriteOptions {
	return snapshot.WriteOptions{Compression: s.cfg.Compression, NoLastZxid: !s.cfg.LastZxidInSnapshot}
}

// snapshotSource hands a state to a snapshot piece by piece, each under the tree's read lock: writes go on in between. A tree
// that is replaced meanwhile is read to its end nevertheless.
type snapshotSource struct {
	mu       *sync.RWMutex
	tree     *tree.Tree
	sessions map[zkproto.SessionID]int32
	walk     *tree.Walk
}

// Sessions implements snapshot.Source.
func (src *snapshotSource) Sessions() map[zkproto.SessionID]int32 { return src.sessions }

// ACLs implements snapshot.Source.
func (src *snapshotSource) ACLs() map[int64][]zkproto.ACL {
	src.mu.RLock()
	defer src.mu.RUnlock()
	src.walk = src.tree.Walk().Lend()
	return src.tree.ACLCache()
}

// Next implements snapshot.Source.
func (src *snapshotSource) Next(most int, fn snapshot.NodeFunc) bool {
	src.mu.RLock()
	defer src.mu.RUnlock()
	return src.walk.Next(most, fn)
}

// Digest implements snapshot.DigestSource.
func (src *snapshotSource) Digest() (snapshot.Digest, bool) {
	src.mu.RLock()
	defer src.mu.RUnlock()
	return snapshot.Digest(src.tree.LastDigest()), src.tree.HasDigest()
}

// ACL implements snapshot.Source. The tree is locked, by Next.
func (src *snapshotSource) ACL(id int64) []zkproto.ACL { return src.tree.ACLByID(id) }

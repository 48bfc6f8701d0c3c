package zkserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// holdSnapshots waits until no snapshot is written and nothing is purged, and keeps it so until snapshotting is reset.
func (s *Server) holdSnapshots(ctx context.Context) error {
	for !s.core.snapshotting.CompareAndSwap(false, true) {
		t := s.clock.NewTimer(20 * time.Millisecond)
		select {
		case <-t.C():
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("zkserver: waiting for the snapshot under way: %w", ctx.Err())
		case <-s.coreDone:
			t.Stop()
			return errStopping
		}
	}
	return nil
}

// exact is a state at one moment, as a snapshot wants it: nothing of what is written meanwhile is in it, so that it can be
// restored without a log.
type exact struct {
	zxid     zkproto.Zxid
	sessions map[zkproto.SessionID]int32
	acls     map[int64][]zkproto.ACL
	digest   snapshot.Digest
	digests  bool
	nodes    []znode
}

type znode struct {
	path string
	data []byte
	acl  int64
	stat zkproto.StatPersisted
}

// exactly copies the references of a tree that nobody changes meanwhile.
func exactly(t *tree.Tree, sessions map[zkproto.SessionID]int32) *exact {
	e := &exact{
		zxid: t.LastZxid(), sessions: sessions, acls: t.ACLCache(),
		digest: snapshot.Digest(t.LastDigest()), digests: t.HasDigest(), nodes: make([]znode, 0, t.NodeCount()),
	}
	walk := t.Walk()
	for walk.Next(1<<20, func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
		e.nodes = append(e.nodes, znode{path, data, acl, st})
	}) {
	}
	return e
}

// Sessions implements snapshot.Source.
func (e *exact) Sessions() map[zkproto.SessionID]int32 { return e.sessions }

// ACLs implements snapshot.Source.
func (e *exact) ACLs() map[int64][]zkproto.ACL { return e.acls }

// ACL implements snapshot.Source.
func (e *exact) ACL(id int64) []zkproto.ACL { return e.acls[id] }

// Digest implements snapshot.DigestSource.
func (e *exact) Digest() (snapshot.Digest, bool) { return e.digest, e.digests }

// Next implements snapshot.Source.
func (e *exact) Next(most int, fn snapshot.NodeFunc) bool {
	n := min(most, len(e.nodes))
	for i := range e.nodes[:n] {
		fn(e.nodes[i].path, e.nodes[i].data, e.nodes[i].acl, e.nodes[i].stat)
	}
	e.nodes = e.nodes[n:]
	return len(e.nodes) > 0
}

// Snapshot implements admin.Operator. Unlike the snapshots that the server takes for itself it holds one moment exactly;
// writes wait while the znodes are listed.
func (o operator) Snapshot(ctx context.Context) (admin.Snapshot, error) {
	s := o.s
	if err := s.holdSnapshots(ctx); err != nil {
		return admin.Snapshot{}, err
	}
	defer s.core.snapshotting.Store(false)
	var e *exact
	s.onCore(func() { e = exactly(s.tree, s.core.replica.Sessions()) })
	if e == nil {
		return admin.Snapshot{}, errStopping
	}
	begin := s.clock.Now()
	written, err := snapshot.WriteWith(s.fs, s.snapDir(), e.zxid, e, s.snapshotOptions())
	if err != nil {
		s.stats.snapFailures.Add(1)
		return admin.Snapshot{}, err
	}
	s.stats.snapshots.Add(1)
	s.stats.snapshotTime.Observe(s.clock.Now().Sub(begin))
	s.log.Info("snapshot written on request", zap.String("path", written.Path), zap.Int64("bytes", written.Size), zap.Int("znodes", written.Nodes))
	info, err := s.fs.Stat(written.Path)
	if err != nil {
		return admin.Snapshot{}, err
	}
	f, err := s.fs.Open(written.Path)
	if err != nil {
		return admin.Snapshot{}, err
	}
	return admin.Snapshot{Zxid: e.zxid, Size: info.Size, File: f}, nil
}

// uploadFile takes a snapshot that is to be restored, in dataDir, while it arrives and is checked.
const uploadFile = "restore.upload"

// Restore implements admin.Operator.
//
// The state that is restored takes the place of the current one at the current zxid: zxids go on growing, the log goes on,
// and a restart finds the restored state in a snapshot of that zxid. All connections are closed. Sessions are those of the
// snapshot; the clients of others are told that they have expired when they come back.
func (o operator) Restore(ctx context.Context, from io.Reader) (zkproto.Zxid, error) {
	s := o.s
	s.restoreMu.Lock()
	defer s.restoreMu.Unlock()
	begin := s.clock.Now()
	zxid, err := s.restore(ctx, from)
	if err != nil {
		s.stats.restoreFailures.Add(1)
		return 0, err
	}
	s.stats.restoreTime.Observe(s.clock.Now().Sub(begin))
	return zxid, nil
}

func (s *Server) restore(ctx context.Context, from io.Reader) (zkproto.Zxid, error) {
	if s.distributed() {
		return 0, errNotAlone
	}
	path, err := s.upload(from)
	if path != "" {
		defer func() { _ = s.fs.Remove(path) }()
	}
	if err != nil {
		return 0, err
	}
	loader := tree.NewLoader(s.treeOptions()...)
	info, err := snapshot.ReadFile(s.fs, path, loader)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", admin.ErrNotASnapshot, err)
	}
	if err := s.holdSnapshots(ctx); err != nil {
		return 0, err
	}
	defer s.core.snapshotting.Store(false)
	var zxid zkproto.Zxid
	err = errStopping
	s.onCore(func() { zxid, err = s.replace(loader, &info) })
	return zxid, err
}

// upload stores what comes in a file, and returns its path if there is one to remove.
func (s *Server) upload(from io.Reader) (string, error) {
	in := bufio.NewReader(from)
	head, _ := in.Peek(8) // a short file is found out when it is read
	path := filepath.Join(s.cfg.DataDir, uploadFile)
	for _, packed := range []struct{ magic, suffix string }{{"\x1f\x8b", ".gz"}, {"\x82SNAPPY", ".snappy"}} {
		if bytes.HasPrefix(head, []byte(packed.magic)) {
			path += packed.suffix
		}
	}
	if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("zkserver: restore: %w", err)
	}
	f, err := s.fs.Create(path)
	if err != nil {
		return "", fmt.Errorf("zkserver: restore: %w", err)
	}
	if _, err := io.Copy(f, in); err != nil {
		_ = f.Close() // it is removed
		return path, fmt.Errorf("zkserver: restore: the snapshot did not arrive: %w", err)
	}
	if err := f.Close(); err != nil {
		return path, fmt.Errorf("zkserver: restore: %w", err)
	}
	return path, nil
}

// errNotAlone refuses a restore.
var errNotAlone = errors.New("zkserver: a server of an ensemble takes its data from its leader and cannot be restored alone: stop all " +
	"servers, put the snapshot file and nothing else into version-2 of each, and start them; or restore by a client (zkcli)")

// errRestored is why connections end when all data are replaced.
var errRestored = fmt.Errorf("zkserver: the data were restored from a snapshot: %w", net.ErrClosed)

// replace makes what loader has read the state of the server. The core calls it. On an error nothing has changed, or the
// server has failed.
func (s *Server) replace(loader *tree.Loader, info *snapshot.Info) (zkproto.Zxid, error) {
	c := &s.core
	if !s.quiesce() {
		return 0, errStopping
	}
	last := s.tree.LastZxid()
	restored, err := loader.Finish(last)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", admin.ErrNotASnapshot, err)
	}
	if d := info.Digest; d != nil && restored.HasDigest() && d.Version == tree.DigestVersion && d.Zxid > 0 &&
		info.LastZxid != nil && *info.LastZxid == d.Zxid && d.Digest != restored.Digest() {
		return 0, fmt.Errorf("%w: its digest is %d, its content has %d", admin.ErrNotASnapshot, d.Digest, restored.Digest())
	}
	sessions := info.Sessions
	before := s.snapshotFiles(last)
	e := exactly(restored, sessions)
	e.digests = false // the log has another digest at this zxid
	if err := store.MarkReplaced(s.fs, s.snapDir(), last); err != nil {
		return 0, err
	}
	written, err := snapshot.WriteWith(s.fs, s.snapDir(), last, e, s.snapshotOptions())
	if err == nil {
		err = s.removeTwins(before, written.Path)
	}
	if err != nil {
		if !maps.Equal(before, s.snapshotFiles(last)) {
			s.fail(fmt.Errorf("zkserver: a restore stopped half-way, the next start finds the restored state: %w", err))
		}
		return 0, err
	}
	s.treeMu.Lock()
	old := s.tree
	s.tree = restored
	s.treeMu.Unlock()
	c.replica.Replaced(restored, sessions)
	for _, conn := range s.conns() {
		conn.Close(errRestored)
	}
	s.log.Warn("all data were replaced by a snapshot", zap.Stringer("zxid", last), zap.Int("znodes", restored.NodeCount()),
		zap.Int("before", old.NodeCount()), zap.Int("sessions", len(sessions)))
	return last, nil
}

// snapshotFiles are the snapshots of one zxid, packed or not.
func (s *Server) snapshotFiles(zxid zkproto.Zxid) map[string]vfs.Info {
	files := map[string]vfs.Info{}
	names, _ := s.fs.List(s.snapDir())
	for _, name := range names {
		if z, ok := snapshotZxid(name); ok && z == zxid {
			files[filepath.Join(s.snapDir(), name)], _ = s.fs.Stat(filepath.Join(s.snapDir(), name))
		}
	}
	return files
}

// removeTwins removes files, but not keep.
func (s *Server) removeTwins(files map[string]vfs.Info, keep string) error {
	for path := range files {
		if path == keep {
			continue
		}
		if err := s.fs.Remove(path); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.snapDir())
}

// quiesce finishes everything that was proposed. The core calls it. It is false when the server stops meanwhile.
func (s *Server) quiesce() bool {
	c := &s.core
	for c.replica.Outstanding() > 0 || len(c.toLog) > 0 || s.disk.busy.Load() {
		if s.Err() != nil {
			return false
		}
		s.hearDisk()
		s.perform()
		s.finishWaiting()
		s.feedDisk(true)
		if s.disk.busy.Load() {
			select {
			case <-s.disk.idle:
			case <-s.failed:
				return false
			case <-c.giveUp:
				return false
			}
		}
	}
	s.flush()
	return true
}

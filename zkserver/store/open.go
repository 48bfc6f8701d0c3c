package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// Options says where a server's files are and how they are kept. FS, SnapDir and LogDir must be given; the directories
// exist.
type Options struct {
	FS              vfs.FS
	SnapDir, LogDir string
	Tree            []tree.Option
	Log             txnlog.Options
	Load            snapshot.LoadOptions
	Snapshot        snapshot.WriteOptions
	// History keeps in memory what the log reaches back to, for Floor. A standalone server does without.
	History bool
	// Logger gets warnings about what was found. Nil: none.
	Logger *zap.Logger
	// OnMismatch is told of a digest that the tree does not have after a transaction; nil: nobody is.
	OnMismatch func(t *tree.Tree, zxid zkproto.Zxid)
	// OnLoaded is told when the snapshot is loaded and the replay of the log begins; nil: nobody is.
	OnLoaded func()
	// Collect is the answer of a snapshot.WithoutGC of the caller, who calls it when it has the state; Open does so before if a
	// long log is replayed. Nil: Open switches the garbage collector off and on by itself.
	Collect func()
}

// Store is the files of one server. Its methods may be called by one goroutine at a time, except Receive, Replay and
// ReachBack, which run beside the others, and Log, which has its own owner while Truncate and Install do not run.
type Store struct {
	opt Options
	// Log is the transaction log; who appends to it is up to the driver.
	Log     *txnlog.Log
	history history
	opened  zkproto.Zxid          // of the snapshot that Open has loaded
	older   atomic.Pointer[reach] // what the log holds before that; nil: not known
	temps   atomic.Int64          // numbers the names of snapshots on their way
}

// State is what the files say.
type State struct {
	Tree     *tree.Tree
	Sessions map[zkproto.SessionID]int32 // timeouts in milliseconds
	// LastZxid is the last entry of the log, or the zxid of the snapshot when the log has nothing after it.
	LastZxid zkproto.Zxid
	// Snapshot is the file that was loaded, empty when there was none; SnapshotZxid its zxid.
	Snapshot     string
	SnapshotZxid zkproto.Zxid
	// Replayed counts the transactions behind the snapshot.
	Replayed int
}

// Open finishes an installation that a crash has interrupted, loads the newest valid snapshot and the log behind it, and
// opens the log for appending. A new directory gets a snapshot of the empty tree: the original refuses a directory that
// has log files and no snapshot.
func Open(opt Options) (*Store, *State, error) {
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	s := &Store{opt: opt}
	if err := s.finishInstall(); err != nil {
		return nil, nil, err
	}
	if err := s.sweep(); err != nil {
		return nil, nil, err
	}
	st, err := s.load(opt.Load)
	s.opt.Collect = nil
	if err != nil {
		return nil, nil, err
	}
	s.opened = st.SnapshotZxid
	if st.LastZxid == 0 && st.Snapshot == "" {
		if _, err := snapshot.WriteWith(opt.FS, opt.SnapDir, 0, &frozen{tree: st.Tree}, opt.Snapshot); err != nil {
			return nil, nil, fmt.Errorf("store: %w", err)
		}
	}
	if s.Log, err = txnlog.Open(opt.FS, opt.LogDir, opt.Log); err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	return s, st, nil
}

// load reads the newest valid snapshot and the log behind it, and repairs the log's torn end.
func (s *Store) load(options snapshot.LoadOptions) (*State, error) {
	collect := s.opt.Collect
	if collect == nil {
		collect = snapshot.WithoutGC()
		defer collect()
	}
	loaded, err := snapshot.LoadWith(s.opt.FS, s.opt.SnapDir, s.opt.LogDir, func() snapshot.Loader[*tree.Tree] {
		return tree.NewLoader(s.opt.Tree...)
	}, options)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for _, skipped := range loaded.Skipped {
		s.opt.Logger.Warn("snapshot is not valid, an older one is used", zap.String("path", skipped.Path), zap.Error(skipped.Err))
	}
	st := &State{Tree: loaded.State, Sessions: loaded.Sessions, Snapshot: loaded.Path, SnapshotZxid: loaded.Zxid}
	if !loaded.Found {
		st.Tree = tree.New(s.opt.Tree...)
	}
	if st.Tree.Expect(tree.ZxidDigest(loaded.Digest)) {
		s.mismatch(st.Tree, loaded.Zxid)
	}
	if s.opt.OnLoaded != nil {
		s.opt.OnLoaded()
	}
	if err := s.replay(st, collect); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if len(st.Tree.Quotas()) > 0 {
		st.Tree.RebuildQuotas()
	}
	return st, nil
}

func (s *Store) mismatch(t *tree.Tree, zxid zkproto.Zxid) {
	if s.opt.OnMismatch != nil {
		s.opt.OnMismatch(t, zxid)
	}
}

// sweep removes the snapshots that were on their way when the server ended.
func (s *Store) sweep() error {
	names, err := s.opt.FS.List(s.opt.SnapDir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, receivePrefix) {
			if err := s.opt.FS.Remove(filepath.Join(s.opt.SnapDir, name)); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
	}
	return nil
}

// DecodeTxn reads a logged transaction, see replica.DecodeTxn.
func DecodeTxn(data []byte) (zkproto.TxnHeader, zkproto.Txn, zkproto.TxnDigest, error) {
	return replica.DecodeTxn(data)
}

// frozen is a tree that does not change, as a snapshot wants it.
type frozen struct {
	tree     *tree.Tree
	sessions map[zkproto.SessionID]int32
	walk     *tree.Walk
}

// Sessions implements snapshot.Source.
func (f *frozen) Sessions() map[zkproto.SessionID]int32 { return f.sessions }

// ACLs implements snapshot.Source.
func (f *frozen) ACLs() map[int64][]zkproto.ACL {
	f.walk = f.tree.Walk().Lend()
	return f.tree.ACLCache()
}

// Next implements snapshot.Source.
func (f *frozen) Next(most int, fn snapshot.NodeFunc) bool { return f.walk.Next(most, fn) }

// ACL implements snapshot.Source.
func (f *frozen) ACL(id int64) []zkproto.ACL { return f.tree.ACLByID(id) }

// Digest implements snapshot.DigestSource.
func (f *frozen) Digest() (snapshot.Digest, bool) {
	return snapshot.Digest(f.tree.LastDigest()), f.tree.HasDigest()
}

// errNoReceived is answered for a snapshot that never came.
var errNoReceived = errors.New("store: there is no snapshot to install")

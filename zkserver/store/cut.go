package store

import (
	"errors"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// ShortError tells that the log ended before a Replay was complete.
type ShortError struct{ After, UpTo, Last zkproto.Zxid }

func (e *ShortError) Error() string {
	return fmt.Sprintf("store: the log has no records after %s, up to %s were wanted", e.Last, e.UpTo)
}

// Truncate cuts the history behind z, durably, and with it every snapshot that holds more. When t holds more, the state up
// to z is read anew and answered; else nil. An error must end the server: what it says of its history would not be true.
// No snapshot may be written meanwhile.
//
// Nothing is removed when no snapshot would be left: a server that has forgotten what it acknowledged must not go on (zab
// does not ask for it, see its Config.Bottom).
func (s *Store) Truncate(z zkproto.Zxid, t *tree.Tree) (*State, error) {
	if err := s.leavesSnapshot(z); err != nil {
		return nil, fmt.Errorf("store: truncating to %s: %w", z, err)
	}
	if err := s.removeSnapshots(func(_ string, label zkproto.Zxid) bool { return label > z }); err != nil {
		return nil, fmt.Errorf("store: truncating to %s: %w", z, err)
	}
	if err := s.Log.Truncate(z); err != nil {
		return nil, fmt.Errorf("store: truncating to %s: %w", z, err)
	}
	s.history.cut(z)
	if t.LastZxid() <= z {
		return nil, nil //nolint:nilnil // no state is one of the answers
	}
	st, err := s.load(snapshot.LoadOptions{TrustEmpty: s.opt.Load.TrustEmpty})
	if err != nil {
		return nil, fmt.Errorf("after truncating to %s: %w", z, err)
	}
	if st.LastZxid != z {
		return nil, fmt.Errorf("store: after truncating to %s the history ends at %s: move this server's version-2 directories away so "+
			"that it copies the data from the leader", z, st.LastZxid)
	}
	return st, nil
}

// leavesSnapshot tells whether a snapshot is left when those that hold more than z are removed.
func (s *Store) leavesSnapshot(z zkproto.Zxid) error {
	names, err := s.opt.FS.List(s.opt.SnapDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if label, ok := snapshot.ParseName(name); ok && label <= z {
			return nil
		}
	}
	return errBottom
}

// errBottom is answered for a truncation that would leave nothing to start from.
var errBottom = errors.New("all snapshots hold more: move this server's version-2 directories away so that it copies the data from the leader")

// removeSnapshots removes the snapshots whose name and zxid match, durably.
func (s *Store) removeSnapshots(match func(string, zkproto.Zxid) bool) error {
	names, err := s.opt.FS.List(s.opt.SnapDir)
	if err != nil {
		return err
	}
	removed := false
	for _, name := range names {
		label, ok := snapshot.ParseName(name)
		if !ok || !match(name, label) {
			continue
		}
		if err := s.opt.FS.Remove(filepath.Join(s.opt.SnapDir, name)); err != nil {
			return err
		}
		removed = true
		s.opt.Logger.Info("snapshot removed: it is not part of the history any more", zap.String("path", filepath.Join(s.opt.SnapDir, name)))
	}
	if !removed {
		return nil
	}
	return s.opt.FS.SyncDir(s.opt.SnapDir)
}

// removeLogs removes all segments, durably.
func (s *Store) removeLogs() error {
	segs, err := txnlog.Segments(s.opt.FS, s.opt.LogDir)
	if err != nil || len(segs) == 0 {
		return err
	}
	for i := len(segs) - 1; i >= 0; i-- {
		if err := s.opt.FS.Remove(segs[i].Path); err != nil {
			return err
		}
	}
	return s.opt.FS.SyncDir(s.opt.LogDir)
}

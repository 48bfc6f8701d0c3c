package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// replacedFile tells at which zxid the state was replaced by another one (a restore): the log before it does not lead to what
// is after it.
const replacedFile = "replaced"

// MarkReplaced notes durably that the state at z is not what the log up to z leads to. It comes before the replacement.
func MarkReplaced(fsys vfs.FS, snapDir string, z zkproto.Zxid) error {
	return writeFile(fsys, filepath.Join(snapDir, replacedFile), fmt.Appendf(nil, "%x\n", uint64(z)))
}

// replacedAt is what MarkReplaced has noted last; 0 when it never has.
func replacedAt(fsys vfs.FS, snapDir string) (zkproto.Zxid, error) {
	text, err := readFile(fsys, filepath.Join(snapDir, replacedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	z, err := strconv.ParseInt(strings.TrimSpace(string(text)), 16, 64)
	return zkproto.Zxid(z), err
}

// reach is what the log holds before the snapshot that Open has loaded, up to and with the record of its zxid.
type reach struct {
	history
	end zkproto.Zxid
}

// ReachBack looks at the log before the snapshot that Open has loaded, up to about limit bytes of it, so that Floor reaches back
// there, too: a server that has just started need not send a snapshot to one that lacks a little more than what is behind its own
// newest one. It reads that part of the log, may run beside everything else, and ends early when stop says so. It tells from
// which zxid on there is something; 0 when the log is not there, or has a hole: then everything stays as it was.
//
// Source: ZKDatabase.getProposalsFromTxnLog of the original, which reads these files while the learner waits.
func (s *Store) ReachBack(limit int64, stop func() bool) (from zkproto.Zxid, err error) {
	if s.opened == 0 {
		return 0, nil
	}
	replaced, err := replacedAt(s.opt.FS, s.opt.SnapDir)
	if err != nil {
		return 0, fmt.Errorf("store: %s: %w", replacedFile, err)
	}
	first, err := s.firstWithin(limit)
	if err != nil || first == 0 {
		return 0, err
	}
	r := &reach{end: s.opened}
	last := zkproto.Zxid(0)
	err = txnlog.Read(s.opt.FS, s.opt.LogDir, first-1, func(rec txnlog.Record) error {
		switch {
		case rec.Zxid > r.end || stop():
			return txnlog.ErrStop
		case rec.Zxid < replaced:
			return nil
		case last == 0:
			r.reset(rec.Zxid)
		default:
			r.add(rec.Zxid, len(rec.Data))
		}
		last = rec.Zxid
		return nil
	})
	if err != nil || last != r.end || r.base == r.end {
		return 0, err
	}
	s.older.Store(r)
	return r.base, nil
}

// firstWithin is the first zxid of the oldest segment that need be read for about limit bytes before the snapshot; 0 for none.
func (s *Store) firstWithin(limit int64) (first zkproto.Zxid, err error) {
	segs, err := txnlog.Segments(s.opt.FS, s.opt.LogDir)
	if err != nil {
		return 0, err
	}
	for i := len(segs) - 1; i >= 0 && limit > 0; i-- {
		if segs[i].First > s.opened {
			continue
		}
		info, err := s.opt.FS.Stat(segs[i].Path)
		if err != nil {
			return 0, fmt.Errorf("store: %w", err)
		}
		first, limit = segs[i].First, limit-info.Size
	}
	return first, nil
}

// reachFloor is history.floor, as far back as ReachBack has found something.
func (s *Store) reachFloor(z zkproto.Zxid) (floor, next zkproto.Zxid, bytes int64, ok bool) {
	if z >= s.history.base {
		return s.history.floor(z)
	}
	r := s.older.Load()
	if r == nil || r.end != s.history.base {
		return 0, 0, 0, false
	}
	floor, next, bytes, ok = r.floor(z)
	return floor, next, bytes + s.history.bytes, ok
}

package snapshot

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// Purged lists the files that Retain removed.
type Purged struct {
	Snapshots []string
	Logs      []string
}

// Surplus lists what Retain would remove, and removes nothing.
func Surplus(fs vfs.FS, snapDir, logDir string, n int) (Purged, error) {
	files, err := list(fs, snapDir)
	if err != nil {
		return Purged{}, err
	}
	good, oldest := 0, -1
	for i, f := range files {
		if verify(fs, f) != nil {
			continue // it does not count; as long as it is newer than the oldest kept it stays, to be looked at
		}
		good, oldest = good+1, i
		if good >= max(n, 1) {
			break
		}
	}
	if good < max(n, 1) {
		return Purged{}, nil
	}
	var p Purged
	for _, f := range files[oldest+1:] {
		if f.zxid != files[oldest].zxid { // else the same moment in another packing
			p.Snapshots = append(p.Snapshots, f.path)
		}
	}
	segs, err := txnlog.Segments(fs, logDir)
	if err != nil {
		return Purged{}, err
	}
	for _, s := range segs[:len(segs)-len(txnlog.SegmentsFrom(segs, files[oldest].zxid-1))] {
		p.Logs = append(p.Logs, s.Path)
	}
	return p, nil
}

// Retain keeps the n (at least 1) newest good snapshots and the log segments needed to go on from the oldest of them, and
// removes what is older. While fewer than n snapshots check it removes nothing. Each is read through, so that what is
// kept can be relied on. It may run beside a Log and beside Write.
func Retain(fs vfs.FS, snapDir, logDir string, n int) (Purged, error) {
	surplus, err := Surplus(fs, snapDir, logDir, n)
	if err != nil {
		return Purged{}, err
	}
	var p Purged
	if p.Snapshots, err = remove(fs, snapDir, surplus.Snapshots); err != nil {
		return p, err
	}
	p.Logs, err = remove(fs, logDir, surplus.Logs)
	return p, err
}

// remove removes files of a directory, durably, and answers those that are gone.
func remove(fs vfs.FS, dir string, paths []string) (gone []string, err error) {
	for _, path := range paths {
		if err := fs.Remove(path); err != nil {
			return gone, fmt.Errorf("snapshot: purge: %w", err)
		}
		gone = append(gone, path)
	}
	return gone, syncIf(fs, dir, len(gone) > 0)
}

func syncIf(fs vfs.FS, dir string, changed bool) error {
	if !changed {
		return nil
	}
	if err := fs.SyncDir(dir); err != nil {
		return fmt.Errorf("snapshot: sync %s: %w", dir, err)
	}
	return nil
}

// verify reads a snapshot through and keeps nothing.
func verify(fs vfs.FS, f file) error {
	h, r, err := open(fs, f)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }() // opened for reading
	_, _, err = decode(r, discard{})
	return err
}

type discard struct{}

func (discard) AddACL(int64, []zkproto.ACL) {}

func (discard) AddNode(string, []byte, int64, zkproto.StatPersisted) error { return nil }

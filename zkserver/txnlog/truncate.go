package txnlog

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// truncate removes every record after zxid: whole segments from the newest down, so that a crash in between leaves a log
// without a gap, then the end of the one that holds zxid.
func truncate(fs vfs.FS, dir string, zxid zkproto.Zxid) error {
	segs, err := Segments(fs, dir)
	if err != nil {
		return err
	}
	for len(segs) > 0 && segs[len(segs)-1].First > zxid {
		if err := cut(fs, dir, segs[len(segs)-1].Path, 0, true); err != nil {
			return err
		}
		segs = segs[:len(segs)-1]
	}
	if len(segs) == 0 {
		return nil
	}
	path := segs[len(segs)-1].Path
	s, b, err := openSegment(fs, path, nil)
	if err != nil {
		return err
	}
	defer s.close()
	for b == nil {
		at := s.off
		var body []byte
		var z zkproto.Zxid
		if body, z, b, err = s.next(); err != nil {
			return err
		}
		if body == nil {
			break
		}
		if z > zxid {
			s.close()
			return cut(fs, dir, path, at, false)
		}
	}
	if b != nil {
		err := &CorruptError{File: path, Offset: b.off, Reason: b.reason, Remedy: remedy(path, b.off)}
		return fmt.Errorf("records to remove cannot be read: %w", err)
	}
	return nil
}

package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// SegmentName is the file name of the segment whose first record has the given zxid.
func SegmentName(zxid zkproto.Zxid) string { return fmt.Sprintf("log.%x", uint64(zxid)) }

// ParseSegmentName is the inverse of SegmentName; ok is false for the name of anything else.
func ParseSegmentName(name string) (zxid zkproto.Zxid, ok bool) {
	hex, ok := strings.CutPrefix(name, "log.")
	if !ok {
		return 0, false
	}
	z, err := strconv.ParseInt(hex, 16, 64)
	if err != nil || z < 0 || hex[0] == '+' || hex[0] == '-' {
		return 0, false
	}
	return zkproto.Zxid(z), true
}

// Segment is a file of the log.
type Segment struct {
	Path  string
	First zkproto.Zxid // of its first record, by its name
}

// Segments lists a directory's segments, oldest first. A missing directory has none.
func Segments(fsys vfs.FS, dir string) ([]Segment, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("txnlog: list %s: %w", dir, err)
	}
	var segs []Segment
	for _, name := range names {
		if z, ok := ParseSegmentName(name); ok {
			segs = append(segs, Segment{Path: filepath.Join(dir, name), First: z})
		}
	}
	slices.SortStableFunc(segs, func(a, b Segment) int { return int(max(-1, min(1, a.First-b.First))) })
	return segs, nil
}

// SegmentsFrom drops the segments that hold nothing after zxid (exclusive): it keeps the last that begins at zxid+1 or
// before, and all behind it.
func SegmentsFrom(segs []Segment, zxid zkproto.Zxid) []Segment {
	keep := 0
	for i, s := range segs {
		if s.First <= zxid+1 {
			keep = i
		}
	}
	return segs[keep:]
}

// FirstZxid is the zxid that the oldest segment begins with, by its name; ok is false when there is no segment.
func FirstZxid(fsys vfs.FS, dir string) (zxid zkproto.Zxid, ok bool, err error) {
	segs, err := Segments(fsys, dir)
	if err != nil || len(segs) == 0 {
		return 0, false, err
	}
	return segs[0].First, true, nil
}

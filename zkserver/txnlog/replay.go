package txnlog

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// ErrStop is answered by the function given to Replay or Read: it ends the reading without an error.
var ErrStop = errors.New("stop")

// Result is what a Replay found.
type Result struct {
	// LastZxid is the zxid of the last record in the log, or the from given to Replay if that is larger.
	LastZxid zkproto.Zxid
	// Records is how many were handed out.
	Records int
	// TornTail is what was cut off the newest segment, nil if nothing was. Log it as a warning.
	TornTail *TornTail
}

// TornTail says what was cut.
type TornTail struct {
	File   string // path of the segment
	Offset int64  // where the first byte cut was
	Bytes  int64  // how many bytes up to the zeros at the end of the file
	Reason string // what was wrong there
	// Removed tells that the segment held no record at all and was removed.
	Removed bool
}

// CorruptError is damage that must not be repaired by guessing. Nothing was changed on disk.
type CorruptError struct {
	File   string // path of the segment
	Offset int64  // of the record that is bad or out of order
	Reason string // what is wrong with it
	Remedy string // what an operator can do
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("transaction log %s is corrupt at offset %d: %s; %s", e.File, e.Offset, e.Reason, e.Remedy)
}

// Replay reads the records after from (exclusive), oldest first, and hands each to fn; Data is only valid during the
// call. It cuts a torn tail, so it must run before the first Append and not beside a Log. An error of fn ends it and is
// answered as it is, except ErrStop (then nothing is cut, LastZxid is the last record handed out, and the error is nil).
// A directory without a log is an empty log.
func Replay(fs vfs.FS, dir string, from zkproto.Zxid, fn func(Record) error) (Result, error) {
	r := reading{fs: fs, from: from, fn: fn, repair: true}
	err := r.run(dir)
	return r.res, err
}

// Read is Replay without repair: it changes nothing, ends at a torn tail, and may run beside a Log that appends (then it
// sees at least what was synced when it began). For reading back proposals; a *CorruptError can mean that they are no
// longer all there (a snapshot was installed in between, older segments were purged).
func Read(fs vfs.FS, dir string, from zkproto.Zxid, fn func(Record) error) error {
	r := reading{fs: fs, from: from, fn: fn}
	return r.run(dir)
}

// reading is the state of one Replay or Read.
type reading struct {
	fs     vfs.FS
	from   zkproto.Zxid
	fn     func(Record) error
	repair bool
	res    Result
	prev   zkproto.Zxid // the record before, of whatever segment; 0 for none
	buf    []byte
}

func (r *reading) run(dir string) error {
	r.res.LastZxid = r.from
	segs, err := Segments(r.fs, dir)
	if err != nil || len(segs) == 0 {
		return err
	}
	segs = SegmentsFrom(segs, r.from)
	for i, seg := range segs {
		var next *Segment
		if i+1 < len(segs) {
			next = &segs[i+1]
		}
		if err := r.segment(dir, seg, next); err != nil {
			if errors.Is(err, ErrStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// segment reads one segment; next is the one behind it, nil if this is the newest.
func (r *reading) segment(dir string, seg Segment, next *Segment) error {
	s, b, err := openSegment(r.fs, seg.Path, r.buf)
	if err != nil {
		return err
	}
	defer func() {
		r.buf = s.buf
		s.close()
	}()
	s.last = r.prev
	records := 0
	for b == nil {
		at := s.off
		var body []byte
		var zxid zkproto.Zxid
		if body, zxid, b, err = s.next(); err != nil {
			return err
		}
		if body == nil {
			break
		}
		if err := r.order(seg, at, zxid, records == 0); err != nil {
			return err
		}
		records++
		r.prev = zxid
		if zxid <= r.from {
			continue
		}
		if err := r.fn(Record{Zxid: zxid, Data: body}); err != nil {
			return err
		}
		r.res.LastZxid = zxid
		r.res.Records++
	}
	return r.end(dir, s, b, next, records)
}

// order checks that a record may stand where it does.
func (r *reading) order(seg Segment, at int64, zxid zkproto.Zxid, first bool) error {
	before := max(r.prev, r.from)
	var reason string
	switch {
	case first && zxid != seg.First:
		reason = fmt.Sprintf("the first record has zxid %s, which is not the one in the file's name", zxid)
	case zxid <= r.prev:
		reason = fmt.Sprintf("a record with zxid %s follows one with zxid %s", zxid, r.prev)
	case zxid > r.from && !follows(before, zxid):
		return &CorruptError{
			File: seg.Path, Offset: at,
			Reason: fmt.Sprintf("transactions after zxid %s are missing, the next in the log is %s", before, zxid),
			Remedy: "put back the missing log or snapshot files; " + remedy(seg.Path, at),
		}
	default:
		return nil
	}
	return &CorruptError{File: seg.Path, Offset: at, Reason: reason, Remedy: remedy(seg.Path, at)}
}

func remedy(path string, at int64) string {
	return "nothing was changed. In an ensemble, move this server's version-2 directories away: it then copies the data from the " +
		"leader. A single server: restore a backup or, giving up every transaction from there on, cut the file to " +
		fmt.Sprint(at) + " bytes (" + path + ") and move newer log and snapshot files away"
}

// end judges what stands behind the last good record of a segment.
func (r *reading) end(dir string, s *scanner, b *bad, next *Segment, records int) error {
	if next == nil && !r.repair {
		return nil // its writer may be at work there
	}
	off := s.off
	left, err := s.searchRest(off)
	if err != nil {
		return err
	}
	if b == nil && (left.end > off || left.valid >= 0) {
		b = &bad{off, "zeros where a record should begin, and other bytes behind them"}
	}
	switch {
	case b != nil && left.valid >= 0:
		return &CorruptError{
			File: s.path, Offset: b.off, Remedy: remedy(s.path, b.off),
			Reason: fmt.Sprintf("%s, and a good record (zxid %s) follows at offset %d", b.reason, left.zxid, left.valid),
		}
	case b != nil && off == 0 && !s.tornHeader():
		return &CorruptError{File: s.path, Reason: b.reason, Remedy: "move the file away if it is not a transaction log; " + remedy(s.path, 0)}
	case next != nil:
		return r.endOlder(s, b, next)
	case b == nil && records > 0:
		return nil
	}
	t := &TornTail{File: s.path, Offset: off, Bytes: left.end - off, Reason: "the segment holds no record", Removed: records == 0}
	if b != nil {
		t.Reason = b.reason
	}
	s.close()
	if err := cut(r.fs, dir, s.path, off, t.Removed); err != nil {
		return err
	}
	r.res.TornTail = t
	return nil
}

// endOlder judges a bad end of a segment that is not the newest. The original leaves the torn end of a crash where it is
// and goes on in a new segment; if that continues with the very next zxid nothing is missing.
func (r *reading) endOlder(s *scanner, b *bad, next *Segment) error {
	if b == nil || (r.prev.Epoch() == next.First.Epoch() && next.First == r.prev+1) || next.First <= r.from+1 {
		return nil
	}
	return &CorruptError{
		File: s.path, Offset: b.off, Remedy: remedy(s.path, b.off),
		Reason: fmt.Sprintf("%s, and a newer segment exists (%s) that does not continue from zxid %s", b.reason, next.Path, r.prev),
	}
}

// cut shortens a segment to off or, if remove, removes it, durably.
func cut(fs vfs.FS, dir, path string, off int64, remove bool) error {
	if remove {
		if err := fs.Remove(path); err != nil {
			return fmt.Errorf("txnlog: remove %s, which holds no record: %w", path, err)
		}
		if err := fs.SyncDir(dir); err != nil {
			return fmt.Errorf("txnlog: sync %s: %w", dir, err)
		}
		return nil
	}
	f, err := fs.OpenReadWrite(path)
	if err != nil {
		return fmt.Errorf("txnlog: cut %s: %w", path, err)
	}
	if err = f.Truncate(off); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("txnlog: cut %s to %d bytes: %w", path, off, err)
	}
	return nil
}

package store

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// history knows what the log on disk reaches back to without reading it. Zxids of one epoch follow each other without a
// gap, so a run needs only its ends; marks along it tell how many bytes are behind a point.
//
//	base | run | run | …      base is the zxid before the first record; each run is one epoch's
type history struct {
	base  zkproto.Zxid
	runs  []run
	bytes int64 // of all records
}

type run struct {
	first, last zkproto.Zxid
	marks       []mark
}

// mark tells how many bytes of records lie before one.
type mark struct {
	zxid  zkproto.Zxid
	bytes int64
}

// markEvery is how many records lie between two marks.
const markEvery = 512

func (h *history) reset(base zkproto.Zxid) { *h = history{base: base} }

// add takes note of a record at the end of the log.
func (h *history) add(z zkproto.Zxid, size int) {
	n := len(h.runs)
	if n == 0 || h.runs[n-1].last+1 != z {
		h.runs = append(h.runs, run{first: z})
		n++
	}
	r := &h.runs[n-1]
	r.last = z
	if (z-r.first)%markEvery == 0 {
		r.marks = append(r.marks, mark{z, h.bytes})
	}
	h.bytes += int64(size)
}

// cut forgets what is behind z.
func (h *history) cut(z zkproto.Zxid) {
	if z <= h.base {
		h.reset(z)
		return
	}
	for n := len(h.runs); n > 0 && h.runs[n-1].first > z; n-- {
		h.runs = h.runs[:n-1]
	}
	if n := len(h.runs); n > 0 {
		r := &h.runs[n-1]
		r.last = min(r.last, z)
		for m := len(r.marks); m > 0 && r.marks[m-1].zxid > z; m-- {
			r.marks = r.marks[:m-1]
		}
	}
}

// floor is the highest zxid not above z, the one that follows it (0 for none), and about how many bytes lie behind it; not
// ok when the history does not reach back to z.
func (h *history) floor(z zkproto.Zxid) (floor, next zkproto.Zxid, bytes int64, ok bool) {
	if z < h.base {
		return 0, 0, 0, false
	}
	floor, bytes = h.base, h.bytes
	for i := range h.runs {
		r := &h.runs[i]
		if r.first > z {
			return floor, r.first, bytes, true
		}
		if floor = min(r.last, z); floor < r.last {
			m := r.marks[(floor-r.first)/markEvery]
			return floor, floor + 1, h.bytes - m.bytes, true
		}
		bytes = 0
		if i+1 < len(h.runs) {
			bytes = h.bytes - h.runs[i+1].marks[0].bytes
		}
	}
	return floor, 0, bytes, true
}

// Logged takes note of records that were handed to the log.
func (s *Store) Logged(records []txnlog.Record) {
	if !s.opt.History {
		return
	}
	for i := range records {
		s.history.add(records[i].Zxid, len(records[i].Data))
	}
}

// Floor is what zab.Storage asks: the highest zxid in the log that is not above z. It is not ok when the log does not
// reach back to z, or when more than limit bytes would have to be read from there on (0: no limit).
func (s *Store) Floor(z zkproto.Zxid, limit int64) (floor zkproto.Zxid, ok bool) {
	floor, next, bytes, ok := s.reachFloor(z)
	if !ok || (limit > 0 && bytes > limit) {
		return 0, false
	}
	if next == 0 {
		return floor, true
	}
	// Old logs may have been purged since.
	first, found, err := txnlog.FirstZxid(s.opt.FS, s.opt.LogDir)
	return floor, err == nil && found && first <= next
}

// Replay hands out the records with after < zxid <= upTo, oldest first; the data are only good during the call. It may run
// beside everything else; an error can mean that the log was purged, cut or replaced meanwhile.
func (s *Store) Replay(after, upTo zkproto.Zxid, fn func(txnlog.Record) error) error {
	last := after
	err := txnlog.Read(s.opt.FS, s.opt.LogDir, after, func(r txnlog.Record) error {
		if r.Zxid > upTo {
			return txnlog.ErrStop
		}
		last = r.Zxid
		return fn(r)
	})
	if err == nil && last < upTo {
		return &ShortError{After: after, UpTo: upTo, Last: last}
	}
	return err
}

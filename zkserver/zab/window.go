package zab

import "slices"

// window is the part of the history that is in memory: the entries behind base, contiguous, oldest first. Everything not
// committed yet is always in it; of the committed ones, the newest few.
//
//	base | committed, kept for learners | not committed |
//	     ^ first                        ^ next          ^ last
//
// Positions count entries since the window was made and are never reused; a ring of a power of two holds them.
type window struct {
	ring  []Entry
	base  Zxid   // zxid of the entry before the first
	first uint64 // position of the oldest entry
	next  uint64 // position of the first entry that is not committed
	last  uint64 // position behind the newest entry
}

func (w *window) at(p uint64) *Entry { return &w.ring[p&uint64(len(w.ring)-1)] }

func (w *window) append(e Entry) {
	if int(w.last-w.first) == len(w.ring) {
		w.grow()
	}
	*w.at(w.last) = e
	w.last++
}

func (w *window) grow() {
	ring := make([]Entry, max(64, 2*len(w.ring)))
	for p := w.first; p < w.last; p++ {
		ring[p&uint64(len(ring)-1)] = *w.at(p)
	}
	w.ring = ring
}

// trim forgets committed entries beyond the newest keep, but none that is not on disk yet: it is still to be acknowledged.
func (w *window) trim(keep int, persisted Zxid) {
	for w.next-w.first > uint64(keep) {
		e := w.at(w.first)
		if e.Zxid > persisted {
			return
		}
		w.base = e.Zxid
		*e = Entry{}
		w.first++
	}
}

// zxid before position p.
func (w *window) before(p uint64) Zxid {
	if p == w.first {
		return w.base
	}
	return w.at(p - 1).Zxid
}

// lastZxid of the whole history.
func (w *window) lastZxid() Zxid { return w.before(w.last) }

// committed is the zxid up to which the history is committed.
func (w *window) committed() Zxid { return w.before(w.next) }

// search gives the position behind the last entry with a zxid not above z, between first and last.
func (w *window) search(z Zxid) uint64 {
	lo, hi := w.first, w.last
	for lo < hi {
		mid := lo + (hi-lo)/2
		if w.at(mid).Zxid <= z {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// cut drops everything above z. If z lies before the window, the window is empty behind z.
func (w *window) cut(z Zxid) {
	if z < w.base {
		w.reset(z)
		return
	}
	p := w.search(z)
	for q := p; q < w.last; q++ {
		*w.at(q) = Entry{}
	}
	w.last = p
	w.next = min(w.next, p)
}

// reset forgets everything; the history ends at z and is committed.
func (w *window) reset(z Zxid) {
	clear(w.ring)
	w.base = z
	w.first, w.next = w.last, w.last
}

// cutEntries drops the entries above z from a list that is to be logged.
func cutEntries(list []Entry, z Zxid) []Entry {
	i := slices.IndexFunc(list, func(e Entry) bool { return e.Zxid > z })
	if i < 0 {
		return list
	}
	clear(list[i:])
	return list[:i]
}

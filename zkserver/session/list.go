package session

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Expiries returns the sessions by the time at which they expire when they are not touched before, in ascending order of
// their ids. Those that are closing already are left out.
func (t *Table) Expiries() map[int64][]zkproto.SessionID {
	m := make(map[int64][]zkproto.SessionID, len(t.buckets))
	for at, set := range t.buckets {
		ids := make([]zkproto.SessionID, 0, len(set))
		for id := range set {
			ids = append(ids, id)
		}
		if len(ids) > 0 {
			slices.Sort(ids)
			m[at] = ids
		}
	}
	return m
}

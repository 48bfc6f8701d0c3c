package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Sessions judges what each session saw: the zxids of its answers never go back; what it saw of a key never goes back, its
// own writes included; each read shows what a write has written, and no write that is older than one it must have seen.
// It needs the operations of each session in the order in which they were sent, which is the order of ops, and answers the
// first *Violation. Operations without zxids are left out.
func Sessions(ops []Op) error {
	written := writesOf(ops)
	seen := map[int64]*Op{} // by session: its answer with the highest zxid
	type place struct {
		session int64
		key     string
	}
	latest := map[place]*Op{} // the newest write of a key that a session has seen or done
	for i := range ops {
		o := &ops[i]
		if o.Outcome != OK && o.Outcome != Refused {
			continue
		}
		if o.Seen != 0 {
			if before := seen[o.Session]; before != nil && before.Seen > o.Seen {
				return &Violation{
					Promise: "a session saw the state go back", Key: o.Key, Ops: []Op{*before, *o},
					Detail: fmt.Sprintf("answered from zxid %#x after %#x", o.Seen, before.Seen),
				}
			}
			seen[o.Session] = o
		}
		if o.Outcome != OK || o.Kind == Sync {
			continue
		}
		at := place{o.Session, o.Key}
		before := latest[at]
		if o.Kind == Read {
			if err := written[o.Key].shows(o); err != nil {
				return err
			}
			if before != nil && o.Found && o.Mzxid != 0 && o.Mzxid < before.Mzxid {
				return &Violation{
					Promise: "a session saw a key go back", Key: o.Key, Ops: []Op{*before, *o},
					Detail: fmt.Sprintf("mzxid %#x after %#x", o.Mzxid, before.Mzxid),
				}
			}
		}
		if o.Mzxid != 0 && (before == nil || before.Mzxid < o.Mzxid) {
			latest[at] = o
		}
	}
	return nil
}

// writes are the writes to a key.
type writes struct {
	byValue map[string]*Op
	acked   []*Op // with their zxids, ascending
}

func writesOf(ops []Op) map[string]*writes {
	keys := map[string]*writes{}
	for i := range ops {
		o := &ops[i]
		if o.Kind == Sync {
			continue
		}
		w := keys[o.Key]
		if w == nil {
			w = &writes{byValue: map[string]*Op{}}
			keys[o.Key] = w
		}
		if o.Kind == Read || o.Outcome == Refused || o.Outcome == Never {
			continue
		}
		if o.Kind != Delete {
			w.byValue[o.Value] = o
		}
		if o.Outcome == OK && o.Mzxid != 0 {
			w.acked = append(w.acked, o)
		}
	}
	for _, w := range keys {
		slices.SortStableFunc(w.acked, func(a, b *Op) int { return cmp.Compare(a.Mzxid, b.Mzxid) })
	}
	return keys
}

// shows judges one read: its value was written, by a write that was called before the read returned, and the state it was
// answered from holds no later write to the key.
func (w *writes) shows(o *Op) error {
	if !o.Found {
		return nil
	}
	from := w.byValue[o.Value]
	switch {
	case from == nil:
		return &Violation{Promise: "a read shows what nobody wrote", Key: o.Key, Ops: []Op{*o}, Detail: fmt.Sprintf("value %q", o.Value)}
	case from.Call > o.Return:
		return &Violation{Promise: "a read shows the future", Key: o.Key, Ops: []Op{*from, *o}, Detail: "the write was called later"}
	case from.Outcome == OK && from.Mzxid != 0 && o.Mzxid != 0 && from.Mzxid != o.Mzxid:
		return &Violation{
			Promise: "a write has two places", Key: o.Key, Ops: []Op{*from, *o},
			Detail: fmt.Sprintf("the writer was told zxid %#x, the reader %#x", from.Mzxid, o.Mzxid),
		}
	}
	if o.Mzxid == 0 || o.Seen == 0 {
		return nil
	}
	i, _ := slices.BinarySearchFunc(w.acked, o.Mzxid+1, func(a *Op, z int64) int { return cmp.Compare(a.Mzxid, z) })
	if i < len(w.acked) && w.acked[i].Mzxid <= o.Seen {
		return &Violation{
			Promise: "a read is older than the state it was answered from", Key: o.Key, Ops: []Op{*w.acked[i], *o},
			Detail: fmt.Sprintf("the state is of zxid %#x and holds a later write", o.Seen),
		}
	}
	return nil
}

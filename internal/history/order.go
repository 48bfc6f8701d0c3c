package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Explain judges operations whose place in the order of all is known: places[i] is the zxid of the write ops[i], or of the
// state a read was answered from; 0 for what never happened. It is as strict as Writes, judges all reads (each shows exactly
// the state it was answered from), and takes no time. The places must be found out otherwise: from a transaction log, or
// by a simulator that sees everything.
func Explain(ops []Op, places []int64) error {
	if err := inTime(ops, places); err != nil {
		return err
	}
	order := make([]int, 0, len(ops))
	for i := range ops {
		if places[i] != 0 && ops[i].Kind != Sync && ops[i].Outcome != Never {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(places[a], places[b]), cmp.Compare(isRead(&ops[a]), isRead(&ops[b])))
	})
	keys := map[string]register{}
	for _, i := range order {
		o := &ops[i]
		r := keys[o.Key]
		next, reason := r.step(o)
		ok := true
		switch o.Outcome {
		case OK:
			ok = reason == NoReason && r.explains(o, next)
		case Refused:
			ok, next = reason == o.Reason, r
		case Unknown, Never:
		}
		if !ok {
			return &Violation{
				Promise: "an answer does not follow from the writes before it", Key: o.Key, Ops: []Op{*o},
				Detail: fmt.Sprintf("at zxid %#x the znode is %s", places[i], model.DescribeState(r)),
			}
		}
		keys[o.Key] = next
	}
	return nil
}

func isRead(o *Op) int {
	if o.Kind == Read {
		return 1
	}
	return 0
}

// moment is a call or a return.
type moment struct {
	at  int64
	op  int
	ret bool
}

// inTime checks that what returned before something else was called has its place before it. Reads count from their
// session's last sync on; without one they may be old.
func inTime(ops []Op, places []int64) error {
	var list []moment
	synced := map[int64]int64{}
	for i := range ops {
		o := &ops[i]
		switch {
		case o.Kind == Sync && o.Outcome == OK:
			synced[o.Session] = o.Call
			if places[i] != 0 {
				list = append(list, moment{at: o.Call, op: i})
			}
		case o.Kind == Sync || places[i] == 0 || o.Outcome == Never:
		case o.Kind == Read:
			if call, ok := synced[o.Session]; ok && o.Outcome == OK {
				list = append(list, moment{at: call, op: i})
			}
		default:
			list = append(list, moment{at: o.Call, op: i})
			if o.Outcome != Unknown {
				list = append(list, moment{at: o.Return, op: i, ret: true})
			}
		}
	}
	// What returns in the moment of another's call counts as concurrent.
	slices.SortStableFunc(list, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(btoi(a.ret), btoi(b.ret)))
	})
	floor := -1 // the operation with the highest place among those that have returned
	for _, m := range list {
		switch o := &ops[m.op]; {
		case m.ret:
			if floor < 0 || places[m.op] > places[floor] {
				floor = m.op
			}
		case floor < 0:
		case places[m.op] < places[floor], places[m.op] == places[floor] && o.Kind != Read && o.Kind != Sync:
			return &Violation{
				Promise: "an operation takes effect before one that had returned before it was called", Key: o.Key, Ops: []Op{ops[floor], *o},
				Detail: fmt.Sprintf("zxid %#x comes before %#x", places[m.op], places[floor]),
			}
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

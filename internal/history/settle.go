package history

// settle makes the search for a linear order short where the answers themselves tell what became of operations of unknown
// outcome: each of them doubles the number of orders to be tried.
//
// A znode's version counts its writes. A write whose value somebody has read happened, and has the version that was read.
// When every version up to the highest one known belongs to a write that is known to have happened, the writes that nobody
// has seen have no place below it: they came later or never, which makes no difference to any answer. (It does to a
// conditional write that was refused: its answer tells that the version was another. Then they all stay.)
//
// all are the operations on the key, reads that are not judged included. A key that was deleted or created twice is left as it
// is: its versions begin anew.
func (k *keyOps) settle(all []*Op) {
	version := map[string]int32{} // by value
	known := map[int32]bool{}
	created, highest, whole := 0, int32(0), true
	for _, o := range all {
		switch {
		case o.Kind == Delete && o.Outcome != Refused:
			return
		case o.Outcome == Refused && o.Reason == BadVersion:
			whole = false
		case o.Kind == Create && o.Outcome != Refused:
			created++
			known[0], version[o.Value] = true, 0
		case o.Outcome == OK && (o.Kind == Set || o.Kind == Read && o.Found):
			version[o.Value], known[o.Version] = o.Version, true
			highest = max(highest, o.Version)
		}
	}
	if created != 1 {
		return
	}
	for v := range highest {
		whole = whole && known[v]
	}
	kept := k.ops[:0]
	for _, o := range k.ops {
		if o.Kind == Set && o.Outcome == Unknown {
			v, seen := version[o.Value]
			switch {
			case seen:
				o.Outcome, o.Version = OK, v
			case whole:
				continue
			}
		}
		kept = append(kept, o)
	}
	k.ops = kept
}

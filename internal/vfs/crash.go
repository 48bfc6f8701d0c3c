package vfs

import (
	"math/rand/v2"
	"slices"
)

// Crash says what a power loss leaves of what was not synced.
type Crash struct {
	// Rand decides. nil: everything that was not synced is lost.
	Rand *rand.Rand
	// Keep, with Rand nil, turns that around: everything survived (a process that was killed, on a machine that was not).
	Keep bool
	// Reorder lets every sector (512 bytes) of an unsynced write, and every unsynced name, survive or not on its own. Without it a
	// random first part survives of each file's and each directory's unsynced changes, in the order they were made, and
	// the last write in that part may be cut anywhere.
	Reorder bool
}

const sector = 512

// CrashClone answers a new file system that holds what this one's disk could hold if the power failed now. This one is
// not changed. Nothing in the clone is volatile.
func (m *Mem) CrashClone(c Crash) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.tick, clone.free = m.tick, m.free
	// Map order must not decide what a seed means: go by sorted paths.
	var dirs []string
	for name := range m.dirs {
		dirs = append(dirs, name)
	}
	slices.Sort(dirs)
	nodes := map[*memNode]*memNode{}
	for _, name := range dirs {
		d := newMemDir()
		clone.dirs[name] = d
		left := m.dirs[name].survivors(c)
		var names []string
		for n := range left {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			old := left[n]
			if nodes[old] == nil {
				b := old.survivors(c)
				nodes[old] = &memNode{now: b, durable: slices.Clone(b), mtime: old.mtime}
			}
			d.now[n], d.durable[n] = nodes[old], nodes[old]
		}
	}
	return clone
}

// survivors answers the names left after a crash.
func (d *memDir) survivors(c Crash) map[string]*memNode {
	left := make(map[string]*memNode, len(d.durable))
	for n, node := range d.durable {
		left[n] = node
	}
	first := c.firstPart(len(d.pending))
	for i, o := range d.pending {
		if c.survives(i, first) {
			o.apply(left)
		}
	}
	return left
}

// survivors answers the content left after a crash.
func (n *memNode) survivors(c Crash) []byte {
	b := slices.Clone(n.durable)
	first := c.firstPart(len(n.pending))
	for i, o := range n.pending {
		switch {
		case c.Reorder && c.Rand != nil && o.data != nil:
			b = o.applySectors(b, c.Rand)
		case c.survives(i, first):
			if c.Rand != nil && !c.Reorder && i == first-1 && o.data != nil {
				o.data = o.data[:c.Rand.IntN(len(o.data)+1)]
			}
			b = o.apply(b)
		}
	}
	return b
}

// applySectors writes each sector of the data or leaves it as it was; what lies past the old end then reads as zeros.
func (o dataOp) applySectors(b []byte, r *rand.Rand) []byte {
	for at := o.off; at < o.off+int64(len(o.data)); {
		end := min(at-at%sector+sector, o.off+int64(len(o.data)))
		if r.IntN(2) == 0 {
			b = dataOp{off: at, data: o.data[at-o.off : end-o.off]}.apply(b)
		}
		at = end
	}
	return b
}

func (c Crash) firstPart(n int) int {
	switch {
	case c.Rand == nil && c.Keep:
		return n
	case c.Rand == nil || c.Reorder:
		return 0
	}
	return c.Rand.IntN(n + 1)
}

func (c Crash) survives(i, first int) bool {
	if c.Reorder && c.Rand != nil {
		return c.Rand.IntN(2) == 0
	}
	return i < first
}

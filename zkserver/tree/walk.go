package tree

import (
	"slices"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Walk visits all znodes in pre-order from the root, whose path is "". It sees each znode as it is when its turn comes;
// its children are those it has at that moment: a child created later is left to the replay of the log, one deleted
// before its own turn is left out.
type Walk struct {
	t     *Tree
	stack [][]*node // znodes still to visit, per level, in reverse
	text  []byte    // paths are cut from it: they live together, and make less work than each alone
	reuse bool      // text is written over by each call of Next
}

// Walk starts a walk. Call ACLCache under the same lock, before.
func (t *Tree) Walk() *Walk { return &Walk{t: t, stack: [][]*node{{t.root}}} }

// Lend makes the paths good only until Next is called again: those of a large tree are many megabytes, which nobody keeps who
// writes them somewhere at once.
func (w *Walk) Lend() *Walk {
	w.reuse = true
	return w
}

// Next visits up to limit znodes and tells whether more are left. The tree may change between calls. What fn is given
// may be kept, but see Lend.
func (w *Walk) Next(limit int, fn func(path string, data []byte, acl int64, st zkproto.StatPersisted)) (more bool) {
	if w.reuse {
		w.text = w.text[:0]
	}
	for visited := 0; visited < limit && len(w.stack) > 0; {
		top := len(w.stack) - 1
		level := w.stack[top]
		if len(level) == 0 {
			w.stack[top] = nil
			w.stack = w.stack[:top]
			continue
		}
		n := level[len(level)-1]
		level[len(level)-1] = nil
		w.stack[top] = level[:len(level)-1]
		if n.up == nil && n != w.t.root {
			continue // it has been deleted
		}
		visited++
		fn(w.path(n), n.data(), w.t.acls.at(n).id, n.persisted())
		if kids := n.children(); len(kids) > 0 {
			below := slices.Clone(kids)
			slices.Reverse(below)
			w.stack = append(w.stack, below)
		}
	}
	for len(w.stack) > 0 && len(w.stack[len(w.stack)-1]) == 0 {
		w.stack = w.stack[:len(w.stack)-1]
	}
	return len(w.stack) > 0
}

// walkText is how much memory for paths is taken at once.
const walkText = 16 << 10

// path makes a znode's path in memory that is not written to again before the next call of Next.
func (w *Walk) path(n *node) string {
	size := n.pathLen()
	if cap(w.text)-len(w.text) < size {
		w.text = make([]byte, 0, max(size, walkText))
	}
	w.text = n.appendPath(w.text)
	return unsafe.String(unsafe.SliceData(w.text[len(w.text)-size:]), size)
}

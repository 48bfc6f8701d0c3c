package tree

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// Walk visits all znodes in pre-order from the root, whose path is "". It sees each znode as it is when its turn comes;
// its children are those it has at that moment: a child created later is left to the replay of the log, one deleted
// before its own turn is left out.
type Walk struct {
	t     *Tree
	stack [][]string // paths still to visit, per level, in reverse
}

// Walk starts a walk. Call ACLCache under the same lock, before.
func (t *Tree) Walk() *Walk { return &Walk{t: t, stack: [][]string{{""}}} }

// Next visits up to limit znodes and tells whether more are left. The tree may change between calls. What fn is given
// may be kept.
func (w *Walk) Next(limit int, fn func(path string, data []byte, acl int64, st zkproto.StatPersisted)) (more bool) {
	for visited := 0; visited < limit && len(w.stack) > 0; {
		top := len(w.stack) - 1
		level := w.stack[top]
		if len(level) == 0 {
			w.stack[top] = nil
			w.stack = w.stack[:top]
			continue
		}
		path := level[len(level)-1]
		level[len(level)-1] = ""
		w.stack[top] = level[:len(level)-1]
		n := w.t.node(path)
		if n == nil {
			continue
		}
		visited++
		fn(path, n.data(), n.acl.id, n.persisted())
		if len(n.children()) == 0 {
			continue
		}
		below := make([]string, len(n.children()))
		for i, c := range n.children() {
			below[len(below)-1-i] = c.path()
		}
		w.stack = append(w.stack, below)
	}
	for len(w.stack) > 0 && len(w.stack[len(w.stack)-1]) == 0 {
		w.stack = w.stack[:len(w.stack)-1]
	}
	return len(w.stack) > 0
}

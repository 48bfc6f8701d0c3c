package nnstub

import (
	"path"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
)

// namespace is the files as of the last edit applied. Files are replaced whole and never changed in place.
type namespace struct {
	mu    sync.RWMutex
	files map[string]journal.Edit
}

func (n *namespace) apply(e journal.Edit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.files[e.Path] = e
}

func (n *namespace) applyAll(edits []journal.Edit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range edits {
		n.files[e.Path] = e
	}
}

func (n *namespace) get(p string) (journal.Edit, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	e, ok := n.files[p]
	return e, ok
}

// list is the files whose path begins with prefix, in order of path.
func (n *namespace) list(prefix string) []journal.Edit {
	n.mu.RLock()
	var found []journal.Edit
	for p, e := range n.files {
		if strings.HasPrefix(p, prefix) {
			found = append(found, e)
		}
	}
	n.mu.RUnlock()
	slices.SortFunc(found, func(a, b journal.Edit) int { return strings.Compare(a.Path, b.Path) })
	return found
}

// checkPath refuses what is not the path of a file.
func checkPath(p string) error {
	bad := func(why string) error {
		return hadooprpc.NewException("org.apache.hadoop.fs.InvalidPathException", "Invalid path name "+why)
	}
	switch {
	case len(p) > journal.MaxPath:
		return bad("longer than 4096 bytes")
	case !utf8.ValidString(p) || strings.ContainsRune(p, 0):
		return bad("that is not text")
	case !strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/":
		return bad("'" + p + "': it must be absolute, without '.', '..', empty parts or a slash at the end")
	}
	return nil
}

package watch

import "slices"

// mode is a set of ways in which one watcher watches one path.
type mode uint8

const (
	standard mode = 1 << iota
	persistent
	recursive
	anyMode = standard | persistent | recursive
)

// table is one of the two tables of the original: data watches or child watches. Each pair of path and watcher is found
// from either side at constant cost, so that a watcher with many paths, or a path with many watchers, goes away cheaply.
type table[W comparable] struct {
	byPath    map[string][]entry[W]
	byWatcher map[W]map[string]int // the place in byPath[path]
	size      int
	recursive int // pairs with mode recursive; 0 spares the walk up the path
}

type entry[W comparable] struct {
	w     W
	modes mode
}

func newTable[W comparable]() table[W] {
	return table[W]{byPath: make(map[string][]entry[W]), byWatcher: make(map[W]map[string]int)}
}

func (t *table[W]) add(path string, w W, md mode) bool {
	paths := t.byWatcher[w]
	if paths == nil {
		paths = make(map[string]int)
		t.byWatcher[w] = paths
	}
	list := t.byPath[path]
	i, ok := paths[path]
	if !ok {
		i = len(list)
		paths[path] = i
		list = append(list, entry[W]{w: w})
		t.byPath[path] = list
		t.size++
	}
	if list[i].modes&md != 0 {
		return false
	}
	list[i].modes |= md
	if md == recursive {
		t.recursive++
	}
	return true
}

func (t *table[W]) modes(path string, w W) mode {
	i, ok := t.byWatcher[w][path]
	if !ok {
		return 0
	}
	return t.byPath[path][i].modes
}

// remove takes modes md from a pair and tells whether it had one of them.
func (t *table[W]) remove(path string, w W, md mode) bool {
	i, ok := t.byWatcher[w][path]
	if !ok {
		return false
	}
	e := &t.byPath[path][i]
	had := e.modes & md
	if had == 0 {
		return false
	}
	if had&recursive != 0 {
		t.recursive--
	}
	e.modes &^= md
	if e.modes == 0 {
		t.drop(path, w, i)
	}
	return true
}

// drop removes the i-th watcher of path, which is w.
func (t *table[W]) drop(path string, w W, i int) {
	t.size--
	paths := t.byWatcher[w]
	delete(paths, path)
	if len(paths) == 0 {
		delete(t.byWatcher, w)
	}
	list := t.byPath[path]
	last := len(list) - 1
	if last == 0 {
		delete(t.byPath, path)
		return
	}
	if i != last {
		list[i] = list[last]
		t.byWatcher[list[i].w][path] = i
	}
	list[last] = entry[W]{}
	t.byPath[path] = list[:last]
}

func (t *table[W]) removeWatcher(w W) {
	for path, i := range t.byWatcher[w] {
		if t.byPath[path][i].modes&recursive != 0 {
			t.recursive--
		}
		t.drop(path, w, i)
	}
}

// trigger appends the watchers of path, and the recursive ones of the paths above, leaving out those that are in
// dst[from:] already, and takes the one-shot watches of path away.
func (t *table[W]) trigger(path string, dst []W, from int) []W {
	if len(t.byPath) == 0 {
		return dst
	}
	told := newSeen(dst[from:])
	if list, ok := t.byPath[path]; ok {
		first := len(dst) == from
		for i := range list {
			if w := list[i].w; first || !told.has(dst[from:], w) {
				dst = append(dst, w)
			}
		}
		t.useUp(path, list)
	}
	if t.recursive == 0 {
		return dst
	}
	told = newSeen(dst[from:])
	for p := above(path); p != ""; p = above(p) {
		for _, e := range t.byPath[p] {
			if e.modes&recursive != 0 && !told.has(dst[from:], e.w) {
				dst = append(dst, e.w)
				told.add(e.w)
			}
		}
	}
	return dst
}

// useUp takes the one-shot watches of path away, keeping the order of the others.
func (t *table[W]) useUp(path string, list []entry[W]) {
	kept := list[:0]
	for _, e := range list {
		e.modes &^= standard
		paths := t.byWatcher[e.w]
		if e.modes != 0 {
			paths[path] = len(kept)
			kept = append(kept, e)
			continue
		}
		t.size--
		delete(paths, path)
		if len(paths) == 0 {
			delete(t.byWatcher, e.w)
		}
	}
	clear(list[len(kept):])
	if len(kept) == 0 {
		delete(t.byPath, path)
		return
	}
	t.byPath[path] = kept
}

// seen answers whether a watcher was told already: by looking through the few, by a set for the many.
type seen[W comparable] map[W]struct{}

func newSeen[W comparable](told []W) seen[W] {
	if len(told) <= 16 {
		return nil
	}
	s := make(seen[W], len(told))
	for _, w := range told {
		s[w] = struct{}{}
	}
	return s
}

func (s seen[W]) has(told []W, w W) bool {
	if s == nil {
		return slices.Contains(told, w)
	}
	_, ok := s[w]
	return ok
}

func (s seen[W]) add(w W) {
	if s != nil {
		s[w] = struct{}{}
	}
}

package pathstats

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// key is what is counted.
type key struct {
	op   zkproto.OpCode
	path string
}

// counts are those of one slot. There is room for a number of keys, and for pathBytes of text for each of them.
type counts struct {
	of   map[key]int64
	text int
}

const (
	// pathBytes is how long paths may be on average.
	pathBytes = 128
	// longest is the longest path that keeps a line of its own.
	longest = 1 << 10
)

// add counts one request. Nothing of the path is kept but what is counted: it may be a piece of something long.
func (c *counts) add(k key, room int) {
	for len(k.path) > longest {
		k.path = parent(k.path)
	}
	if n, ok := c.of[k]; ok {
		c.of[k] = n + 1
		return
	}
	if c.of == nil {
		c.of = map[key]int64{}
	}
	k.path = strings.Clone(k.path)
	c.put(k, 1)
	if len(c.of) > room || c.text > room*pathBytes {
		c.fold(room)
	}
}

func (c *counts) put(k key, n int64) {
	if _, ok := c.of[k]; !ok {
		c.text += len(k.path)
	}
	c.of[k] += n
}

func (c *counts) clone() counts { return counts{of: maps.Clone(c.of), text: c.text} }

// fold makes room: the half with the most requests stays as it is, the rest goes up until it takes half of that at most.
func (c *counts) fold(room int) {
	type line struct {
		key
		n int64
	}
	lines := make([]line, 0, len(c.of))
	for k, n := range c.of {
		lines = append(lines, line{k, n})
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.path, b.path), cmp.Compare(a.op, b.op))
	})
	stay, rest := counts{of: make(map[key]int64, room)}, counts{of: make(map[key]int64, room/2)}
	for _, l := range lines {
		to := &rest
		if len(stay.of) < room/2 && stay.text+len(l.path) <= room*pathBytes/2 && len(rest.of) == 0 {
			to = &stay
		}
		to.put(l.key, l.n)
	}
	for len(rest.of) > room/4 || rest.text > room*pathBytes/4 {
		up, moved := counts{of: make(map[key]int64, len(rest.of)/2)}, false
		for k, n := range rest.of {
			to := parent(k.path)
			moved = moved || to != k.path
			up.put(key{k.op, to}, n)
		}
		if rest = up; !moved {
			break // one line for each operation is left
		}
	}
	for k, n := range rest.of {
		stay.put(k, n)
	}
	*c = stay
}

package tree

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// named makes a child of a root.
func named(path string) *node {
	n := newNode(path[1:], nil, &zkproto.StatPersisted{})
	n.up = stem
	return n
}

var stem = newNode("", nil, &zkproto.StatPersisted{})

// take removes by path.
func (x *index) take(path string) {
	if n := x.get(path); n != nil {
		x.remove([]byte(path), n)
	}
}

// The index against Go's map.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		x.init()
		model := map[string]*node{}
		path := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("/n%d", rapid.IntRange(0, 3000).Draw(t, "n")) })
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n := named(path.Draw(t, "path"))
				_, there := model[n.path()]
				if x.put(n.path(), n) == there {
					t.Fatal("put says something else")
				}
				if !there {
					model[n.path()] = n
				}
			},
			"remove": func(t *rapid.T) {
				p := path.Draw(t, "path")
				x.take(p)
				delete(model, p)
			},
			"": func(t *rapid.T) {
				p := path.Draw(t, "path")
				if x.get(p) != model[p] || x.getBytes([]byte(p)) != model[p] || x.n != len(model) {
					t.Fatal("differs at ", p)
				}
			},
		})
	})
}

// One part with many collisions and wraps around.
func TestIndexUnderChurn(t *testing.T) {
	var x index
	x.init()
	model := map[string]*node{}
	for i := range 200_000 {
		p := fmt.Sprintf("/%d", (i*7919)%9001)
		if i%3 == 0 {
			x.take(p)
			delete(model, p)
		} else if n := named(p); x.put(p, n) {
			model[p] = n
		}
	}
	require.Equal(t, len(model), x.n)
	for i := range 9001 {
		p := fmt.Sprintf("/%d", i)
		require.Same(t, model[p], x.get(p), p)
	}
}

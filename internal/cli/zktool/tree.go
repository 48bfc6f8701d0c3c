package zktool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// znode is a znode of a snapshot. The root's path is "".
type znode struct {
	path     string
	data     []byte
	stat     zkproto.StatPersisted
	children []*znode // by name, once the tree is read
}

// name is how the dump calls it.
func (n *znode) name() string {
	if n.path == "" {
		return "/"
	}
	return n.path
}

// snapTree is what is in a snapshot. It is a snapshot.Visitor.
type snapTree struct {
	info       snapshot.Info
	nodes      map[string]*znode
	dataSize   int64
	ephemerals map[int64]int // by owner
	check      func() error
}

// AddACL implements snapshot.Visitor.
func (*snapTree) AddACL(int64, []zkproto.ACL) {}

// AddNode implements snapshot.Visitor.
func (t *snapTree) AddNode(path string, data []byte, _ int64, st zkproto.StatPersisted) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.nodes[path] != nil {
		return fmt.Errorf("znode %q is there twice", path)
	}
	n := &znode{path: path, data: data, stat: st}
	if path != "" {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("znode %q: its path does not begin with a slash", path)
		}
		parent := t.nodes[path[:strings.LastIndexByte(path, '/')]]
		if parent == nil {
			return fmt.Errorf("znode %q comes without its parent", path)
		}
		parent.children = append(parent.children, n)
	}
	t.nodes[path] = n
	t.dataSize += int64(len(data))
	if st.EphemeralOwner != 0 {
		t.ephemerals[st.EphemeralOwner]++
	}
	return nil
}

// readTree reads a snapshot.
func (t *tool) readTree(path string) (*snapTree, error) {
	tree := &snapTree{nodes: map[string]*znode{}, ephemerals: map[int64]int{}, check: t.check}
	fsys, done := t.watched("reading", path, false)
	defer done()
	info, err := snapshot.ReadFile(fsys, path, tree)
	if err != nil {
		return nil, err
	}
	tree.info = info
	if tree.nodes[""] == nil {
		return nil, fmt.Errorf("snapshot %s: it has no root", path)
	}
	for _, n := range tree.nodes {
		slices.SortFunc(n.children, func(a, b *znode) int { return cmp.Compare(a.path, b.path) })
	}
	return tree, nil
}

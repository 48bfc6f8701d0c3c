package tree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Loader builds a tree from a snapshot.
type Loader struct {
	t      *Tree
	parent *node // of the last znode
	done   bool
}

func twice(path string) error { return fmt.Errorf("tree: znode %q is in the snapshot twice", path) }

// NewLoader returns an empty loader.
func NewLoader(opts ...Option) *Loader { return &Loader{t: newTree(opts)} }

// AddACL adds an entry of the ACL table. All of them come before the first znode.
func (l *Loader) AddACL(id int64, acl []zkproto.ACL) { l.t.acls.load(id, acl) }

// AddNode adds a znode; parents come before their children and "" first. Slices are kept. An ACL id that the table lacks
// is no error: see UnknownACLs.
func (l *Loader) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error {
	t := l.t
	n := &node{
		owner: st.EphemeralOwner, czxid: st.Czxid, mzxid: st.Mzxid, pzxid: st.Pzxid,
		ctime: st.Ctime, mtime: st.Mtime, version: st.Version, cversion: st.Cversion, aversion: st.Aversion,
	}
	n.setPath(path)
	n.setData(data)
	t.setContent(n, data)
	t.add(n)
	if path == "" {
		if !t.index.put(n) {
			return twice(path)
		}
		n.acl = t.acls.use(acl)
		t.root = n
		return nil
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("tree: the snapshot has a znode with the path %q, which does not begin with a slash", path)
	}
	up := parentPath(path)
	parent := l.parent
	if parent == nil || parent.path() != up { // else it is the last one's sibling
		if parent = t.index.get(up); parent == nil {
			return fmt.Errorf("tree: the snapshot has %q but not its parent", path)
		}
		l.parent = parent
	}
	if !t.index.put(n) {
		return twice(path)
	}
	n.acl = t.acls.use(acl)
	parent.addChild(n)
	t.adopt(n)
	return nil
}

// Finish returns the tree, whose LastZxid is last. The loader must not be used afterwards.
func (l *Loader) Finish(last zkproto.Zxid) (*Tree, error) {
	t := l.t
	if l.done || t == nil {
		return nil, errors.New("tree: loader used after Finish")
	}
	l.done = true
	l.t = nil
	root := t.root
	if root == nil {
		return nil, errors.New("tree: the snapshot has no root")
	}
	t.dataSize += int64(len("/") + 2*int(root.dataLen)) // under both its names, like the original
	t.acls.purge()
	t.RebuildQuotas()
	t.last = last
	return t, nil
}

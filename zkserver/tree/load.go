package tree

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Loader builds a tree from a snapshot.
type Loader struct {
	t       *Tree
	ways    []*node // from somewhere above the last znode down to it
	waiting *[1 << partBits][]hashed
	done    bool
}

// hashed is a znode with the hash of its path.
type hashed struct {
	n *node
	h uint64
}

// waitSize is how many znodes of one part of the index wait until they are put into it together: a part fits into a
// processor's cache, the whole index does not.
const waitSize = 32

func twice(path string) error { return fmt.Errorf("tree: znode %q is in the snapshot twice", path) }

// NewLoader returns an empty loader.
func NewLoader(opts ...Option) *Loader {
	return &Loader{t: newTree(opts), waiting: new([1 << partBits][]hashed)}
}

// AddACL adds an entry of the ACL table. All of them come before the first znode.
func (l *Loader) AddACL(id int64, acl []zkproto.ACL) { l.t.acls.load(id, acl) }

// AddNode adds a znode; parents come before their children and "" first. Neither path nor data are kept. An ACL id that the
// table lacks is no error: see UnknownACLs. That a znode came twice may be found out later, by Finish at the latest.
func (l *Loader) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error {
	n, h := l.t.ready(&l.t.digest.Digester, path, data, &st)
	return l.link(hashed{n, h}, path, acl)
}

// batch is some znodes that are not in the tree yet.
type batch struct {
	d     Digester
	nodes []hashed
	acls  []int64
	ends  []int  // of their paths in text
	text  []byte // their paths, one behind the other
}

// Batch adds znodes as AddNode does, in two steps: add does what needs only the znode itself, so it may be called by
// another goroutine than the one that calls all the rest; link puts those added into the tree, and the batch is empty again.
// Batches are linked in the order of the snapshot.
func (l *Loader) Batch(size int) (add func(path string, data []byte, acl int64, st *zkproto.StatPersisted), link func() error) {
	b := &batch{nodes: make([]hashed, 0, size), acls: make([]int64, 0, size), ends: make([]int, 0, size)}
	t := l.t
	return func(path string, data []byte, acl int64, st *zkproto.StatPersisted) {
			n, h := t.ready(&b.d, path, data, st)
			b.nodes, b.acls = append(b.nodes, hashed{n, h}), append(b.acls, acl)
			b.text = append(b.text, path...)
			b.ends = append(b.ends, len(b.text))
		}, func() error {
			begin := 0
			for i, n := range b.nodes {
				path := unsafe.String(unsafe.SliceData(b.text[begin:]), b.ends[i]-begin) // written to again when nobody has it
				if err := l.link(n, path, b.acls[i]); err != nil {
					return err
				}
				begin = b.ends[i]
			}
			clear(b.nodes)
			b.nodes, b.acls, b.ends, b.text = b.nodes[:0], b.acls[:0], b.ends[:0], b.text[:0]
			return nil
		}
}

// ready makes a znode with its part in the digest. Of the tree it looks only at what never changes.
func (t *Tree) ready(d *Digester, path string, data []byte, st *zkproto.StatPersisted) (n *node, h uint64) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if len(data) > Copied {
		data = bytes.Clone(data)
	}
	n = newNode(name, data, st)
	if !t.digest.off && hasDigest(path) {
		n.content = d.Content(path, data)
		n.digest = uint32(d.node(n.content, st))
	}
	return n, t.index.hash(path)
}

// link puts a znode into the tree.
func (l *Loader) link(n hashed, path string, acl int64) error {
	t := l.t
	t.digest.sum += int64(n.n.digest)
	n.n.setACL(t.acls.use(acl).slot)
	if path == "" {
		if t.root != nil {
			return twice(path)
		}
		t.root = n.n
		l.ways = append(l.ways[:0], n.n)
		return l.wait(n)
	}
	if path[0] != '/' {
		return fmt.Errorf("tree: the snapshot has a znode with the path %q, which does not begin with a slash", path)
	}
	parent, err := l.parent(path)
	if err != nil {
		return err
	}
	parent.addChild(n.n)
	l.ways = append(l.ways, n.n)
	t.adopt(n.n, len(path))
	return l.wait(n)
}

// parent finds a znode's parent, and cuts the way to the last znode off below it. In the order in which snapshots are
// written it is that znode or one above it.
func (l *Loader) parent(path string) (*node, error) {
	up := parentPath(path)
	for i := len(l.ways) - 1; i >= 0; i-- {
		if l.ways[i].isAt(up) {
			l.ways = l.ways[:i+1]
			return l.ways[i], nil
		}
	}
	h := l.t.index.hash(up)
	if err := l.file(h); err != nil {
		return nil, err
	}
	n := l.t.index.find(up, h)
	if n == nil {
		return nil, fmt.Errorf("tree: the snapshot has %q but not its parent", path)
	}
	l.ways = append(l.ways[:0], n)
	return n, nil
}

// wait keeps a znode for the index.
func (l *Loader) wait(n hashed) error {
	w := &l.waiting[n.h>>(64-partBits)]
	if *w = append(*w, n); len(*w) < waitSize {
		return nil
	}
	return l.file(n.h)
}

// file puts the znodes that wait for the part of hash h into the index.
func (l *Loader) file(h uint64) error {
	w := &l.waiting[h>>(64-partBits)]
	for _, n := range *w {
		if !l.t.index.add(n.n, n.h) {
			return twice(n.n.path())
		}
	}
	*w = (*w)[:0]
	return nil
}

// Finish returns the tree, whose LastZxid is last. The loader must not be used afterwards.
func (l *Loader) Finish(last zkproto.Zxid) (*Tree, error) {
	t := l.t
	if l.done || t == nil {
		return nil, errors.New("tree: loader used after Finish")
	}
	l.done = true
	for i := range l.waiting {
		if err := l.file(uint64(i) << (64 - partBits)); err != nil {
			return nil, err
		}
	}
	l.t, l.waiting, l.ways = nil, nil, nil
	root := t.root
	if root == nil {
		return nil, errors.New("tree: the snapshot has no root")
	}
	t.dataSize += int64(len("/") + 2*int(root.size())) // under both its names, like the original
	t.acls.purge()
	t.RebuildQuotas()
	t.last = last
	return t, nil
}

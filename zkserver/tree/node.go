package tree

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// node is a znode, 80 bytes: there may be millions. Most of them are small leaves of no session, and are kept so that such
// a one costs little: a znode knows its name and its parent, not its path; name and data are one piece of memory; and what
// such a znode does not have is in rare, which it does without.
type node struct {
	blob         *byte // small: a byte with the name's length, the name, the data. With rare: the data alone
	up           *node // the parent; nil for the root, and for a znode that has been deleted
	rare         *rare
	czxid, mzxid zkproto.Zxid
	ctime, mtime int64
	version      int32
	pos          int32  // index in the parent's children, so that removing it costs the same for any number of them
	dataLen      int32  // -1: null was stored
	acl          uint32 // slot in the tree's aclCache
	content      uint32 // checksum of path and data, for the digest
	digest       uint32 // the znode's part in the tree's digest
}

// rare is what a small leaf does without. A znode that has got it keeps it.
type rare struct {
	kids               []*node
	name               string
	pzxid              zkproto.Zxid // without rare: the czxid
	owner              int64
	cversion, aversion int32
}

// The longest name and data of a small znode. Longer data is kept as it came, not copied.
const (
	smallName = 255
	smallData = 511
)

// newNode makes a znode that is in no tree yet. The name is copied; so is the data if the znode is small, else it is kept.
func newNode(name string, data []byte, st *zkproto.StatPersisted) *node {
	n := &node{czxid: st.Czxid, mzxid: st.Mzxid, ctime: st.Ctime, mtime: st.Mtime, version: st.Version}
	if !small(name, data, st) {
		n.rare = &rare{
			name: strings.Clone(name), pzxid: st.Pzxid, owner: st.EphemeralOwner, cversion: st.Cversion, aversion: st.Aversion,
		}
	}
	n.keep(name, data)
	return n
}

// small tells whether a znode can do without rare.
func small(name string, data []byte, st *zkproto.StatPersisted) bool {
	return len(name) > 0 && len(name) <= smallName && len(data) <= smallData &&
		st.Pzxid == st.Czxid && st.EphemeralOwner == 0 && st.Cversion == 0 && st.Aversion == 0
}

// keep sets the data, in the form that the znode has.
func (n *node) keep(name string, data []byte) {
	n.dataLen = int32(len(data))
	if data == nil {
		n.dataLen = -1
	}
	if n.rare != nil {
		n.blob = unsafe.SliceData(data)
		return
	}
	b := make([]byte, 1+len(name)+len(data))
	b[0] = byte(len(name))
	copy(b[1:], name)
	copy(b[1+len(name):], data)
	n.blob = unsafe.SliceData(b)
}

// setData replaces the data. It is kept if it is not small. What was handed out of the old stays as it is.
func (n *node) setData(data []byte) {
	if n.rare == nil && len(data) > smallData {
		n.more()
	}
	n.keep(n.name(), data)
}

// more gives the znode what small leaves do without.
func (n *node) more() *rare {
	if n.rare == nil {
		data := n.data()
		n.rare = &rare{name: strings.Clone(n.name()), pzxid: n.czxid}
		n.blob = unsafe.SliceData(data)
	}
	return n.rare
}

// name is the last name of the znode's path, "" for the root.
func (n *node) name() string {
	if n.rare != nil {
		return n.rare.name
	}
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(n.blob), 1)), *n.blob)
}

// data is the data, nil for null.
func (n *node) data() []byte {
	switch {
	case n.dataLen < 0:
		return nil
	case n.dataLen == 0:
		return []byte{}
	case n.rare != nil:
		return unsafe.Slice(n.blob, n.dataLen)
	default:
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(n.blob), 1+uintptr(*n.blob))), n.dataLen)
	}
}

// size is the length of the data.
func (n *node) size() int32 { return max(n.dataLen, 0) }

func (n *node) children() []*node {
	if n.rare == nil {
		return nil
	}
	return n.rare.kids
}

func (n *node) owner() int64 {
	if n.rare == nil {
		return 0
	}
	return n.rare.owner
}

func (n *node) pzxid() zkproto.Zxid {
	if n.rare == nil {
		return n.czxid
	}
	return n.rare.pzxid
}

// cversion is the number of creates below it.
func (n *node) cversion() int32 {
	if n.rare == nil {
		return 0
	}
	return n.rare.cversion
}

func (n *node) aversion() int32 {
	if n.rare == nil {
		return 0
	}
	return n.rare.aversion
}

func (n *node) persisted() zkproto.StatPersisted {
	return zkproto.StatPersisted{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime, Version: n.version, Cversion: n.cversion(),
		Aversion: n.aversion(), EphemeralOwner: n.owner(), Pzxid: n.pzxid(),
	}
}

// pathLen is the length of the path; that of the root is "".
func (n *node) pathLen() int {
	size := 0
	for ; n.up != nil; n = n.up {
		size += 1 + len(n.name())
	}
	return size
}

// appendPath appends the path.
func (n *node) appendPath(b []byte) []byte {
	size := n.pathLen()
	b = slices.Grow(b, size)[:len(b)+size]
	for at := len(b); n.up != nil; n = n.up {
		name := n.name()
		at -= 1 + len(name)
		b[at] = '/'
		copy(b[at+1:], name)
	}
	return b
}

// path makes the path, "" for the root.
func (n *node) path() string { return string(n.appendPath(nil)) }

// isAt tells whether this is the path of a znode that is in a tree.
func (n *node) isAt(path string) bool {
	for ; n.up != nil; n = n.up {
		name := n.name()
		cut := len(path) - len(name) - 1
		if cut < 0 || path[cut] != '/' || path[cut+1:] != name {
			return false
		}
		path = path[:cut]
	}
	return path == ""
}

// hasDigest tells whether the znode has a part in the digest: what is below /zookeeper has none.
func (n *node) hasDigest() bool {
	if n.up == nil || n.up.up == nil {
		return true
	}
	for n.up.up != nil {
		n = n.up
	}
	return n.name() != procPath[1:]
}

// addChild makes c a child.
func (n *node) addChild(c *node) {
	r := n.more()
	c.up = n
	c.pos = int32(len(r.kids))
	r.kids = append(r.kids, c)
}

// removeChild moves the last child into the gap. The child still knows its parent.
func (n *node) removeChild(c *node) {
	kids := n.children()
	last := len(kids) - 1
	if int(c.pos) > last || kids[c.pos] != c {
		return
	}
	if last == 0 {
		n.rare.kids = nil
		return
	}
	moved := kids[last]
	kids[c.pos] = moved
	moved.pos = c.pos
	kids[last] = nil
	kids = kids[:last]
	if cap(kids) >= 64 && last <= cap(kids)/4 {
		kids = append(make([]*node, 0, 2*last), kids...)
	}
	n.rare.kids = kids
}

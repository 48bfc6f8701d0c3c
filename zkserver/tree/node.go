package tree

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// node is a znode, 64 bytes: there may be millions. Most of them are small leaves of no session, and are kept so that such
// a one costs little: a znode knows its name and its parent, not its path; name and data are one piece of memory; and what
// such a znode does not have is in rare, which it does without. Times have 48 bits, which is enough for 4,459 years before and after
// 1970, and the slot of the ACL has 16: a znode that needs more has it in rare.
type node struct {
	blob         unsafe.Pointer // small: to a byte with the name's length, the name, the data. Else *rare
	up           *node          // the parent; nil for the root, and for a znode that has been deleted
	czxid, mzxid zkproto.Zxid
	ctimeLo      uint32
	mtimeLo      uint32
	ctimeHi      int16
	mtimeHi      int16
	form         uint16 // small: the length of the data, or nullData. Else isRare
	slot         uint16 // of the ACL, in the tree's aclCache
	version      int32
	pos          int32  // index in the parent's children, so that removing it costs the same for any number of them
	content      uint32 // checksum of path and data, for the digest
	digest       uint32 // the znode's part in the tree's digest
}

// rare is all that a small leaf does without. A znode that has got it keeps it.
type rare struct {
	kids               []*node
	name               string
	data               *byte
	dataLen            int32  // -1: null was stored
	slot               uint32 // in place of the node's
	ctime, mtime       int64  // in place of the node's
	pzxid              zkproto.Zxid
	owner              int64
	cversion, aversion int32
}

// Copied is up to how many bytes of data a tree copies; longer data is kept as it came.
const Copied = 511

// The longest name and data of a small znode.
const (
	smallName = 255
	smallData = Copied
)

// What form says beside the length of small data, and the largest slot of an ACL that a small znode has.
const (
	isRare   = math.MaxUint16
	nullData = math.MaxUint16 - 1
	mostSlot = math.MaxUint16
)

// smallTime tells whether a time fits into 48 bits.
func smallTime(t int64) bool { return t == t<<16>>16 }

// newNode makes a znode that is in no tree yet. The name is copied, and the data if it is short.
func newNode(name string, data []byte, st *zkproto.StatPersisted) *node {
	n := &node{czxid: st.Czxid, mzxid: st.Mzxid, version: st.Version}
	if !small(name, data, st) {
		n.form = isRare
		n.blob = unsafe.Pointer(&rare{
			name: strings.Clone(name), pzxid: st.Pzxid, owner: st.EphemeralOwner, cversion: st.Cversion, aversion: st.Aversion,
			ctime: st.Ctime, mtime: st.Mtime,
		})
	} else {
		n.ctimeLo, n.ctimeHi = uint32(st.Ctime), int16(st.Ctime>>32)
		n.mtimeLo, n.mtimeHi = uint32(st.Mtime), int16(st.Mtime>>32)
	}
	n.keep(name, data)
	return n
}

// small tells whether a znode can do without rare.
func small(name string, data []byte, st *zkproto.StatPersisted) bool {
	return len(name) > 0 && len(name) <= smallName && len(data) <= smallData && smallTime(st.Ctime) && smallTime(st.Mtime) &&
		st.Pzxid == st.Czxid && st.EphemeralOwner == 0 && st.Cversion == 0 && st.Aversion == 0
}

// rare is what is rare of a znode, nil for a small one.
func (n *node) rare() *rare {
	if n.form != isRare {
		return nil
	}
	return (*rare)(n.blob)
}

// keep sets the data, in the form that the znode has.
func (n *node) keep(name string, data []byte) {
	if r := n.rare(); r != nil {
		if len(data) <= Copied {
			data = bytes.Clone(data)
		}
		r.data, r.dataLen = unsafe.SliceData(data), int32(len(data))
		if data == nil {
			r.dataLen = -1
		}
		return
	}
	b := make([]byte, 1+len(name)+len(data))
	b[0] = byte(len(name))
	copy(b[1:], name)
	copy(b[1+len(name):], data)
	n.blob, n.form = unsafe.Pointer(unsafe.SliceData(b)), uint16(len(data))
	if data == nil {
		n.form = nullData
	}
}

// setData replaces the data, of which a copy is made if it is short. What was handed out of the old stays as it is.
func (n *node) setData(data []byte) {
	if len(data) > smallData {
		n.more()
	}
	n.keep(n.name(), data)
}

// more gives the znode what small leaves do without.
func (n *node) more() *rare {
	if r := n.rare(); r != nil {
		return r
	}
	r := &rare{name: strings.Clone(n.name()), slot: uint32(n.slot), ctime: n.ctime(), mtime: n.mtime(), pzxid: n.czxid}
	data := n.data()
	n.blob, n.form = unsafe.Pointer(r), isRare
	n.keep(r.name, data)
	return r
}

func (n *node) ctime() int64 {
	if r := n.rare(); r != nil {
		return r.ctime
	}
	return int64(n.ctimeHi)<<32 | int64(n.ctimeLo)
}

func (n *node) mtime() int64 {
	if r := n.rare(); r != nil {
		return r.mtime
	}
	return int64(n.mtimeHi)<<32 | int64(n.mtimeLo)
}

func (n *node) setMtime(t int64) {
	if !smallTime(t) {
		n.more()
	}
	if r := n.rare(); r != nil {
		r.mtime = t
		return
	}
	n.mtimeLo, n.mtimeHi = uint32(t), int16(t>>32)
}

// acl is the slot of the ACL in the tree's aclCache.
func (n *node) acl() uint32 {
	if r := n.rare(); r != nil {
		return r.slot
	}
	return uint32(n.slot)
}

func (n *node) setACL(slot uint32) {
	if slot > mostSlot {
		n.more()
	}
	if r := n.rare(); r != nil {
		r.slot = slot
		return
	}
	n.slot = uint16(slot)
}

// name is the last name of the znode's path, "" for the root.
func (n *node) name() string {
	if r := n.rare(); r != nil {
		return r.name
	}
	return unsafe.String((*byte)(unsafe.Add(n.blob, 1)), *(*byte)(n.blob))
}

// data is the data, nil for null.
func (n *node) data() []byte {
	if r := n.rare(); r != nil {
		switch {
		case r.dataLen < 0:
			return nil
		case r.dataLen == 0:
			return []byte{}
		}
		return unsafe.Slice(r.data, r.dataLen)
	}
	switch n.form {
	case nullData:
		return nil
	case 0:
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Add(n.blob, 1+uintptr(*(*byte)(n.blob)))), n.form)
}

// size is the length of the data.
func (n *node) size() int32 {
	if r := n.rare(); r != nil {
		return max(r.dataLen, 0)
	}
	if n.form == nullData {
		return 0
	}
	return int32(n.form)
}

func (n *node) children() []*node {
	if r := n.rare(); r != nil {
		return r.kids
	}
	return nil
}

func (n *node) owner() int64 {
	if r := n.rare(); r != nil {
		return r.owner
	}
	return 0
}

func (n *node) pzxid() zkproto.Zxid {
	if r := n.rare(); r != nil {
		return r.pzxid
	}
	return n.czxid
}

// cversion is the number of creates below it.
func (n *node) cversion() int32 {
	if r := n.rare(); r != nil {
		return r.cversion
	}
	return 0
}

func (n *node) aversion() int32 {
	if r := n.rare(); r != nil {
		return r.aversion
	}
	return 0
}

func (n *node) persisted() zkproto.StatPersisted {
	return zkproto.StatPersisted{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime(), Mtime: n.mtime(), Version: n.version, Cversion: n.cversion(),
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
	r := n.rare()
	if r == nil {
		return
	}
	kids := r.kids
	last := len(kids) - 1
	if int(c.pos) > last || kids[c.pos] != c {
		return
	}
	if last == 0 {
		r.kids = nil
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
	r.kids = kids
}

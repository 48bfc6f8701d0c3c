package tree

import (
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Tree is the whole state of the service besides its sessions.
type Tree struct {
	index      index // the root is in it as ""
	root       *node
	acls       aclCache
	ephemerals map[zkproto.SessionID]map[string]struct{}
	nEphemeral int
	dataSize   int64
	last       zkproto.Zxid
	extended   bool
	emulate353 bool
	mortal     map[string]struct{} // containers and TTL znodes
	digest     digest
	quotas     map[string]struct{} // paths that have one
}

// node is a znode, 112 bytes: there may be millions. Its place among its parent's children is kept so that removing it
// costs the same for any number of them.
type node struct {
	pathPtr                     *byte    // with pathLen, the path; see path and setPath
	dataPtr                     *byte    // with dataLen, the data slice without its capacity; see data and setData
	kids                        *[]*node // nil for a leaf
	acl                         *aclEntry
	czxid, mzxid, pzxid         zkproto.Zxid
	ctime, mtime                int64
	owner                       int64
	version, cversion, aversion int32
	pos                         int32 // index in the parent's children
	dataLen                     int32
	pathLen                     int32
	content                     uint32 // checksum of path and data, for the digest
	digest                      uint32 // the znode's part in the tree's digest
}

// path is the znode's path, "" for the root.
func (n *node) path() string { return unsafe.String(n.pathPtr, n.pathLen) }

// setPath keeps a path. The pointer keeps its memory alive.
func (n *node) setPath(p string) {
	n.pathPtr = unsafe.StringData(p)
	n.pathLen = int32(len(p))
}

// data is the slice given to setData: nil if that was nil.
func (n *node) data() []byte {
	d := unsafe.Slice(n.dataPtr, n.dataLen)
	return d[:len(d):len(d)]
}

// setData keeps b. The pointer keeps its memory alive.
func (n *node) setData(b []byte) {
	n.dataPtr = unsafe.SliceData(b)
	n.dataLen = int32(len(b))
}

func (n *node) children() []*node {
	if n.kids == nil {
		return nil
	}
	return *n.kids
}

// Option changes how a tree reads owner fields.
type Option func(*Tree)

// WithExtendedTypes makes the tree understand TTL znodes (extendedTypesEnabled in zoo.cfg; off by default).
func WithExtendedTypes() Option { return func(t *Tree) { t.extended = true } }

// WithEmulate353TTL makes a tree with extended types take the owner fields that release 3.5.3 gave to TTL znodes, all
// negative numbers, for such (emulate353TTLNodes; ZOOKEEPER-2901).
func WithEmulate353TTL() Option { return func(t *Tree) { t.emulate353 = true } }

const (
	procPath   = "/zookeeper"
	quotaPath  = "/zookeeper/quota"
	configPath = "/zookeeper/config"
)

// New returns the tree of an empty server: "/", "/zookeeper", "/zookeeper/quota" and "/zookeeper/config".
func New(opts ...Option) *Tree {
	t := newTree(opts)
	root := &node{acl: t.acls.open()}
	root.setData([]byte{})
	t.root = root
	t.index.put(root)
	t.add(root) // the checksum of nothing is 0
	for _, p := range []string{procPath, quotaPath, configPath} {
		n := &node{acl: t.acls.open()}
		n.setPath(p)
		n.setData([]byte{})
		t.index.put(n)
		t.node(parentPath(p)).addChild(n)
		t.setContent(n, nil)
		t.add(n)
	}
	// only an administrator may change the membership (ZOOKEEPER-2014)
	config := t.node(configPath)
	config.acl = t.acls.acquire([]zkproto.ACL{{Perms: zkproto.PermRead, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}})
	config.aversion = -1
	t.dataSize = int64(len("/") + len(procPath) + len(quotaPath) + len(configPath))
	return t
}

func newTree(opts []Option) *Tree {
	t := &Tree{
		ephemerals: make(map[zkproto.SessionID]map[string]struct{}),
		quotas:     make(map[string]struct{}),
		mortal:     make(map[string]struct{}),
	}
	t.index.init()
	t.acls.init()
	for _, o := range opts {
		o(t)
	}
	return t
}

// IsReserved tells whether path is one of the znodes that cannot be deleted.
func IsReserved(path string) bool {
	return path == "/" || path == procPath || path == quotaPath || path == configPath
}

// parentPath is path without its last name: "" for children of the root. path contains a slash.
func parentPath(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return ""
}

func (n *node) addChild(c *node) {
	if n.kids == nil {
		n.kids = new([]*node)
	}
	c.pos = int32(len(*n.kids))
	*n.kids = append(*n.kids, c)
}

// removeChild moves the last child into the gap.
func (n *node) removeChild(c *node) {
	kids := n.children()
	last := len(kids) - 1
	if int(c.pos) > last || kids[c.pos] != c {
		return
	}
	if last == 0 {
		n.kids = nil
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
	*n.kids = kids
}

// node finds a znode, nil if there is none. The root is both "" and "/".
func (t *Tree) node(path string) *node {
	if path == "/" {
		return t.root
	}
	return t.index.get(path)
}

// nodeAt is node for a path that is still in its frame.
func (t *Tree) nodeAt(path []byte) *node {
	if len(path) == 1 && path[0] == '/' {
		return t.root
	}
	return t.index.getBytes(path)
}

// adopt registers a znode, which is in the index, in the tables that are kept by owner and size.
func (t *Tree) adopt(n *node) {
	t.dataSize += int64(len(n.path()) + int(n.dataLen))
	switch t.Kind(n.owner) {
	case Persistent:
		return
	case Container, TTL:
		t.mortal[n.path()] = struct{}{}
		return
	case Ephemeral:
	}
	t.nEphemeral++
	s := zkproto.SessionID(n.owner)
	set := t.ephemerals[s]
	if set == nil {
		set = make(map[string]struct{}, 1)
		t.ephemerals[s] = set
	}
	set[n.path()] = struct{}{}
}

// disown takes a znode out of the tables, and everything below it.
func (t *Tree) disown(n *node) {
	for _, c := range n.children() {
		t.disown(c)
	}
	n.kids = nil
	t.index.remove(n.path())
	t.subtract(n)
	t.dataSize -= int64(len(n.path()) + int(n.dataLen))
	t.acls.release(n.acl)
	switch t.Kind(n.owner) {
	case Persistent:
		return
	case Container, TTL:
		delete(t.mortal, n.path())
		return
	case Ephemeral:
	}
	t.nEphemeral--
	s := zkproto.SessionID(n.owner)
	if set := t.ephemerals[s]; set != nil {
		delete(set, n.path())
		if len(set) == 0 {
			delete(t.ephemerals, s)
		}
	}
}

func (n *node) persisted() zkproto.StatPersisted {
	return zkproto.StatPersisted{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime, Version: n.version, Cversion: n.cversion,
		Aversion: n.aversion, EphemeralOwner: n.owner, Pzxid: n.pzxid,
	}
}

// stat is what clients see. cversion is kept as the number of creates; clients see creates and deletes: every create has
// its delete, except those of the children still there.
func (t *Tree) stat(n *node) zkproto.Stat {
	kids := int32(len(n.children()))
	s := zkproto.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime, Version: n.version,
		Cversion: n.cversion*2 - kids, Aversion: n.aversion, DataLength: n.dataLen,
		NumChildren: kids, Pzxid: n.pzxid,
	}
	if n.owner != 0 && t.Kind(n.owner) == Ephemeral {
		s.EphemeralOwner = n.owner
	}
	return s
}

package tree

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// Tree is the whole state of the service besides its sessions.
type Tree struct {
	index      index // the root is in it as ""
	root       *node
	acls       aclCache
	ephemerals map[zkproto.SessionID]map[*node]struct{}
	nEphemeral int
	dataSize   int64
	last       zkproto.Zxid
	extended   bool
	emulate353 bool
	mortal     map[*node]struct{} // containers and TTL znodes
	digest     digest
	quotas     map[string]struct{} // paths that have one
	scratch    []byte              // a path, while something is deleted
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
	t.root = newNode("", []byte{}, &zkproto.StatPersisted{})
	t.index.put("", t.root)
	t.add(t.root) // the checksum of nothing is 0
	for _, p := range []string{procPath, quotaPath} {
		t.plant(t.node(parentPath(p)), p, []byte{}, &zkproto.StatPersisted{}, t.acls.open())
	}
	t.newConfig(t.node(procPath))
	t.dataSize = int64(len("/") + len(procPath) + len(quotaPath) + len(configPath))
	return t
}

// plant puts a new znode into the tree, below parent.
func (t *Tree) plant(parent *node, path string, data []byte, st *zkproto.StatPersisted, acl *aclEntry) *node {
	n := newNode(path[len(parentPath(path))+1:], data, st)
	n.setACL(acl.slot)
	parent.addChild(n)
	t.index.put(path, n)
	t.setContent(n, path, data)
	t.add(n)
	return n
}

func newTree(opts []Option) *Tree {
	t := &Tree{
		ephemerals: make(map[zkproto.SessionID]map[*node]struct{}),
		quotas:     make(map[string]struct{}),
		mortal:     make(map[*node]struct{}),
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
func (t *Tree) adopt(n *node, pathLen int) {
	t.dataSize += int64(pathLen + int(n.size()))
	switch t.Kind(n.owner()) {
	case Persistent:
		return
	case Container, TTL:
		t.mortal[n] = struct{}{}
		return
	case Ephemeral:
	}
	t.nEphemeral++
	s := zkproto.SessionID(n.owner())
	set := t.ephemerals[s]
	if set == nil {
		set = make(map[*node]struct{}, 1)
		t.ephemerals[s] = set
	}
	set[n] = struct{}{}
}

// disown takes a znode and everything below it out of the index and the tables. path may be written to behind its end.
func (t *Tree) disown(n *node, path []byte) {
	for _, c := range n.children() {
		t.disown(c, append(append(path, '/'), c.name()...))
	}
	n.up = nil
	if r := n.rare(); r != nil {
		r.kids = nil
	}
	t.index.remove(path, n)
	t.subtract(n)
	t.dataSize -= int64(len(path) + int(n.size()))
	t.acls.release(t.acls.at(n))
	switch t.Kind(n.owner()) {
	case Persistent:
		return
	case Container, TTL:
		delete(t.mortal, n)
		return
	case Ephemeral:
	}
	t.nEphemeral--
	s := zkproto.SessionID(n.owner())
	if set := t.ephemerals[s]; set != nil {
		delete(set, n)
		if len(set) == 0 {
			delete(t.ephemerals, s)
		}
	}
}

// stat is what clients see. cversion is kept as the number of creates; clients see creates and deletes: every create has
// its delete, except those of the children still there.
func (t *Tree) stat(n *node) zkproto.Stat {
	kids := int32(len(n.children()))
	s := zkproto.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime(), Mtime: n.mtime(), Version: n.version,
		Cversion: n.cversion()*2 - kids, Aversion: n.aversion(), DataLength: n.size(),
		NumChildren: kids, Pzxid: n.pzxid(),
	}
	if owner := n.owner(); owner != 0 && t.Kind(owner) == Ephemeral {
		s.EphemeralOwner = owner
	}
	return s
}

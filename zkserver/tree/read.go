package tree

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// LastZxid is the zxid of the last transaction applied.
func (t *Tree) LastZxid() zkproto.Zxid { return t.last }

// Get returns a znode's data (nil when null was stored), Stat and ACL. The path "" is the root, as "/" is.
func (t *Tree) Get(path string) (data []byte, stat zkproto.Stat, acl []zkproto.ACL, ok bool) {
	if n := t.node(path); n != nil {
		return n.data(), t.stat(n), t.acls.at(n).list, true
	}
	return nil, zkproto.Stat{}, nil, false
}

// GetBytes is Get for a path that is still in its frame; nothing is kept of it.
func (t *Tree) GetBytes(path []byte) (data []byte, stat zkproto.Stat, acl []zkproto.ACL, ok bool) {
	if n := t.nodeAt(path); n != nil {
		return n.data(), t.stat(n), t.acls.at(n).list, true
	}
	return nil, zkproto.Stat{}, nil, false
}

// Exists returns a znode's Stat and ACL.
func (t *Tree) Exists(path string) (stat zkproto.Stat, acl []zkproto.ACL, ok bool) {
	if n := t.node(path); n != nil {
		return t.stat(n), t.acls.at(n).list, true
	}
	return zkproto.Stat{}, nil, false
}

// Children returns a znode's child names in no particular order, its Stat and ACL.
func (t *Tree) Children(path string) (names []string, stat zkproto.Stat, acl []zkproto.ACL, ok bool) {
	n := t.node(path)
	if n == nil {
		return nil, zkproto.Stat{}, nil, false
	}
	names = make([]string, len(n.children()))
	for i, c := range n.children() {
		names[i] = c.name()
	}
	return names, t.stat(n), t.acls.at(n).list, true
}

// ACL returns a znode's ACL and Stat. The list is nil for a znode that was created with null.
func (t *Tree) ACL(path string) (acl []zkproto.ACL, stat zkproto.Stat, ok bool) {
	if n := t.node(path); n != nil {
		return t.acls.at(n).list, t.stat(n), true
	}
	return nil, zkproto.Stat{}, false
}

// NumDescendants counts the znodes below path, as getAllChildrenNumber wants it.
func (t *Tree) NumDescendants(path string) int {
	switch path {
	case "/":
		return t.index.n - 1
	case "":
		return t.index.n // the original counts the names that begin with "/", of which "/" is one
	}
	n := t.node(path)
	if n == nil {
		return 0
	}
	count := 0
	stack := []*node{n}
	for len(stack) > 0 {
		n = stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], n.children()...)
		count += len(n.children())
	}
	return count
}

// Ephemerals returns the paths of a session's ephemeral znodes, sorted.
func (t *Tree) Ephemerals(s zkproto.SessionID) []string {
	set := t.ephemerals[s]
	paths := make([]string, 0, len(set))
	for n := range set {
		paths = append(paths, n.path())
	}
	slices.Sort(paths)
	return paths
}

// EphemeralOwners returns the sessions that own ephemeral znodes, sorted.
func (t *Tree) EphemeralOwners() []zkproto.SessionID {
	owners := make([]zkproto.SessionID, 0, len(t.ephemerals))
	for s := range t.ephemerals {
		owners = append(owners, s)
	}
	slices.Sort(owners)
	return owners
}

// NodeCount is the number of znodes as the original counts them: the root twice.
func (t *Tree) NodeCount() int { return t.index.n + 1 }

// EphemeralCount is the number of ephemeral znodes.
func (t *Tree) EphemeralCount() int { return t.nEphemeral }

// DataSize is the sum of the lengths of all paths and data, in bytes.
func (t *Tree) DataSize() int64 { return t.dataSize }

// Info is what deciding about a request needs to know of a znode.
type Info struct {
	Path        string // "/" for the root
	Version     int32
	Cversion    int32 // the number of creates, not what clients see
	Aversion    int32
	Owner       int64 // as stored, special values included
	NumChildren int
	ACL         []zkproto.ACL

	Czxid, Mzxid, Pzxid zkproto.Zxid
	Ctime, Mtime        int64
	Content             uint32 // checksum of path and data; see Digester
	DataLen             int32  // in bytes
	Digest              int64  // the znode's part in the tree's digest
}

// Persisted is the part of an Info that a digest covers.
func (i *Info) Persisted() zkproto.StatPersisted {
	return zkproto.StatPersisted{
		Czxid: i.Czxid, Mzxid: i.Mzxid, Ctime: i.Ctime, Mtime: i.Mtime, Version: i.Version, Cversion: i.Cversion,
		Aversion: i.Aversion, EphemeralOwner: i.Owner, Pzxid: i.Pzxid,
	}
}

// Info looks a znode up.
func (t *Tree) Info(path string) (Info, bool) {
	n := t.node(path)
	if n == nil {
		return Info{}, false
	}
	return Info{
		Path: shown(path), Version: n.version, Cversion: n.cversion(), Aversion: n.aversion(), Owner: n.owner(),
		NumChildren: len(n.children()), ACL: t.acls.at(n).list,
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid(), Ctime: n.ctime(), Mtime: n.mtime(), Content: n.content, DataLen: n.size(),
		Digest: int64(n.digest),
	}, true
}

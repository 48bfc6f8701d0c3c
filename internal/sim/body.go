package sim

import (
	"bytes"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// node is a znode in a snapshot.
type node struct {
	path string
	data []byte
	acl  int64
	st   zkproto.StatPersisted
}

// body is a snapshot while the tree goes on changing: a walk in pieces, as a server takes it, for a file of its own or for
// a learner. It implements snapshot.Source when it is done.
type body struct {
	s        *server
	life     int
	tree     *tree.Tree
	zxid     zab.Zxid // what it surely holds
	end      zab.Zxid // what it holds in parts
	sessions map[zkproto.SessionID]int32
	acls     map[int64][]zkproto.ACL
	walk     *tree.Walk
	nodes    []node
	given    int
	digest   tree.ZxidDigest
	hasTail  bool // the digest counts
	done     bool
	bytes    []byte // as a learner gets it
	then     func(*body)
}

// takeSnapshot prepares a walk; once it has begun, then is called when it is over, unless the server dies or its tree is replaced before.
func (s *server) takeSnapshot(z zab.Zxid, then func(*body)) *body {
	t := s.state.Tree
	b := &body{s: s, life: s.life, tree: t, zxid: z, sessions: s.machine.sessionTimeouts(), acls: t.ACLCache(), walk: t.Walk(), then: then}
	return b
}

// begin starts the walk.
func (b *body) begin() { b.s.w.after(0, func() { b.s.do(b.step) }) }

// wholeBody is a snapshot taken at once.
func wholeBody(s *server, st *store.State) *body {
	b := &body{s: s, tree: st.Tree, sessions: st.Sessions, acls: st.Tree.ACLCache()}
	st.Tree.Walk().Next(st.Tree.NodeCount()+1, b.add)
	return b
}

func (b *body) add(path string, data []byte, acl int64, st zkproto.StatPersisted) {
	b.nodes = append(b.nodes, node{path: path, data: data, acl: acl, st: st})
}

func (b *body) step() {
	if b.life != b.s.life || b.tree != b.s.state.Tree {
		return
	}
	w := b.s.w
	if b.walk.Next(int(w.between(1, 16)), b.add) {
		w.after(w.between(50, 2000), func() { b.s.do(b.step) })
		return
	}
	b.end = b.tree.LastZxid()
	b.digest, b.hasTail = b.tree.LastDigest(), b.tree.HasDigest()
	b.then(b)
	b.done = true
}

// encode makes the bytes for a learner.
func (b *body) encode() {
	var buf bytes.Buffer
	if err := snapshot.Stream(&buf, b, nil); err != nil {
		b.s.w.failf("%s: %v", b.s, err)
	}
	b.bytes = buf.Bytes()
}

// Sessions implements snapshot.Source.
func (b *body) Sessions() map[zkproto.SessionID]int32 { return b.sessions }

// ACLs implements snapshot.Source.
func (b *body) ACLs() map[int64][]zkproto.ACL { b.given = 0; return b.acls }

// Next implements snapshot.Source.
func (b *body) Next(limit int, fn snapshot.NodeFunc) bool {
	for ; limit > 0 && b.given < len(b.nodes); limit-- {
		n := &b.nodes[b.given]
		b.given++
		fn(n.path, n.data, n.acl, n.st)
	}
	return b.given < len(b.nodes)
}

// ACL implements snapshot.Source.
func (b *body) ACL(id int64) []zkproto.ACL { return b.tree.ACLByID(id) }

// Digest implements snapshot.DigestSource.
func (b *body) Digest() (snapshot.Digest, bool) { return snapshot.Digest(b.digest), b.hasTail }

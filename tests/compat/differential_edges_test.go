//go:build compat

package compat

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

// oldTree is a tree that has seen billions of changes: a snapshot's source.
type oldTree struct{ nodes []oldNode }

type oldNode struct {
	path                        string
	version, cversion, aversion int32
}

func (o *oldTree) Sessions() map[zkproto.SessionID]int32 { return nil }
func (o *oldTree) ACLs() map[int64][]zkproto.ACL         { return nil }
func (o *oldTree) ACL(int64) []zkproto.ACL               { return nil }

func (o *oldTree) Next(_ int, fn snapshot.NodeFunc) bool {
	for _, n := range o.nodes {
		fn(n.path, []byte("d"), -1, zkproto.StatPersisted{
			Czxid: 1, Mzxid: 2, Pzxid: 3, Ctime: 1, Mtime: 2,
			Version: n.version, Cversion: n.cversion, Aversion: n.aversion,
		})
	}
	return false
}

// Versions and sequence numbers at the ends of their ranges. Two differences are kept out of it (see chosen in
// differential_test.go): a version that would become -1, and a zxid whose counter runs over. The original logs that digests do
// not match when a sequence runs over, and so does zkserver.
func TestDifferentialAtTheEndsOfCounters(t *testing.T) {
	t.Parallel()
	tree := &oldTree{nodes: []oldNode{
		{path: ""},
		{path: "/zookeeper"},
		{path: "/zookeeper/config"},
		{path: "/zookeeper/quota"},
		{path: "/last", version: math.MaxInt32 - 2, cversion: math.MaxInt32 - 2, aversion: math.MaxInt32 - 2},
		{path: "/over", version: math.MinInt32, cversion: math.MinInt32, aversion: math.MinInt32},
		{path: "/minus", version: -5, cversion: -5, aversion: -5},
	}}
	dirs := [2]string{t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		v := filepath.Join(dir, "version-2")
		require.NoError(t, os.Mkdir(v, 0o755))
		_, err := snapshot.Write(vfs.OS(), v, zkproto.MakeZxid(7, 1000), tree)
		require.NoError(t, err)
	}
	d := startDuel(t, true, dirs)
	d.gen = &generator{Rand: rand.New(rand.NewPCG(1, 1)), root: "/last", versions: map[string]int32{}}
	d.ensure(0)
	xid := int32(0)
	ask := func(op zkproto.OpCode, body []byte, text string) {
		xid++
		d.send(0, request{xid: xid, op: op, body: body, text: text})
	}
	for _, n := range tree.nodes[4:] {
		read := zkproto.PathWatchRequest{Path: n.path}
		stat := func() { ask(zkproto.OpExists, read.AppendTo(nil), "exists "+n.path) }
		stat()
		create := zkproto.CreateRequest{Path: n.path + "/s-", ACL: zkproto.WorldAll(), Mode: zkproto.ModePersistentSequential}
		for range 4 {
			ask(zkproto.OpCreate2, create.AppendTo(nil, zkproto.OpCreate2), "create in "+n.path)
			stat()
		}
		part := zkproto.MultiOp{Type: zkproto.OpCreate2, Create: create}
		multi := zkproto.MultiRequest{Ops: []zkproto.MultiOp{part, part, part}}
		ask(zkproto.OpMulti, multi.AppendTo(nil), "create three in "+n.path)
		stat()
		updates := 6
		if n.version < 0 && n.version > -10 {
			updates = -2 - int(n.version) // up to -2
		}
		for i := range updates {
			set := zkproto.SetDataRequest{Path: n.path, Data: []byte{byte(i)}, Version: n.version + int32(i)}
			ask(zkproto.OpSetData, set.AppendTo(nil), "setData "+n.path)
			acl := zkproto.SetACLRequest{Path: n.path, ACL: zkproto.WorldAll(), Version: n.aversion + int32(i)}
			ask(zkproto.OpSetACL, acl.AppendTo(nil), "setACL "+n.path)
		}
		ask(zkproto.OpSetData, (&zkproto.SetDataRequest{Path: n.path, Version: n.version}).AppendTo(nil), "setData of an old version")
		ask(zkproto.OpGetChildren, read.AppendTo(nil), "getChildren "+n.path)
		ask(zkproto.OpDelete, jute.AppendInt32(jute.AppendString(nil, n.path+"/s-2147483645"), -1), "delete")
		stat()
	}
	d.gen.root = "/"
	d.finish()
}

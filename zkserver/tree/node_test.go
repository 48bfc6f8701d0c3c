package tree

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A znode costs what it costs a million times: 64 and 96 are sizes in which memory is given out.
func TestSizeOfAZnode(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(node{}), uintptr(64))
	require.LessOrEqual(t, unsafe.Sizeof(rare{}), uintptr(96))
}

// lengths are on both sides of each limit, and -1 for null.
var lengths = []int{-1, 0, 1, 100, smallData, smallData + 1, 3000}

// times are on both sides of what a small znode has room for.
var times = []int64{0, 1, -1, 1 << 32, 1_800_000_000_000, 1<<47 - 1, 1 << 47, -1 << 47, -1<<47 - 1, math.MaxInt64, math.MinInt64}

func filled(length int, b byte) []byte {
	if length < 0 {
		return nil
	}
	return bytes.Repeat([]byte{b}, length)
}

// Znodes change between their two forms in every order; a naive model says what they are.
func TestFormsOfAZnode(t *testing.T) {
	names := []string{"a", strings.Repeat("b", smallName), strings.Repeat("c", smallName+1)}
	rapid.Check(t, func(t *rapid.T) {
		x, zxid, now := New(), zkproto.Zxid(0), int64(0)
		for len(x.acls.slots) < mostSlot { // the first list has the last slot that a small znode has room for
			x.acls.slots = append(x.acls.slots, nil)
		}
		type znode struct {
			data  []byte
			perms int32
			st    zkproto.StatPersisted
		}
		model := map[string]*znode{}
		given := map[*byte][]byte{} // what was handed out, and what it was
		paths := func() []string { return slices.Sorted(maps.Keys(model)) }
		apply := func(txn zkproto.Txn) Result {
			zxid++
			var lent []byte // is written to again, if the tree has to copy it
			switch txn := txn.(type) {
			case *zkproto.CreateTxn:
				lent = txn.Data
			case *zkproto.SetDataTxn:
				lent = txn.Data
			}
			if len(lent) <= Copied {
				defer clear(lent)
			}
			return x.Apply(&zkproto.TxnHeader{Zxid: zxid, ClientID: 7, Time: now, Type: typeOf(txn)}, txn, nil)
		}
		some := func(t *rapid.T) string {
			if len(model) == 0 {
				t.Skip("no znode")
			}
			return rapid.SampledFrom(paths()).Draw(t, "path")
		}
		clock := func(t *rapid.T) { now = rapid.SampledFrom(times).Draw(t, "time") }
		perms := func(t *rapid.T) int32 { return rapid.Int32Range(1, 5).Draw(t, "perms") }
		list := func(perms int32) []zkproto.ACL {
			return []zkproto.ACL{{Perms: perms, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}
		}
		data := func(t *rapid.T) []byte { return filled(rapid.SampledFrom(lengths).Draw(t, "length"), byte(zxid)) }
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				parent := rapid.SampledFrom(append(paths(), "")).Draw(t, "parent")
				path := parent + "/" + rapid.SampledFrom(names).Draw(t, "name")
				if model[path] != nil || strings.Count(path, "/") > 3 || parent != "" && model[parent].st.EphemeralOwner != 0 {
					t.Skip("not possible")
				}
				clock(t)
				n := &znode{data: data(t), perms: perms(t)}
				ephemeral := rapid.Bool().Draw(t, "ephemeral")
				if ephemeral {
					n.st.EphemeralOwner = 7
				}
				apply(&zkproto.CreateTxn{Path: path, Data: bytes.Clone(n.data), ACL: list(n.perms), Ephemeral: ephemeral, ParentCVersion: -1})
				n.st.Czxid, n.st.Mzxid, n.st.Pzxid, n.st.Ctime, n.st.Mtime = zxid, zxid, zxid, now, now
				model[path] = n
				if p := model[parent]; p != nil {
					p.st.Cversion, p.st.Pzxid = p.st.Cversion+1, zxid
				}
			},
			"set": func(t *rapid.T) {
				path := some(t)
				clock(t)
				n := model[path]
				n.data = data(t)
				n.st.Version++
				apply(&zkproto.SetDataTxn{Path: path, Data: bytes.Clone(n.data), Version: n.st.Version})
				n.st.Mzxid, n.st.Mtime = zxid, now
			},
			"acl": func(t *rapid.T) {
				n := model[some(t)]
				n.perms = perms(t)
				n.st.Aversion++
				for path := range model {
					if model[path] == n {
						apply(&zkproto.SetACLTxn{Path: path, ACL: list(n.perms), Version: n.st.Aversion})
					}
				}
			},
			"delete": func(t *rapid.T) {
				path := some(t)
				apply(&zkproto.DeleteTxn{Path: path})
				maps.DeleteFunc(model, func(p string, _ *znode) bool { return p == path || strings.HasPrefix(p, path+"/") })
				if p := model[parentPath(path)]; p != nil {
					p.st.Pzxid = zxid
				}
			},
			"end": func(t *rapid.T) {
				apply(&zkproto.CloseSessionTxn{})
				for _, path := range paths() {
					if model[path].st.EphemeralOwner == 0 {
						continue
					}
					delete(model, path)
					if p := model[parentPath(path)]; p != nil {
						p.st.Pzxid = zxid
					}
				}
			},
			"load": func(t *rapid.T) { x = reloaded(t, x) },
			"": func(t *rapid.T) {
				size := 44
				for path, n := range model {
					got, stat, _, ok := x.Get(path)
					if !ok || !bytes.Equal(got, n.data) || (got == nil) != (n.data == nil) || int(stat.DataLength) != len(n.data) {
						t.Fatalf("data of %.20s: %d bytes %t", path, len(got), ok)
					}
					if st := x.node(path).persisted(); st != n.st {
						t.Fatalf("%.20s is %+v, not %+v", path, st, n.st)
					}
					if acl, _, _ := x.ACL(path); len(acl) != 1 || acl[0].Perms != n.perms {
						t.Fatalf("ACL of %.20s: %v", path, acl)
					}
					if x.node(path).path() != path {
						t.Fatalf("path of %.20s", path)
					}
					if len(got) > 0 {
						given[&got[0]] = bytes.Clone(got)
					}
					size += len(path) + len(n.data)
				}
				for p, was := range given {
					if !bytes.Equal(unsafe.Slice(p, len(was)), was) {
						t.Fatal("what was handed out has changed")
					}
				}
				if x.NodeCount() != len(model)+5 || x.DataSize() != int64(size) {
					t.Fatal("count or size differs ", x.NodeCount(), len(model), x.DataSize(), size)
				}
				if y := reloaded(t, x); y.Digest() != x.Digest() {
					t.Fatal("the digest is not that of what is there")
				}
			},
		})
	})
}

// reloaded is a tree after a snapshot, from memory that is written to again.
func reloaded(t *rapid.T, x *Tree) *Tree {
	l := NewLoader()
	for id, acl := range x.ACLCache() {
		l.AddACL(id, acl)
	}
	add, link := l.Batch(4)
	room, n := make([]byte, 0, 8192), 0
	for w, more := x.Walk(), true; more; {
		more = w.Next(3, func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
			room = append(append(room[:0], path...), data...)
			lent := room[len(path):]
			if data == nil {
				lent = nil
			}
			add(unsafe.String(unsafe.SliceData(room), len(path)), lent, acl, &st)
			if n++; n%4 == 0 {
				if err := link(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if err := link(); err != nil {
		t.Fatal(err)
	}
	clear(room[:cap(room)])
	y, err := l.Finish(x.LastZxid())
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// A walk leaves out what was deleted before its turn, also when something of the same name has come since.
func TestWalkMeetsChanges(t *testing.T) {
	x := &txns{t: t, tree: New()}
	for i, p := range []string{"/a", "/a/b", "/a/b/c", "/d"} {
		x.apply(1, create(p, int32(i)+1))
	}
	w := x.tree.Walk()
	var seen []string
	next := func(limit int) bool {
		return w.Next(limit, func(path string, _ []byte, _ int64, _ zkproto.StatPersisted) { seen = append(seen, path) })
	}
	for len(seen) == 0 || seen[len(seen)-1] != "/a" {
		require.True(t, next(1))
	}
	x.apply(1, &zkproto.DeleteTxn{Path: "/a/b"})
	x.apply(1, create("/a/b", 9))
	x.apply(1, create("/a/e", 10))
	for next(1) {
	}
	slices.Sort(seen)
	require.Equal(t, []string{"", "/a", "/d", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"}, seen)
}

// Who writes each path somewhere at once can do without memory for all of them.
func TestLentPaths(t *testing.T) {
	x := &txns{t: t, tree: New()}
	x.apply(1, create("/a", 1))
	const n = 2000
	for i := range int32(n) {
		x.apply(1, create(fmt.Sprintf("/a/%0100d", i), i+1))
	}
	paths := map[string]bool{}
	w := x.tree.Walk().Lend()
	for w.Next(7, func(path string, _ []byte, _ int64, _ zkproto.StatPersisted) { paths[strings.Clone(path)] = true }) {
	}
	require.Len(t, paths, x.tree.NodeCount()-1) // the root counts twice
	for path := range paths {
		require.NotNil(t, x.tree.node(path))
	}
	allocs := testing.AllocsPerRun(3, func() {
		w := x.tree.Walk().Lend()
		for w.Next(7, func(string, []byte, int64, zkproto.StatPersisted) {}) {
		}
	})
	require.Less(t, allocs, 10.0)
}

package prep

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// model is the naive server: a map, one request at a time, nothing outstanding.
type model map[string]mnode

type mnode struct {
	data                       string
	version, creates, aversion int32
	owner                      zkproto.SessionID
	czxid, mzxid, pzxid        zkproto.Zxid
	ctime, mtime               int64
	perms                      int32
}

func newModel() model {
	m := model{}
	for _, p := range []string{"/", "/zookeeper", "/zookeeper/quota"} {
		m[p] = mnode{perms: zkproto.PermAll}
	}
	m["/zookeeper/config"] = mnode{perms: zkproto.PermRead, aversion: -1}
	return m
}

func up(path string) string {
	if i := strings.LastIndex(path, "/"); i > 0 {
		return path[:i]
	}
	return "/"
}

func (m model) children(path string) (names []string) {
	for p := range m {
		if p != "/" && up(p) == path {
			names = append(names, p[strings.LastIndex(p, "/")+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (m model) stat(path string) zkproto.Stat {
	n := m[path]
	kids := int32(len(m.children(path)))
	return zkproto.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid, Ctime: n.ctime, Mtime: n.mtime, Version: n.version,
		Cversion: 2*n.creates - kids, Aversion: n.aversion, EphemeralOwner: int64(n.owner), DataLength: int32(len(n.data)),
		NumChildren: kids,
	}
}

// mop is a request in the model's terms.
type mop struct {
	op      zkproto.OpCode
	path    string
	version int32
	mode    zkproto.CreateMode
	data    string
	perms   int32
}

func (o mop) body() []byte {
	switch o.op {
	case zkproto.OpCreate:
		q := zkproto.CreateRequest{Path: o.path, Data: []byte(o.data), ACL: only(o.perms), Mode: o.mode}
		return q.AppendTo(nil, o.op)
	case zkproto.OpSetData:
		return setData(o.path, o.data, o.version)
	case zkproto.OpSetACL:
		return setACL(o.path, only(o.perms), o.version)
	default:
		return pathVersion(o.path, o.version)
	}
}

func (o mop) part() zkproto.MultiOp {
	return zkproto.MultiOp{
		Type:        o.op,
		Create:      zkproto.CreateRequest{Path: o.path, Data: []byte(o.data), ACL: only(o.perms), Mode: o.mode},
		PathVersion: zkproto.PathVersionRequest{Path: o.path, Version: o.version},
		SetData:     zkproto.SetDataRequest{Path: o.path, Data: []byte(o.data), Version: o.version},
	}
}

func (m model) apply(s zkproto.SessionID, o mop, zxid zkproto.Zxid, now int64) tree.Result {
	r := tree.Result{Type: o.op, Path: o.path}
	fail := func(e zkproto.Error) tree.Result { return tree.Result{Type: zkproto.OpError, Err: e} }
	parent, hasParent := m[up(o.path)]
	n, exists := m[o.path]
	switch o.op {
	case zkproto.OpCreate:
		if !hasParent {
			return fail(zkproto.ErrNoNode)
		}
		if parent.perms&zkproto.PermCreate == 0 {
			return fail(zkproto.ErrNoAuth)
		}
		if o.mode.Sequential() {
			r.Path = fmt.Sprintf("%s%010d", o.path, parent.creates)
			_, exists = m[r.Path]
		}
		if exists {
			return fail(zkproto.ErrNodeExists)
		}
		if parent.owner != 0 {
			return fail(zkproto.ErrNoChildrenForEphemerals)
		}
		parent.creates++
		parent.pzxid = zxid
		m[up(o.path)] = parent
		n = mnode{data: o.data, czxid: zxid, mzxid: zxid, pzxid: zxid, ctime: now, mtime: now, perms: o.perms}
		if o.mode.Ephemeral() {
			n.owner = s
		}
		m[r.Path] = n
		r.Stat = m.stat(r.Path)
	case zkproto.OpDelete:
		switch {
		case tree.IsReserved(o.path):
			return fail(zkproto.ErrBadArguments)
		case !hasParent:
			return fail(zkproto.ErrNoNode)
		case parent.perms&zkproto.PermDelete == 0:
			return fail(zkproto.ErrNoAuth)
		case !exists:
			return fail(zkproto.ErrNoNode)
		case o.version != -1 && o.version != n.version:
			return fail(zkproto.ErrBadVersion)
		case len(m.children(o.path)) > 0:
			return fail(zkproto.ErrNotEmpty)
		}
		m.drop(o.path, zxid)
	case zkproto.OpSetData, zkproto.OpCheck, zkproto.OpSetACL:
		need, have := zkproto.PermWrite, n.version
		if o.op == zkproto.OpCheck {
			need = zkproto.PermRead
		}
		if o.op == zkproto.OpSetACL {
			need, have = zkproto.PermAdmin, n.aversion
		}
		switch {
		case !exists:
			return fail(zkproto.ErrNoNode)
		case n.perms&need == 0:
			return fail(zkproto.ErrNoAuth)
		case o.version != -1 && o.version != have:
			return fail(zkproto.ErrBadVersion)
		}
		switch o.op {
		case zkproto.OpSetData:
			n.data, n.version, n.mzxid, n.mtime = o.data, n.version+1, zxid, now
		case zkproto.OpSetACL:
			n.perms, n.aversion = o.perms, n.aversion+1
		default:
			return r
		}
		m[o.path] = n
		r.Stat = m.stat(o.path)
	}
	return r
}

func (m model) drop(path string, zxid zkproto.Zxid) {
	delete(m, path)
	p := m[up(path)]
	p.pzxid = zxid
	m[up(path)] = p
}

func (m model) multi(s zkproto.SessionID, ops []mop, zxid zkproto.Zxid, now int64) tree.Result {
	before := maps.Clone(m)
	r := tree.Result{Type: zkproto.OpMulti, Multi: make([]tree.Result, len(ops))}
	for i, o := range ops {
		r.Multi[i] = m.apply(s, o, zxid, now)
		if r.Multi[i].Err == zkproto.ErrOK {
			continue
		}
		clear(m)
		maps.Copy(m, before)
		for j := range r.Multi {
			if j < i {
				r.Multi[j] = tree.Result{Type: zkproto.OpError}
			} else if j > i {
				r.Multi[j] = tree.Result{Type: zkproto.OpError, Err: zkproto.ErrRuntimeInconsistency}
			}
		}
		break
	}
	return r
}

func (m model) closeSession(s zkproto.SessionID, zxid zkproto.Zxid) tree.Result {
	for p, n := range maps.Clone(m) {
		if n.owner == s {
			m.drop(p, zxid)
		}
	}
	return tree.Result{Type: zkproto.OpCloseSession}
}

// drawOp draws a request that often succeeds.
func drawOp(t *rapid.T, inMulti bool) mop {
	ops := []zkproto.OpCode{
		zkproto.OpCreate, zkproto.OpCreate, zkproto.OpCreate, zkproto.OpDelete, zkproto.OpSetData,
		zkproto.OpCheck,
	}
	if !inMulti {
		ops = append(ops, zkproto.OpSetACL)
	}
	o := mop{
		op:   rapid.SampledFrom(ops).Draw(t, "op"),
		path: rapid.SampledFrom([]string{"/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/1", "/a/x/2", "/zookeeper", "/zookeeper/config"}).Draw(t, "path"),
		mode: zkproto.CreateMode(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "mode")),
		data: rapid.SampledFrom([]string{"", "d", "data"}).Draw(t, "data"),
		// setting an ACL is open only to those who keep ADMIN, so most lists have it
		perms:   rapid.SampledFrom([]int32{31, 31, 31, 31, 31, 16, 24, 28, 7}).Draw(t, "perms"),
		version: rapid.SampledFrom([]int32{-1, -1, -1, 0, 1}).Draw(t, "version"),
	}
	if o.op == zkproto.OpDelete && rapid.IntRange(0, 20).Draw(t, "root") == 0 {
		o.path = "/"
	}
	return o
}

// TestAgainstModel: what prep decides while earlier changes are still on their way, and what the tree makes of it, is
// what a server that does one thing after the other would do.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := newEnv(Config{})
		m := newModel()
		var want []tree.Result
		now := func() int64 { return 1000 + int64(e.zxid) }
		who := func(t *rapid.T) zkproto.SessionID {
			return rapid.SampledFrom([]zkproto.SessionID{alice, bob}).Draw(t, "session")
		}
		apply := func(n int) {
			for range n {
				w := e.wait[0]
				e.wait = e.wait[1:]
				got := e.tree.Apply(&w.h, w.txn, nil)
				if e.tree.Verify(w.digest) {
					t.Fatal("prep expected another digest than the tree has")
				}
				e.Applied(w.h.Zxid)
				if d := diff(want[0], got); d != "" {
					t.Fatalf("%v: %s", w.h, d)
				}
				want = want[1:]
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"one": func(t *rapid.T) {
				s, o := who(t), drawOp(t, false)
				_, _ = e.prepare(s, o.op, o.body())
				want = append(want, m.apply(s, o, e.zxid, now()))
			},
			"multi": func(t *rapid.T) {
				s := who(t)
				ops := make([]mop, rapid.IntRange(1, 4).Draw(t, "parts"))
				parts := make([]zkproto.MultiOp, len(ops))
				for i := range ops {
					ops[i] = drawOp(t, true)
					parts[i] = ops[i].part()
				}
				_, _ = e.prepare(s, zkproto.OpMulti, multi(parts...))
				want = append(want, m.multi(s, ops, e.zxid, now()))
			},
			"close": func(t *rapid.T) {
				s := who(t)
				_, _ = e.prepare(s, zkproto.OpCloseSession, nil)
				want = append(want, m.closeSession(s, e.zxid))
				e.session.Remove(s) // and come back under the same id
				e.session.Add(s, 1000, 0)
			},
			"apply": func(t *rapid.T) { apply(rapid.IntRange(0, len(e.wait)).Draw(t, "n")) },
		})
		apply(len(e.wait))
		if e.Outstanding() != 0 || len(e.changes.byPath) != 0 {
			t.Fatalf("%d changes are left", e.Outstanding())
		}
		if e.tree.NodeCount() != len(m)+1 {
			t.Fatalf("%d znodes, want %d", e.tree.NodeCount(), len(m)+1)
		}
		for path, n := range m {
			data, stat, acl, _ := e.tree.Get(path)
			names, _, _, _ := e.tree.Children(path)
			slices.Sort(names)
			if string(data) != n.data || stat != m.stat(path) || acl[0].Perms != n.perms || !slices.Equal(names, m.children(path)) {
				t.Fatalf("%s: %q %+v %v %v, want %+v", path, data, stat, acl, names, n)
			}
		}
	})
}

func diff(want, got tree.Result) string {
	if want.Type != got.Type || want.Err != got.Err || want.Path != got.Path || want.Stat != got.Stat ||
		len(want.Multi) != len(got.Multi) {
		return fmt.Sprintf("got %+v, want %+v", got, want)
	}
	for i := range want.Multi {
		if d := diff(want.Multi[i], got.Multi[i]); d != "" {
			return fmt.Sprintf("part %d: %s", i, d)
		}
	}
	return ""
}

//go:build compat

package compat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// request is one frame to send.
type request struct {
	xid  int32
	op   zkproto.OpCode
	body []byte
	text string
	// last tells that the connection may end with it: whether it did is compared, too.
	last bool
	// alone keeps it out of a pipeline: there, the original judges by timing.
	alone bool
}

func (r request) frame() []byte {
	b := append(zkproto.RequestHeader{Xid: r.xid, Op: r.op}.AppendTo(make([]byte, 4)), r.body...)
	jute.AppendInt32(b[:0], int32(len(b)-4))
	return b
}

// generator makes requests: random, but such that many of them hit something. It learns from the answers.
type generator struct {
	*rand.Rand
	root     string
	found    []string         // names that the server chose
	versions map[string]int32 // last seen
	last     zkproto.Zxid
	xid      int32
	extended bool // TTL znodes are enabled
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// path is that of a znode that may be there.
func (g *generator) path() string {
	if len(g.found) > 0 && g.chance(12) {
		return g.found[g.IntN(len(g.found))]
	}
	p := g.root
	for range 1 + g.IntN(3) {
		p += "/" + pick(g, "a", "b", "c", "d-")
	}
	return p
}

// anyPath is a path, or something that is none.
func (g *generator) anyPath() string {
	switch {
	case g.chance(92):
		return g.path()
	case g.chance(40):
		return pick(g, "/", "", "/zookeeper", "/zookeeper/config", "/zookeeper/quota", g.root)
	default:
		return pick(g, "a", "//", g.root+"//a", g.root+"/a/", g.root+"/./a", g.root+"/..", g.root+"/...", g.root+"/a\x00b",
			g.root+"/\x01", g.root+"/\x7f", g.root+"/\u0080", g.root+"/é", g.root+"/\ud7ff", g.root+"/\ue000", g.root+"/\uf8ff",
			g.root+"/\ufff0", g.root+"/日本", g.root+"/a b", " "+g.root+"/a", g.root+"/.a", g.root+"/a.", g.root+"/nope/x")
	}
}

func (g *generator) version(path string) int32 {
	switch n := g.IntN(100); {
	case n < 45:
		return -1
	case n < 85:
		return g.versions[path]
	default:
		return pick[int32](g, 0, 1, 2, 3, -2, math.MaxInt32, math.MinInt32)
	}
}

func (g *generator) data() []byte {
	switch n := g.IntN(20); n {
	case 0:
		return nil
	case 1:
		return []byte(strings.Repeat("x", 1000+g.IntN(9000)))
	case 2:
		return []byte{}
	default:
		b := make([]byte, g.IntN(30))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return b
	}
}

// users are the passwords that clients present, and their ids.
var users = []struct{ auth, id string }{
	{"u0:p0", "u0:KnXPPGh6BTKkSTvgVwNSZUb8Oqk="}, {"u1:p1", ""}, {"u2:p2", ""}, {"super:secret", ""},
}

func (g *generator) acl() []zkproto.ACL {
	if g.chance(60) {
		return zkproto.WorldAll()
	}
	list := []zkproto.ACL{}
	for range pick(g, 1, 1, 1, 2, 2, 3, 4, 0) {
		perms := pick[int32](g, 31, 31, 31, 1, 2, 4, 8, 16, 3, 9, 21, 30, 15, 17, 0, 64, -1)
		user := users[g.IntN(len(users))]
		id := pick(g, zkproto.ID{Scheme: "world", ID: "anyone"}, zkproto.ID{Scheme: "world", ID: "anyone"},
			zkproto.ID{Scheme: "digest", ID: user.id}, zkproto.ID{Scheme: "digest", ID: user.id}, zkproto.ID{Scheme: "auth"},
			zkproto.ID{Scheme: "auth", ID: "ignored"}, zkproto.ID{Scheme: "ip", ID: g.address()}, zkproto.ID{Scheme: "ip", ID: g.address()})
		if g.chance(6) {
			id = pick(g, zkproto.ID{Scheme: "world", ID: "someone"}, zkproto.ID{Scheme: "digest", ID: "nocolon"},
				zkproto.ID{Scheme: "digest", ID: "a:b:c"}, zkproto.ID{Scheme: "digest", ID: ":b"}, zkproto.ID{Scheme: "digest", ID: "a:"},
				zkproto.ID{Scheme: "digest", ID: "a:b:"}, zkproto.ID{Scheme: "digest", ID: ":"}, zkproto.ID{Scheme: "sasl", ID: "me"},
				zkproto.ID{Scheme: "x509", ID: "CN=me"}, zkproto.ID{Scheme: "super", ID: ""}, zkproto.ID{Scheme: "", ID: ""})
		}
		list = append(list, zkproto.ACL{Perms: perms, ID: id})
		if g.chance(8) {
			list = append(list, list[0])
		}
	}
	return list
}

func (g *generator) address() string {
	return pick(g, "127.0.0.1", "127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32", "127.0.0.2/31", "127.0.0.2/30", "10.0.0.1",
		"10.0.0.0/8", "127.0.0.1/33", "127.0.0.1/-1", "127.0.0.1/x", "127.0.0.1/", "127.0.0", "127.0.0.256", "127.0.0.01",
		"+127.0.0.1", "127.0.0.1/+8", "127.0.0.1/08", "127.0.0.1/8/9", "", "localhost", "::1", "::", "::/0", "2001:db8::/32",
		"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", "::ffff:127.0.0.1", "::ffff:7f00:1", "fe80::1%eth0",
		"1::2::3", "12345::", "::g", "::1/128", "::1/129", "0:0:0:0:0:0:0:1", "0::1", "::/64", "::+1", ":1", "1:2:3:4:5:6:7:", "/8", "1.2.3.4.5")
}

func (g *generator) mode() zkproto.CreateMode {
	if g.chance(3) {
		return pick[zkproto.CreateMode](g, 7, -1, 100, math.MinInt32)
	}
	return pick[zkproto.CreateMode](g, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6)
}

func (g *generator) ttl() int64 {
	return pick[int64](g, 1000000, 5000000, 1<<40-1, 1<<40, 0, -1, math.MinInt64)
}

// create makes the record of a create op. A createTTL without a TTL mode and with a negative TTL is left out: the original
// writes a transaction that it cannot apply, and is dead.
func (g *generator) create(op zkproto.OpCode) (zkproto.CreateRequest, string) {
	q := zkproto.CreateRequest{Path: g.anyPath(), Data: g.data(), ACL: g.acl(), Mode: g.mode()}
	if g.chance(1) {
		q.Path = g.root + "/😀" // refused; elsewhere it is not asked for: see docs/compatibility.md on such characters
	}
	switch op {
	case zkproto.OpCreateContainer:
		if g.chance(85) {
			q.Mode = zkproto.ModeContainer
		}
	case zkproto.OpCreateTTL:
		if q.TTL = g.ttl(); g.chance(80) {
			q.Mode = pick(g, zkproto.ModePersistentWithTTL, zkproto.ModePersistentSequentialWithTTL)
		}
		if !q.Mode.TTL() && q.Mode.Valid() && q.TTL < 0 {
			q.TTL = 5
		}
	}
	return q, fmt.Sprintf("%v %q %s mode=%d ttl=%d %s", op, q.Path, short(q.Data), q.Mode, q.TTL, acls(q.ACL))
}

func short(b []byte) string { return data(ptr(jute.NewDecoder(jute.AppendBytes(nil, b)))) }

func ptr[T any](v T) *T { return &v }

var creates = []zkproto.OpCode{
	zkproto.OpCreate, zkproto.OpCreate, zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreate2,
	zkproto.OpCreateContainer, zkproto.OpCreateTTL,
}

// multi makes a multi (or, of the wrong kind, something that must be refused).
func (g *generator) multi(op zkproto.OpCode) ([]byte, string) {
	var q zkproto.MultiRequest
	texts := []string{op.String()}
	for range g.IntN(6) {
		typ := pick(g, append([]zkproto.OpCode{zkproto.OpDelete, zkproto.OpSetData, zkproto.OpSetData, zkproto.OpCheck, zkproto.OpCheck}, creates...)...)
		if op == zkproto.OpMultiRead != g.chance(3) {
			typ = pick(g, zkproto.OpGetData, zkproto.OpGetChildren)
		}
		p := zkproto.MultiOp{Type: typ}
		path := g.anyPath()
		v := g.version(path)
		text := fmt.Sprintf("%v %q %d", typ, path, v)
		switch typ {
		case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
			p.Create, text = g.create(typ)
		case zkproto.OpSetData:
			p.SetData = zkproto.SetDataRequest{Path: path, Data: g.data(), Version: v}
		case zkproto.OpGetData, zkproto.OpGetChildren:
			p.Path = zkproto.PathWatchRequest{Path: path, Watch: g.chance(50)}
		default:
			p.PathVersion = zkproto.PathVersionRequest{Path: path, Version: v}
		}
		q.Ops = append(q.Ops, p)
		texts = append(texts, text)
	}
	return q.AppendTo(nil), strings.Join(texts, "; ")
}

func (g *generator) setWatches(op zkproto.OpCode) ([]byte, string) {
	paths := func() []string {
		list := []string{}
		for range g.IntN(4) {
			list = append(list, g.anyPath())
		}
		return list
	}
	q := zkproto.SetWatchesRequest{
		RelativeZxid: g.last - zkproto.Zxid(g.IntN(40)), Data: paths(), Exist: paths(), Child: paths(),
		Persistent: paths(), PersistentRecursive: paths(),
	}
	return q.AppendTo(nil, op), fmt.Sprintf("%v %+v", op, q)
}

// next makes one request.
func (g *generator) next() request {
	g.xid++
	r := request{xid: g.xid}
	path := g.anyPath()
	switch n := g.IntN(1000); {
	case n < 300:
		r.op = creates[g.IntN(len(creates))]
		q, text := g.create(r.op)
		r.body, r.text = q.AppendTo(nil, r.op), text
	case n < 380:
		q := zkproto.PathVersionRequest{Path: path, Version: g.version(path)}
		r.op, r.body, r.text = zkproto.OpDelete, q.AppendTo(nil), fmt.Sprintf("delete %q %d", path, q.Version)
	case n < 480:
		q := zkproto.SetDataRequest{Path: path, Data: g.data(), Version: g.version(path)}
		r.op, r.body, r.text = zkproto.OpSetData, q.AppendTo(nil), fmt.Sprintf("setData %q %s %d", path, short(q.Data), q.Version)
	case n < 650:
		q := zkproto.PathWatchRequest{Path: path, Watch: g.chance(40)}
		r.op = pick(g, zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2)
		r.body, r.text = q.AppendTo(nil), fmt.Sprintf("%v %q watch=%v", r.op, path, q.Watch)
	case n < 690:
		q := zkproto.SetACLRequest{Path: path, ACL: g.acl(), Version: pick[int32](g, -1, -1, -1, 0, 1, 2)}
		r.op, r.body, r.text = zkproto.OpSetACL, q.AppendTo(nil), fmt.Sprintf("setACL %q %s %d", path, acls(q.ACL), q.Version)
		r.alone = true
	case n < 750:
		if g.chance(20) {
			path = pick(g, strings.ToValidUTF8(path[:g.IntN(len(path)+1)], ""), " "+path, path+" ", " ", " / ", "")
		}
		q := zkproto.PathRequest{Path: path}
		r.op = pick(g, zkproto.OpGetACL, zkproto.OpSync, zkproto.OpGetAllChildrenNumber, zkproto.OpGetEphemerals)
		r.body, r.text = q.AppendTo(nil), fmt.Sprintf("%v %q", r.op, path)
	case n < 860:
		r.op = zkproto.OpMulti
		r.body, r.text = g.multi(r.op)
	case n < 880:
		r.op = zkproto.OpMultiRead
		r.body, r.text = g.multi(r.op)
	case n < 910:
		q := zkproto.AddWatchRequest{Path: path, Mode: pick[zkproto.AddWatchMode](g, 0, 0, 1, 1, 1, 2, -1)}
		r.op, r.body, r.text = zkproto.OpAddWatch, q.AppendTo(nil), fmt.Sprintf("addWatch %q %d", path, q.Mode)
	case n < 940:
		q := zkproto.WatchesRequest{Path: path, Type: pick[zkproto.WatcherType](g, 1, 2, 3, 3, 4, 5, 0, 6, -1)}
		r.op = pick(g, zkproto.OpCheckWatches, zkproto.OpRemoveWatches)
		r.body, r.text = q.AppendTo(nil), fmt.Sprintf("%v %q type=%d", r.op, path, q.Type)
	case n < 955:
		r.op = pick(g, zkproto.OpSetWatches, zkproto.OpSetWatches2)
		r.body, r.text = g.setWatches(r.op)
	case n < 965:
		r.op, r.text = zkproto.OpWhoAmI, "whoAmI"
	case n < 970:
		r.op, r.text = zkproto.OpPing, "ping"
		r.xid = pick(g, r.xid, zkproto.XidPing)
	case n < 980:
		user := users[g.IntN(len(users))]
		q := zkproto.AuthRequest{Scheme: "digest", Auth: []byte(user.auth)}
		r = request{xid: zkproto.XidAuth, op: zkproto.OpAuth, body: q.AppendTo(nil), text: "auth " + user.auth, alone: true}
	default:
		return g.odd()
	}
	return r
}

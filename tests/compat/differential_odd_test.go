//go:build compat

package compat

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// odd makes a request that no client library would send.
func (g *generator) odd() request {
	r := request{xid: g.xid, last: true, alone: true}
	switch g.IntN(9) {
	case 0:
		r.op = pick[zkproto.OpCode](g, 0, 10, 13, 23, 99, 108, 127, 128, 5000, -2, -100, -1)
		r.body = jute.AppendInt32(jute.AppendString(nil, g.path()), -1)
		r.text = fmt.Sprintf("op %d", r.op)
	case 1:
		q := pick(g, zkproto.AuthRequest{Scheme: "nope", Auth: []byte("x")}, zkproto.AuthRequest{Scheme: "world", Auth: []byte("anyone")},
			zkproto.AuthRequest{Scheme: "digest"}, zkproto.AuthRequest{Scheme: "digest", Auth: []byte{}}, zkproto.AuthRequest{Scheme: "ip"},
			zkproto.AuthRequest{Scheme: "digest", Auth: []byte("nocolon")}, zkproto.AuthRequest{Scheme: "digest", Auth: []byte("a:b:c")},
			zkproto.AuthRequest{Scheme: "auth", Auth: []byte("x")}, zkproto.AuthRequest{Scheme: "super", Auth: []byte("x")})
		r.xid, r.op, r.body, r.text = pick(g, zkproto.XidAuth, r.xid), zkproto.OpAuth, q.AppendTo(nil), fmt.Sprintf("%+v", q)
	case 2:
		r.op = zkproto.OpSASL
		r.body = jute.AppendBytes(nil, pick(g, []byte{}, []byte("token")))
		if g.chance(50) {
			q := zkproto.ReconfigRequest{NewMembers: pick(g, "", "server.1=h:1:2;3"), CurConfigID: -1}
			r.op, r.body = zkproto.OpReconfig, q.AppendTo(nil)
		}
		r.text = fmt.Sprintf("%v %x", r.op, r.body)
	case 3: // null strings
		r.op = pick(g, zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2, zkproto.OpGetACL, zkproto.OpSync,
			zkproto.OpGetAllChildrenNumber, zkproto.OpGetEphemerals, zkproto.OpDelete, zkproto.OpSetData, zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpSetACL)
		r.body = jute.AppendInt32(nil, -1)
		switch r.op {
		case zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2:
			r.body = append(r.body, pick[byte](g, 0, 1, 2))
		case zkproto.OpDelete:
			r.body = jute.AppendInt32(r.body, -1)
		case zkproto.OpSetData:
			r.body = jute.AppendInt32(jute.AppendBytes(r.body, nil), -1)
		case zkproto.OpSetACL:
			r.body = jute.AppendInt32(zkproto.AppendACLs(r.body, g.acl()), -1)
		case zkproto.OpCreate, zkproto.OpCreate2:
			r.body = jute.AppendInt32(zkproto.AppendACLs(jute.AppendBytes(r.body, nil), g.acl()), int32(g.mode()))
		}
		r.text = fmt.Sprintf("%v of a null path %x", r.op, r.body)
	case 4: // null and half-null ACLs
		r.op = pick(g, zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpSetACL)
		r.body = jute.AppendString(nil, g.path())
		if r.op != zkproto.OpSetACL {
			r.body = jute.AppendBytes(r.body, g.data())
		}
		s := func(v string) []byte { return jute.AppendString(nil, v) }
		null := jute.AppendInt32(nil, -1)
		one := func(id ...[]byte) []byte {
			b := jute.AppendInt32(jute.AppendInt32(nil, 1), 31)
			for _, x := range id {
				b = append(b, x...)
			}
			return b
		}
		r.body = append(r.body, pick(g, null, jute.AppendInt32(nil, -5), one(null, null), one(null, s("anyone")), one(s("auth"), null),
			one(s("nope"), null), jute.AppendInt32(nil, 1<<30))...)
		r.body = jute.AppendInt32(r.body, pick[int32](g, -1, 0))
		r.text = fmt.Sprintf("%v with an odd acl %x", r.op, r.body)
	case 5: // booleans and counts
		r.op = pick(g, zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2)
		r.body = append(jute.AppendString(nil, g.path()), pick[byte](g, 2, 255, 128))
		r.text = fmt.Sprintf("%v with a boolean of %d", r.op, r.body[len(r.body)-1])
	case 6:
		r.op = pick(g, zkproto.OpSetWatches, zkproto.OpSetWatches2)
		r.body = jute.AppendInt64(nil, int64(g.last))
		for range pick(g, 3, 5) {
			r.body = append(r.body, pick(g, jute.AppendStrings(nil, []string{g.path()}), jute.AppendInt32(nil, -1),
				jute.AppendInt32(nil, -7), jute.AppendInt32(nil, 0))...)
		}
		r.text = fmt.Sprintf("%v of %x", r.op, r.body)
	case 7: // parts that a multi cannot hold, or an end that is missing
		r.op = pick(g, zkproto.OpMulti, zkproto.OpMulti, zkproto.OpMultiRead)
		r.body, r.text = g.multi(r.op)
		r.body = r.body[:len(r.body)-zkMultiEnd]
		typ := pick[zkproto.OpCode](g, 3, 5, 7, 14, 99, 1, 15, 2, 13, -1)
		h := zkproto.MultiHeader{Type: typ, Done: false, Err: -1}
		r.body = h.AppendTo(r.body)
		path := pick(g, jute.AppendInt32(nil, -1), jute.AppendString(nil, g.path()))
		switch typ {
		case zkproto.OpCreate, zkproto.OpCreate2:
			r.body = jute.AppendBytes(append(r.body, path...), nil)
			r.body = append(r.body, pick(g, jute.AppendInt32(nil, -1), zkproto.AppendACLs(nil, g.acl()))...)
			r.body = jute.AppendInt32(r.body, int32(g.mode()))
		default:
			r.body = jute.AppendInt32(append(r.body, path...), -1)
		}
		if g.chance(70) {
			r.body = zkproto.MultiEnd().AppendTo(r.body)
		}
		r.text += fmt.Sprintf(" and odd %v: %x", typ, r.body)
	default: // cut short, or with something behind
		inner := g.next()
		if inner.op == zkproto.OpAuth {
			inner.alone = true
		}
		r = inner
		r.last, r.alone = true, true
		if g.chance(70) && len(r.body) > 0 {
			r.body = r.body[:g.IntN(len(r.body))]
			r.text = fmt.Sprintf("cut to %d: %s", len(r.body), r.text)
		} else {
			r.body = append(r.body, "more"...)
			r.text = "with more: " + r.text
		}
	}
	return r
}

// zkMultiEnd is the length of the header that ends a multi.
const zkMultiEnd = 9

// quota makes the requests that set, change or remove a quota. What they write can be read as one: the original's server ends
// when it has to read something else there.
func (g *generator) quota() []request {
	var rs []request
	add := func(op zkproto.OpCode, body []byte, text string) {
		g.xid++
		rs = append(rs, request{xid: g.xid, op: op, body: body, text: text})
	}
	create := func(path, data string) {
		q := zkproto.CreateRequest{Path: path, Data: []byte(data), ACL: zkproto.WorldAll()}
		add(zkproto.OpCreate, q.AppendTo(nil, zkproto.OpCreate), fmt.Sprintf("create %q %q", path, data))
	}
	path := g.path()
	if g.chance(30) {
		path = g.root
	}
	at := "/zookeeper/quota" + path
	limits := pick(g, "count=%d,bytes=%d=;byteHardLimit=-1;countHardLimit=-1", "count=%d,bytes=%d", "count=-1,bytes=-1=;byteHardLimit=%d;countHardLimit=%d",
		"count=-1,bytes=-1=;byteHardLimit=%d;countHardLimit=%d")
	limits = fmt.Sprintf(limits, pick(g, -1, 2, 8, 30, 200), pick(g, -1, 4, 10, 50, 1000))
	switch g.IntN(6) {
	case 0:
		add(zkproto.OpDelete, jute.AppendInt32(jute.AppendString(nil, at+"/zookeeper_limits"), -1), "delete the limits of "+path)
		if g.chance(70) {
			add(zkproto.OpDelete, jute.AppendInt32(jute.AppendString(nil, at+"/zookeeper_stats"), -1), "delete the stats of "+path)
		}
	case 1:
		q := zkproto.SetDataRequest{Path: at + "/zookeeper_limits", Data: []byte(limits), Version: -1}
		add(zkproto.OpSetData, q.AppendTo(nil), fmt.Sprintf("setData %q %q", q.Path, limits))
	case 2:
		q := zkproto.PathWatchRequest{Path: at + "/zookeeper_stats"}
		add(zkproto.OpGetData, q.AppendTo(nil), fmt.Sprintf("getData %q", q.Path))
	default:
		for i := len("/zookeeper/quota") + 1; i < len(at); i++ {
			if at[i] == '/' {
				create(at[:i], "")
			}
		}
		create(at, "")
		create(at+"/zookeeper_limits", limits)
		create(at+"/zookeeper_stats", pick(g, "count=0,bytes=0", "count=0,bytes=0=;byteHardLimit=-1;countHardLimit=-1"))
		q := zkproto.PathWatchRequest{Path: at + "/zookeeper_stats"}
		add(zkproto.OpGetData, q.AppendTo(nil), fmt.Sprintf("getData %q", q.Path))
	}
	return rs
}

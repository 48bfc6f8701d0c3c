//go:build compat

package compat

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// text writes down one packet such that equal answers of two servers read the same: session ids by the client's name, wall
// times as T. The op says how to read the body. Everything else of the packet is in it.
func (s *side) text(p packet, op zkproto.OpCode) string {
	if p.ended != "" {
		return p.ended
	}
	d := jute.NewDecoder(p.body)
	var b string
	switch {
	case p.event():
		var e zkproto.WatcherEvent
		e.Decode(&d)
		b = fmt.Sprintf("event %v state=%d %q", e.Type, e.State, e.Path)
	case p.header.Err == zkproto.ErrOK:
		b = s.body(&d, op)
	}
	if d.Err() != nil {
		return fmt.Sprintf("xid=%d zxid=%v err=%d undecodable %x", p.header.Xid, p.header.Zxid, p.header.Err, p.body)
	}
	t := fmt.Sprintf("xid=%d zxid=%v err=%d(%v) %s", p.header.Xid, p.header.Zxid, int32(p.header.Err), p.header.Err, b)
	if d.Remaining() > 0 {
		t += fmt.Sprintf(" and %x", d.Rest())
	}
	return t
}

func (s *side) body(d *jute.Decoder, op zkproto.OpCode) string {
	switch op {
	case zkproto.OpCreate, zkproto.OpSync:
		return str(d)
	case zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		return str(d) + " " + s.stat(d)
	case zkproto.OpExists, zkproto.OpSetData, zkproto.OpSetACL:
		return s.stat(d)
	case zkproto.OpGetData:
		return data(d) + " " + s.stat(d)
	case zkproto.OpGetACL:
		return acls(zkproto.DecodeACLs(d)) + " " + s.stat(d)
	case zkproto.OpGetChildren, zkproto.OpGetEphemerals:
		return set(d)
	case zkproto.OpGetChildren2:
		return set(d) + " " + s.stat(d)
	case zkproto.OpGetAllChildrenNumber, zkproto.OpAddWatch:
		return fmt.Sprint(d.Int32())
	case zkproto.OpWhoAmI:
		var who []string
		for range max(0, d.VectorLen(8)) {
			who = append(who, str(d)+":"+str(d))
		}
		slices.Sort(who)
		return fmt.Sprint(who)
	case zkproto.OpMulti, zkproto.OpMultiRead:
		return s.multi(d)
	default:
		return ""
	}
}

func (s *side) multi(d *jute.Decoder) string {
	var parts []string
	for d.Err() == nil {
		var h zkproto.MultiHeader
		h.Decode(d)
		t := fmt.Sprintf("{%v done=%v err=%d ", h.Type, h.Done, h.Err)
		if h.Done {
			return strings.Join(append(parts, t+"}"), " ")
		}
		if h.Type == zkproto.OpError {
			t += fmt.Sprint(d.Int32())
		} else {
			t += s.body(d, h.Type)
		}
		parts = append(parts, t+"}")
	}
	return strings.Join(parts, " ")
}

func (s *side) stat(d *jute.Decoder) string {
	var st zkproto.Stat
	st.Decode(d)
	owner := "0"
	if st.EphemeralOwner != 0 {
		if owner = s.names[st.EphemeralOwner]; owner == "" {
			owner = fmt.Sprintf("unknown %#x", st.EphemeralOwner)
		}
	}
	at := func(t int64) string {
		if t == 0 {
			return "0"
		}
		return "T"
	}
	return fmt.Sprintf("[c%v m%v p%v t%s,%s v%d,%d,%d owner=%s len=%d kids=%d]", st.Czxid, st.Mzxid, st.Pzxid,
		at(st.Ctime), at(st.Mtime), st.Version, st.Cversion, st.Aversion, owner, st.DataLength, st.NumChildren)
}

func str(d *jute.Decoder) string {
	v := d.StringView()
	if v == nil && d.Err() == nil {
		return "null"
	}
	return fmt.Sprintf("%q", v)
}

func data(d *jute.Decoder) string {
	v := d.Bytes()
	switch {
	case v == nil:
		return "null"
	case len(v) > 40:
		return fmt.Sprintf("%d bytes %x", len(v), sha1.Sum(v))
	default:
		return fmt.Sprintf("%x", v)
	}
}

// set is a list whose order means nothing (the original keeps children and ephemerals in hash sets).
func set(d *jute.Decoder) string {
	n := d.VectorLen(4)
	if n < 0 {
		return "null"
	}
	names := make([]string, n)
	for i := range names {
		names[i] = str(d)
	}
	slices.Sort(names)
	return fmt.Sprint(names)
}

// acls sorts what one "auth" entry became: the original keeps a connection's ids in a hash set.
func acls(list []zkproto.ACL) string {
	if list == nil {
		return "null"
	}
	texts := make([]string, len(list))
	from := 0
	for i, a := range list {
		texts[i] = fmt.Sprintf("%d:%s:%s", a.Perms, a.Scheme, a.ID.ID)
		if a.Scheme != "digest" || a.Perms != list[from].Perms || list[from].Scheme != "digest" {
			from = i
		}
		slices.Sort(texts[from : i+1])
	}
	return fmt.Sprint(texts)
}

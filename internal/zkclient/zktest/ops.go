package zktest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

type node struct {
	data []byte
	acl  []zkproto.ACL
	stat zkproto.Stat
}

type reply = func([]byte) []byte

// perform answers one request with a body or an error code.
func (s *Server) perform(c *conn, op zkproto.OpCode, d *jute.Decoder) (reply, zkproto.Error) {
	switch op {
	case zkproto.OpPing, zkproto.OpSync:
		return nil, zkproto.ErrOK
	case zkproto.OpCloseSession:
		delete(s.sessions, c.session)
		for p, n := range s.nodes {
			if n.stat.EphemeralOwner == int64(c.session) {
				s.remove(p)
			}
		}
		return nil, zkproto.ErrOK
	case zkproto.OpAuth:
		var r zkproto.AuthRequest
		r.Decode(d)
		if r.Scheme != "digest" {
			return nil, zkproto.ErrAuthFailed
		}
		user, _, _ := strings.Cut(string(r.Auth), ":")
		c.auth = append(c.auth, zkproto.ClientInfo{Scheme: r.Scheme, User: user})
		return nil, zkproto.ErrOK
	case zkproto.OpWhoAmI:
		return func(b []byte) []byte {
			b = jute.AppendInt32(b, int32(len(c.auth)))
			for _, i := range c.auth {
				b = i.AppendTo(b)
			}
			return b
		}, zkproto.ErrOK
	case zkproto.OpSetWatches, zkproto.OpSetWatches2:
		var r zkproto.SetWatchesRequest
		r.Decode(d, op)
		s.set = append(s.set, r)
		return nil, zkproto.ErrOK
	case zkproto.OpCreate, zkproto.OpCreateContainer:
		var r zkproto.CreateRequest
		r.Decode(d, op)
		return s.create(c, &r)
	case zkproto.OpMulti:
		return s.multi(d)
	case zkproto.OpDelete:
		var r zkproto.PathVersionRequest
		r.Decode(d)
		return nil, s.delete(&r)
	case zkproto.OpSetData:
		return s.setData(d)
	case zkproto.OpSetACL:
		return s.setACL(d)
	case zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2:
		return s.read(c, op, d)
	case zkproto.OpAddWatch, zkproto.OpRemoveWatches, zkproto.OpGetEphemerals, zkproto.OpGetAllChildrenNumber, zkproto.OpReconfig:
		return s.extended(c, op, d)
	case zkproto.OpGetACL:
		var r zkproto.PathRequest
		r.Decode(d)
		n := s.nodes[r.Path]
		if n == nil {
			return nil, zkproto.ErrNoNode
		}
		return (&zkproto.GetACLReply{ACL: n.acl, Stat: s.stat(r.Path)}).AppendTo, zkproto.ErrOK
	default:
		return nil, zkproto.ErrUnimplemented
	}
}

func (s *Server) children(p string) []string {
	var names []string
	for q := range s.nodes {
		if q != "/" && path.Dir(q) == p {
			names = append(names, path.Base(q))
		}
	}
	slices.Sort(names)
	return names
}

func (s *Server) stat(p string) zkproto.Stat {
	n := s.nodes[p]
	st := n.stat
	st.DataLength = int32(len(n.data))
	st.NumChildren = int32(len(s.children(p)))
	return st
}

func (s *Server) trigger(t zkproto.EventType, p string, child bool) {
	for c := range s.conns {
		if _, ok := c.watches[watch{p, child}]; !ok {
			continue
		}
		delete(c.watches, watch{p, child})
		c.send(func(b []byte) []byte {
			b = zkproto.ReplyHeader{Xid: zkproto.XidNotification, Zxid: s.zxid}.AppendTo(b)
			return zkproto.WatcherEvent{Type: t, State: zkproto.StateSyncConnected, Path: p}.AppendTo(b)
		})
	}
}

func (s *Server) create(c *conn, r *zkproto.CreateRequest) (reply, zkproto.Error) {
	s.zxid++
	dir := path.Dir(r.Path)
	if strings.HasSuffix(r.Path, "/") {
		dir = strings.TrimSuffix(r.Path, "/")
	}
	parent := s.nodes[dir]
	switch {
	case parent == nil:
		return nil, zkproto.ErrNoNode
	case parent.stat.EphemeralOwner != 0:
		return nil, zkproto.ErrNoChildrenForEphemerals
	case len(r.ACL) == 0:
		return nil, zkproto.ErrInvalidACL
	}
	name := r.Path
	if r.Mode.Sequential() {
		name = fmt.Sprintf("%s%010d", r.Path, parent.stat.Cversion)
	}
	if s.nodes[name] != nil {
		return nil, zkproto.ErrNodeExists
	}
	n := &node{acl: r.ACL, stat: zkproto.Stat{Czxid: s.zxid, Mzxid: s.zxid, Pzxid: s.zxid}}
	if r.Data != nil {
		n.data = append([]byte{}, r.Data...)
	}
	if r.Mode.Ephemeral() {
		n.stat.EphemeralOwner = int64(c.session)
	}
	s.nodes[name] = n
	parent.stat.Cversion++
	parent.stat.Pzxid = s.zxid
	s.trigger(zkproto.EventNodeCreated, name, false)
	s.trigger(zkproto.EventNodeChildrenChanged, dir, true)
	return (&zkproto.PathRequest{Path: name}).AppendTo, zkproto.ErrOK
}

func (s *Server) delete(r *zkproto.PathVersionRequest) zkproto.Error {
	s.zxid++
	n := s.nodes[r.Path]
	switch {
	case n == nil:
		return zkproto.ErrNoNode
	case r.Version != -1 && r.Version != n.stat.Version:
		return zkproto.ErrBadVersion
	case len(s.children(r.Path)) > 0:
		return zkproto.ErrNotEmpty
	}
	s.remove(r.Path)
	return zkproto.ErrOK
}

func (s *Server) remove(p string) {
	delete(s.nodes, p)
	parent := s.nodes[path.Dir(p)]
	parent.stat.Cversion++
	parent.stat.Pzxid = s.zxid
	s.trigger(zkproto.EventNodeDeleted, p, false)
	s.trigger(zkproto.EventNodeDeleted, p, true)
	s.trigger(zkproto.EventNodeChildrenChanged, path.Dir(p), true)
}

// multi knows deletes only, and undoes nothing: the first failure must be the first part for the tree to be right.
func (s *Server) multi(d *jute.Decoder) (reply, zkproto.Error) {
	var r zkproto.MultiRequest
	r.Decode(d)
	var codes []zkproto.Error
	failed := zkproto.ErrOK
	for i := range r.Ops {
		code := zkproto.ErrRuntimeInconsistency
		if failed == zkproto.ErrOK {
			code = s.delete(&r.Ops[i].PathVersion)
			failed = code
		}
		codes = append(codes, code)
	}
	return func(b []byte) []byte {
		for _, code := range codes {
			if failed == zkproto.ErrOK {
				b = zkproto.MultiHeader{Type: zkproto.OpDelete}.AppendTo(b)
				continue
			}
			b = zkproto.MultiHeader{Type: zkproto.OpError, Err: code}.AppendTo(b)
			b = jute.AppendInt32(b, int32(code))
		}
		return zkproto.MultiEnd().AppendTo(b)
	}, zkproto.ErrOK
}

func (s *Server) setData(d *jute.Decoder) (reply, zkproto.Error) {
	var r zkproto.SetDataRequest
	r.Decode(d)
	s.zxid++
	n := s.nodes[r.Path]
	switch {
	case n == nil:
		return nil, zkproto.ErrNoNode
	case r.Version != -1 && r.Version != n.stat.Version:
		return nil, zkproto.ErrBadVersion
	}
	n.data = append([]byte{}, r.Data...)
	n.stat.Version++
	n.stat.Mzxid = s.zxid
	s.trigger(zkproto.EventNodeDataChanged, r.Path, false)
	st := s.stat(r.Path)
	return st.AppendTo, zkproto.ErrOK
}

func (s *Server) setACL(d *jute.Decoder) (reply, zkproto.Error) {
	var r zkproto.SetACLRequest
	r.Decode(d)
	s.zxid++
	n := s.nodes[r.Path]
	switch {
	case n == nil:
		return nil, zkproto.ErrNoNode
	case len(r.ACL) == 0:
		return nil, zkproto.ErrInvalidACL
	}
	n.acl = r.ACL
	n.stat.Aversion++
	st := s.stat(r.Path)
	return st.AppendTo, zkproto.ErrOK
}

func (s *Server) read(c *conn, op zkproto.OpCode, d *jute.Decoder) (reply, zkproto.Error) {
	var r zkproto.PathWatchRequest
	r.Decode(d)
	children := op == zkproto.OpGetChildren || op == zkproto.OpGetChildren2
	n := s.nodes[r.Path]
	if r.Watch && (n != nil || op == zkproto.OpExists) {
		c.watches[watch{r.Path, children}] = struct{}{}
	}
	if n == nil {
		return nil, zkproto.ErrNoNode
	}
	st := s.stat(r.Path)
	names := s.children(r.Path)
	switch op {
	case zkproto.OpGetData:
		return (&zkproto.GetDataReply{Data: n.data, Stat: st}).AppendTo, zkproto.ErrOK
	case zkproto.OpGetChildren:
		return func(b []byte) []byte { return jute.AppendStrings(b, names) }, zkproto.ErrOK
	case zkproto.OpGetChildren2:
		return (&zkproto.GetChildren2Reply{Children: names, Stat: st}).AppendTo, zkproto.ErrOK
	default:
		return st.AppendTo, zkproto.ErrOK
	}
}

package zkserver

import (
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/watch"
)

// read answers a request that changes nothing. The tree is locked, for reading at least, and so is the connection, which
// gets the reply appended to its outbox.
func (s *Server) read(w *client, it *pipeline.Item) {
	out := len(w.Out)
	h := zkproto.ReplyHeader{Xid: it.Xid, Zxid: s.tree.LastZxid()}
	switch kindOf(it.Op) {
	case kindUnknown:
		h.Zxid = -1 // as the original answers what it does not look at
	default:
		if it.Op == zkproto.OpPing {
			h.Xid = zkproto.XidPing // whatever the client called it
		}
	}
	at := w.BeginFrame(h)
	if it.Err == zkproto.ErrOK && (it.Op == zkproto.OpSetWatches || it.Op == zkproto.OpSetWatches2) {
		w.Out = w.Out[:out] // its events come before its reply
		s.setWatches(w, it)
		s.stats.op(it.Op)
		return
	}
	body := len(w.Out)
	d := jute.NewDecoder(it.Body)
	err := it.Err
	if err == zkproto.ErrOK {
		err = s.readBody(w, it, &d)
	}
	if err != zkproto.ErrOK {
		if it.Op != zkproto.OpMultiRead { // what that has read before the part that is none comes along
			w.Out = w.Out[:body]
		}
		setReplyError(w.Out[at:], err)
	}
	w.EndFrame(at)
	if size := len(w.Out) - at - 4; size > leastBuffer {
		s.checkAnswer(w, it, size)
	}
	s.stats.op(it.Op)
}

// setReplyError puts an error into the header of a frame.
func setReplyError(frame []byte, err zkproto.Error) {
	_ = jute.AppendInt32(frame[16:16], int32(err)) // length, xid, zxid are before it
}

// readBody appends the reply's body.
func (s *Server) readBody(w *client, it *pipeline.Item, d *jute.Decoder) zkproto.Error {
	switch it.Op {
	case zkproto.OpPing:
		return zkproto.ErrOK
	case zkproto.OpGetData:
		return s.getData(w, it.IDs, d)
	case zkproto.OpExists:
		return s.exists(w, it.IDs, d)
	case zkproto.OpGetChildren, zkproto.OpGetChildren2:
		return s.getChildren(w, it.IDs, d, it.Op == zkproto.OpGetChildren2)
	case zkproto.OpGetACL:
		return s.getACL(w, it.IDs, d)
	case zkproto.OpMultiRead:
		return s.multiRead(w, it.IDs, d)
	case zkproto.OpGetAllChildrenNumber:
		return s.getAllChildrenNumber(w, it.IDs, d)
	case zkproto.OpGetEphemerals:
		return s.getEphemerals(w, d)
	case zkproto.OpAddWatch:
		return s.addWatch(w, d)
	case zkproto.OpCheckWatches, zkproto.OpRemoveWatches:
		return s.findWatches(w, d, it.Op == zkproto.OpRemoveWatches)
	case zkproto.OpWhoAmI:
		return s.whoAmI(w, it.IDs)
	default:
		s.log.Warn("request of an unknown type, the connection is closed", zap.Stringer("session", w.session),
			zap.Stringer("peer", w.RemoteAddr()), zap.Int32("type", int32(it.Op)))
		w.CloseWhenSent()
		return zkproto.ErrUnimplemented
	}
}

func (s *Server) getData(w *client, ids []zkproto.ID, d *jute.Decoder) zkproto.Error {
	path, watched := d.NotNull(), d.Bool()
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	data, stat, acl, ok := s.tree.GetBytes(path)
	if !ok {
		return zkproto.ErrNoNode
	}
	if !s.registry.Check(acl, zkproto.PermRead, ids) {
		return zkproto.ErrNoAuth
	}
	if watched {
		s.watch(w, string(path), watch.Data)
	}
	w.Out = stat.AppendTo(jute.AppendBytes(w.Out, data))
	s.stats.readFrom(path, len(data))
	s.countPath(zkproto.OpGetData, path)
	return zkproto.ErrOK
}

func (s *Server) exists(w *client, ids []zkproto.ID, d *jute.Decoder) zkproto.Error {
	path, watched := d.NotNull(), d.Bool()
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	for _, b := range path {
		if b == 0 {
			return zkproto.ErrBadArguments
		}
	}
	_, stat, acl, ok := s.tree.GetBytes(path)
	if ok && !s.registry.Check(acl, zkproto.PermRead, ids) { // ZOOKEEPER-2590
		return zkproto.ErrNoAuth
	}
	if watched {
		s.watch(w, string(path), watch.Data)
	}
	if !ok {
		return zkproto.ErrNoNode
	}
	w.Out = stat.AppendTo(w.Out)
	s.stats.readFrom(path, 0)
	s.countPath(zkproto.OpExists, path)
	return zkproto.ErrOK
}

func (s *Server) getChildren(w *client, ids []zkproto.ID, d *jute.Decoder, withStat bool) zkproto.Error {
	raw, watched := d.NotNull(), d.Bool()
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	path := string(raw)
	names, stat, acl, ok := s.tree.Children(path)
	if !ok {
		return zkproto.ErrNoNode
	}
	if !s.registry.Check(acl, zkproto.PermRead, ids) {
		return zkproto.ErrNoAuth
	}
	if watched {
		s.watch(w, path, watch.Child)
	}
	at := len(w.Out)
	w.Out = jute.AppendStrings(w.Out, names)
	s.stats.readFrom(raw, len(w.Out)-at-4*(len(names)+1))
	op := zkproto.OpGetChildren
	if withStat {
		op = zkproto.OpGetChildren2
		w.Out = stat.AppendTo(w.Out)
	}
	s.countPath(op, raw)
	return zkproto.ErrOK
}

func (s *Server) getACL(w *client, ids []zkproto.ID, d *jute.Decoder) zkproto.Error {
	raw := d.NotNull()
	path := string(raw)
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	acl, stat, ok := s.tree.ACL(path)
	if !ok {
		return zkproto.ErrNoNode
	}
	shown, ok := s.registry.GetACL(acl, ids)
	if !ok {
		return zkproto.ErrNoAuth
	}
	w.Out = stat.AppendTo(zkproto.AppendACLs(w.Out, shown))
	s.countPath(zkproto.OpGetACL, raw)
	return zkproto.ErrOK
}

func (s *Server) multiRead(w *client, ids []zkproto.ID, d *jute.Decoder) zkproto.Error {
	var req zkproto.MultiRequest
	req.Decode(d)
	if d.Err() != nil || !takesParts(req.Ops) {
		return zkproto.ErrMarshallingError
	}
	for i := range req.Ops {
		op := &req.Ops[i]
		at := len(w.Out)
		w.Out = zkproto.MultiHeader{Type: op.Type}.AppendTo(w.Out)
		op.Path.Watch = false // a multiRead leaves no watches
		part := jute.NewDecoder(op.Path.AppendTo(nil))
		var err zkproto.Error
		switch {
		case op.Type == zkproto.OpGetData && !op.NullPath:
			err = s.getData(w, ids, &part)
		case op.Type == zkproto.OpGetChildren && !op.NullPath:
			err = s.getChildren(w, ids, &part, false)
		default:
			w.Out = zkproto.MultiEnd().AppendTo(w.Out[:at])
			return zkproto.ErrMarshallingError
		}
		if err != zkproto.ErrOK {
			w.Out = jute.AppendInt32(zkproto.MultiHeader{Type: zkproto.OpError, Err: err}.AppendTo(w.Out[:at]), int32(err))
		}
	}
	w.Out = zkproto.MultiEnd().AppendTo(w.Out)
	return zkproto.ErrOK
}

// takesParts tells whether the original would take these parts together: only reads or only writes.
func takesParts(ops []zkproto.MultiOp) bool {
	isRead := func(op zkproto.OpCode) bool { return op == zkproto.OpGetData || op == zkproto.OpGetChildren }
	for i := range ops {
		op := &ops[i]
		switch op.Type {
		case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer:
			if m := op.Create.Mode; !m.Valid() || m.TTL() || op.Create.ACL == nil {
				return false
			}
		}
		if isRead(op.Type) != isRead(ops[0].Type) {
			return false
		}
	}
	return true
}

func (s *Server) getAllChildrenNumber(w *client, ids []zkproto.ID, d *jute.Decoder) zkproto.Error {
	raw := d.NotNull()
	path := string(raw)
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	_, acl, ok := s.tree.Exists(path)
	if !ok {
		return zkproto.ErrNoNode
	}
	if !s.registry.Check(acl, zkproto.PermRead, ids) {
		return zkproto.ErrNoAuth
	}
	w.Out = jute.AppendInt32(w.Out, int32(s.tree.NumDescendants(path)))
	s.countPath(zkproto.OpGetAllChildrenNumber, raw)
	return zkproto.ErrOK
}

func (s *Server) getEphemerals(w *client, d *jute.Decoder) zkproto.Error {
	prefix := d.String()
	if d.Err() != nil {
		return zkproto.ErrMarshallingError
	}
	if trimmed := strings.TrimFunc(prefix, func(r rune) bool { return r <= ' ' }); trimmed == "" || trimmed == "/" {
		prefix = ""
	}
	var paths []string
	for _, p := range s.tree.Ephemerals(w.session) {
		if strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	w.Out = jute.AppendStrings(w.Out, paths)
	return zkproto.ErrOK
}

func (s *Server) whoAmI(w *client, ids []zkproto.ID) zkproto.Error {
	w.Out = jute.AppendInt32(w.Out, int32(len(ids)))
	for _, id := range ids {
		user := id.ID
		if id.Scheme == "digest" {
			user, _, _ = strings.Cut(user, ":") // never the hash
		}
		w.Out = zkproto.ClientInfo{Scheme: id.Scheme, User: user}.AppendTo(w.Out)
	}
	return zkproto.ErrOK
}

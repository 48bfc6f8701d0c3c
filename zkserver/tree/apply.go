package tree

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Event is what a change means to watches. Delete is one event: it goes to data and child watches of the path, each
// watcher told once.
type Event struct {
	Type zkproto.EventType
	Path string
	Zxid zkproto.Zxid
	// ACL of the znode concerned: a watcher that may not READ it is not told (its one-shot watch is used up all the same).
	ACL []zkproto.ACL
	// Bytes of data that were written, 0 for deletions.
	Bytes int
}

// Result is what the reply to a transaction needs.
type Result struct {
	Type zkproto.OpCode // of the transaction; OpError for a refused one
	// Err is why the request was refused. It stays ErrOK for a multi, whose parts say it: so does the reply's header.
	Err   zkproto.Error
	Path  string       // the znode concerned
	Stat  zkproto.Stat // of the znode after create*, setData, setACL
	Multi []Result     // parts of a multi, in order; all of Type OpError when it was refused
}

// Apply applies one transaction and calls ev (nil: nobody watches) for each event, in the original's order. It keeps the
// txn's ACL slices and strings, and data of more than Copied bytes. A NoNode or NodeExists in the result happens only in replay.
func (t *Tree) Apply(h *zkproto.TxnHeader, txn zkproto.Txn, ev func(Event)) Result {
	r := t.apply(h, h.Type, txn, ev)
	t.last = max(t.last, h.Zxid)
	t.applied(h.Zxid)
	return r
}

func (t *Tree) apply(h *zkproto.TxnHeader, typ zkproto.OpCode, txn zkproto.Txn, ev func(Event)) Result {
	r := Result{Type: typ}
	switch x := txn.(type) {
	case *zkproto.CreateTxn:
		var owner int64
		if x.Ephemeral {
			owner = int64(h.ClientID)
		}
		t.create(h, x.Path, x.Data, x.ACL, owner, x.ParentCVersion, &r, ev)
	case *zkproto.CreateContainerTxn:
		t.create(h, x.Path, x.Data, x.ACL, ContainerOwner, x.ParentCVersion, &r, ev)
	case *zkproto.CreateTTLTxn:
		owner, ok := TTLOwner(x.TTL)
		if !ok {
			r.Err = zkproto.ErrBadArguments // no server writes such a transaction
			break
		}
		t.create(h, x.Path, x.Data, x.ACL, owner, x.ParentCVersion, &r, ev)
	case *zkproto.DeleteTxn:
		r.Path = x.Path
		r.Err = t.delete(x.Path, h.Zxid, ev)
	case *zkproto.SetDataTxn:
		t.setData(h, x, &r, ev)
	case *zkproto.SetACLTxn:
		t.setACL(x, &r)
	case *zkproto.CheckVersionTxn:
		r.Path = x.Path
	case *zkproto.CloseSessionTxn:
		t.closeSession(h, x, ev)
	case *zkproto.MultiTxn:
		t.multi(h, x, &r, ev)
	case *zkproto.ErrorTxn:
		r.Type = zkproto.OpError
		r.Err = x.Err
	}
	return r
}

func (t *Tree) create(h *zkproto.TxnHeader, path string, data []byte, acl []zkproto.ACL, owner int64, cversion int32,
	r *Result, ev func(Event),
) {
	r.Path = path
	if len(path) < 2 || path[0] != '/' {
		r.Err = zkproto.ErrBadArguments // no server writes such a transaction
		return
	}
	parent := t.node(parentPath(path))
	if parent == nil {
		r.Err = zkproto.ErrNoNode
		return
	}
	n := t.node(path)
	if n != nil {
		// replay: the snapshot has it already
		t.changeACL(n, acl)
		r.Err = zkproto.ErrNodeExists
	}
	if cversion == -1 {
		cversion = parent.cversion() + 1
	}
	if cversion > parent.cversion() { // not so in replay, when the parent has seen later changes
		t.subtract(parent)
		p := parent.more()
		p.cversion, p.pzxid = cversion, h.Zxid
		t.add(parent)
	}
	if n != nil {
		return
	}
	n = t.plant(parent, path, data, &zkproto.StatPersisted{
		Czxid: h.Zxid, Mzxid: h.Zxid, Pzxid: h.Zxid, Ctime: h.Time, Mtime: h.Time, EphemeralOwner: owner,
	}, t.acls.acquire(acl))
	t.adopt(n, len(path))
	t.quotaCreated(n, path)
	r.Stat = t.stat(n)
	if ev != nil {
		ev(Event{Type: zkproto.EventNodeCreated, Path: path, Zxid: h.Zxid, ACL: t.acls.at(n).list, Bytes: len(data)})
		ev(Event{Type: zkproto.EventNodeChildrenChanged, Path: shown(parentPath(path)), Zxid: h.Zxid, ACL: t.acls.at(parent).list})
	}
}

func (t *Tree) delete(path string, zxid zkproto.Zxid, ev func(Event)) zkproto.Error {
	if len(path) < 2 || path[0] != '/' {
		return zkproto.ErrBadArguments // no server writes such a transaction
	}
	parent := t.node(parentPath(path))
	if parent == nil {
		return zkproto.ErrNoNode
	}
	if zxid > parent.pzxid() { // even when the child is gone, or has not been there
		t.subtract(parent)
		parent.more().pzxid = zxid
		t.add(parent)
	}
	n := t.node(path)
	if n == nil {
		return zkproto.ErrNoNode
	}
	acl := t.acls.at(n).list
	parent.removeChild(n)
	t.scratch = append(t.scratch[:0], path...)
	t.disown(n, t.scratch)
	if len(t.quotas) > 0 {
		t.quotaDeleted(n, path)
	}
	if ev != nil {
		ev(Event{Type: zkproto.EventNodeDeleted, Path: path, Zxid: zxid, ACL: acl})
		ev(Event{Type: zkproto.EventNodeChildrenChanged, Path: shown(parentPath(path)), Zxid: zxid, ACL: t.acls.at(parent).list})
	}
	return zkproto.ErrOK
}

func (t *Tree) setData(h *zkproto.TxnHeader, x *zkproto.SetDataTxn, r *Result, ev func(Event)) {
	r.Path = x.Path
	n := t.node(x.Path)
	if n == nil {
		r.Err = zkproto.ErrNoNode
		return
	}
	grown := int64(len(x.Data)) - int64(n.size())
	t.dataSize += grown
	if len(t.quotas) > 0 {
		t.useQuota(x.Path, 0, grown)
	}
	t.subtract(n)
	n.setData(x.Data)
	t.setContent(n, x.Path, x.Data)
	n.setMtime(h.Time)
	n.mzxid = h.Zxid
	n.version = x.Version
	t.add(n)
	r.Stat = t.stat(n)
	if ev != nil {
		ev(Event{Type: zkproto.EventNodeDataChanged, Path: x.Path, Zxid: h.Zxid, ACL: t.acls.at(n).list, Bytes: len(x.Data)})
	}
}

func (t *Tree) setACL(x *zkproto.SetACLTxn, r *Result) {
	r.Path = x.Path
	n := t.node(x.Path)
	if n == nil {
		r.Err = zkproto.ErrNoNode
		return
	}
	t.changeACL(n, x.ACL)
	t.subtract(n)
	if x.Version != n.aversion() {
		n.more().aversion = x.Version
	}
	t.add(n)
	r.Stat = t.stat(n)
}

func (t *Tree) changeACL(n *node, acl []zkproto.ACL) {
	old := t.acls.at(n)
	n.setACL(t.acls.acquire(acl).slot)
	t.acls.release(old)
}

// closeSession deletes the paths in the transaction, then what else the session owns: nothing, except in logs of old
// servers, which do not name the paths.
func (t *Tree) closeSession(h *zkproto.TxnHeader, x *zkproto.CloseSessionTxn, ev func(Event)) {
	for _, p := range x.PathsToDelete {
		_ = t.delete(p, h.Zxid, ev) // one that is gone already is as it should be
	}
	if len(t.ephemerals[h.ClientID]) == 0 {
		return
	}
	for _, p := range t.Ephemerals(h.ClientID) {
		_ = t.delete(p, h.Zxid, ev) // one that is gone already is as it should be
	}
}

// multi applies all parts, or answers for a refused one: parts before the one that failed get ErrOK, it its own error,
// those after it ErrRuntimeInconsistency.
func (t *Tree) multi(h *zkproto.TxnHeader, x *zkproto.MultiTxn, r *Result, ev func(Event)) {
	r.Multi = make([]Result, len(x.Ops))
	failed := slices.IndexFunc(x.Ops, func(op zkproto.MultiTxnOp) bool { return op.Type == zkproto.OpError })
	for i, op := range x.Ops {
		e, refused := op.Txn.(*zkproto.ErrorTxn)
		switch {
		case failed < 0:
			r.Multi[i] = t.apply(h, op.Type, op.Txn, ev)
		case refused:
			r.Multi[i] = Result{Type: zkproto.OpError, Err: e.Err}
		case i < failed:
			r.Multi[i] = Result{Type: zkproto.OpError, Err: zkproto.ErrOK}
		default:
			r.Multi[i] = Result{Type: zkproto.OpError, Err: zkproto.ErrRuntimeInconsistency}
		}
	}
}

// shown is the path clients know a znode by.
func shown(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

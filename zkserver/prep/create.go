package prep

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// create decides create, create2, createContainer and createTTL. The order of the checks is the original's: it decides
// which error is told when several apply.
func (p *Prep) create(c *call, op zkproto.OpCode, q *zkproto.CreateRequest) (zkproto.Txn, zkproto.Error) {
	owner, err := p.ownerOf(c, op, q)
	if err != zkproto.ErrOK {
		return nil, err
	}
	path := q.Path
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || strings.IndexByte(path, 0) >= 0 {
		return nil, zkproto.ErrBadArguments
	}
	acl, err := p.fixupACL(c, q.ACL)
	if err != zkproto.ErrOK {
		return nil, err
	}
	parent, ok := p.changes.get(parentOf(path, slash))
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(parent.ACL, zkproto.PermCreate, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	if q.Mode.Sequential() {
		path = fmt.Sprintf("%s%010d", path, parent.Cversion)
	}
	if !validPath(path) {
		return nil, zkproto.ErrBadArguments
	}
	if _, ok := p.changes.get(path); ok {
		return nil, zkproto.ErrNodeExists
	}
	if p.changes.tree.Kind(parent.Owner) == tree.Ephemeral {
		return nil, zkproto.ErrNoChildrenForEphemerals
	}
	if err := p.checkQuota(path, 1, int64(len(q.Data))); err != zkproto.ErrOK {
		return nil, err
	}
	was := parent.Digest
	parent.Cversion++
	parent.Pzxid = c.zxid
	parent.NumChildren++
	p.changes.put(c.zxid, &parent, was)
	p.changes.put(c.zxid, &tree.Info{
		Path: path, Owner: owner, ACL: acl, Czxid: c.zxid, Mzxid: c.zxid, Pzxid: c.zxid, Ctime: c.now, Mtime: c.now,
		Content: p.changes.content(path, q.Data), DataLen: int32(len(q.Data)),
	}, 0)

	data := p.copy(q.Data)
	switch op {
	case zkproto.OpCreateContainer:
		return &zkproto.CreateContainerTxn{Path: path, Data: data, ACL: acl, ParentCVersion: parent.Cversion}, zkproto.ErrOK
	case zkproto.OpCreateTTL:
		return &zkproto.CreateTTLTxn{Path: path, Data: data, ACL: acl, ParentCVersion: parent.Cversion, TTL: q.TTL},
			zkproto.ErrOK
	default:
		return &zkproto.CreateTxn{
			Path: path, Data: data, ACL: acl, Ephemeral: q.Mode.Ephemeral(),
			ParentCVersion: parent.Cversion,
		}, zkproto.ErrOK
	}
}

// ownerOf checks mode and session, and returns what the new znode's owner field will be.
func (p *Prep) ownerOf(c *call, op zkproto.OpCode, q *zkproto.CreateRequest) (int64, zkproto.Error) {
	if !q.Mode.Valid() {
		return 0, zkproto.ErrBadArguments
	}
	ttl := int64(-1)
	if op == zkproto.OpCreateTTL {
		ttl = q.TTL
	}
	var owner int64
	if q.Mode.TTL() {
		if !p.config.ExtendedTypes {
			return 0, zkproto.ErrUnimplemented
		}
		var ok bool
		if owner, ok = tree.TTLOwner(ttl); !ok {
			return 0, zkproto.ErrBadArguments
		}
	} else if op == zkproto.OpCreateTTL {
		return 0, zkproto.ErrBadArguments // also with a negative ttl, which makes the original write a txn it cannot apply
	}
	var err zkproto.Error
	if q.Mode.Ephemeral() {
		owner = int64(c.Session)
		if err = p.sessions.CheckGlobal(c.Session, c.Owner); err == zkproto.ErrUnknownSession {
			err = zkproto.ErrSessionExpired
		}
	} else {
		err = p.sessions.Check(c.Session, c.Owner)
	}
	if op == zkproto.OpCreateContainer { // whatever the mode; and a mode alone makes none
		owner = tree.ContainerOwner
	}
	return owner, err
}

// parentOf is the path up to the last slash, "/" for the root.
func parentOf(path string, slash int) string {
	if slash == 0 {
		return "/"
	}
	return path[:slash]
}

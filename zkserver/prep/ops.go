package prep

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

func (p *Prep) setData(c *call, path string, data []byte, version int32) (zkproto.Txn, zkproto.Error) {
	if err := p.sessions.Check(c.Session, c.Owner); err != zkproto.ErrOK {
		return nil, err
	}
	if !validPath(path) {
		return nil, zkproto.ErrBadArguments
	}
	n, ok := p.changes.get(path)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(n.ACL, zkproto.PermWrite, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	if err := p.checkQuota(path, 0, int64(len(data))-int64(n.DataLen)); err != zkproto.ErrOK {
		return nil, err
	}
	next, err := nextVersion(n.Version, version)
	if err != zkproto.ErrOK {
		return nil, err
	}
	was := n.Digest
	n.Version = next
	n.Mzxid, n.Mtime = c.zxid, c.now
	n.Content, n.DataLen = p.changes.content(n.Path, data), int32(len(data))
	p.changes.put(c.zxid, &n, was)
	return &zkproto.SetDataTxn{Path: path, Data: p.copy(data), Version: next}, zkproto.ErrOK
}

func (p *Prep) delete(c *call, path string, version int32) (zkproto.Txn, zkproto.Error) {
	if err := p.sessions.Check(c.Session, c.Owner); err != zkproto.ErrOK {
		return nil, err
	}
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || strings.IndexByte(path, 0) >= 0 || tree.IsReserved(path) {
		return nil, zkproto.ErrBadArguments
	}
	parent, ok := p.changes.get(parentOf(path, slash))
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(parent.ACL, zkproto.PermDelete, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	n, ok := p.changes.get(path)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if _, err := nextVersion(n.Version, version); err != zkproto.ErrOK {
		return nil, err
	}
	if n.NumChildren > 0 {
		return nil, zkproto.ErrNotEmpty
	}
	p.changes.loseChild(c.zxid, &parent)
	p.changes.remove(c.zxid, &n)
	return &zkproto.DeleteTxn{Path: path}, zkproto.ErrOK
}

// deleteContainer is the server's own request, for an empty container or an outlived TTL znode: no session, no ACL.
func (p *Prep) deleteContainer(c *call, path string) (zkproto.Txn, zkproto.Error) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || strings.IndexByte(path, 0) >= 0 || tree.IsReserved(path) {
		return nil, zkproto.ErrBadArguments
	}
	n, ok := p.changes.get(path)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if n.NumChildren > 0 {
		return nil, zkproto.ErrNotEmpty
	}
	switch p.changes.tree.Kind(n.Owner) {
	case tree.Container, tree.TTL:
	default:
		return nil, zkproto.ErrBadVersion // it was made anew since the server looked; the original refuses only ephemerals
	}
	parent, ok := p.changes.get(parentOf(path, slash))
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	p.changes.loseChild(c.zxid, &parent)
	p.changes.remove(c.zxid, &n)
	return &zkproto.DeleteTxn{Path: path}, zkproto.ErrOK
}

func (p *Prep) setACL(c *call, q *zkproto.SetACLRequest) (zkproto.Txn, zkproto.Error) {
	if err := p.sessions.Check(c.Session, c.Owner); err != zkproto.ErrOK {
		return nil, err
	}
	if !validPath(q.Path) {
		return nil, zkproto.ErrBadArguments
	}
	acl, err := p.fixupACL(c, q.ACL)
	if err != zkproto.ErrOK {
		return nil, err
	}
	n, ok := p.changes.get(q.Path)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(n.ACL, zkproto.PermAdmin, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	next, err := nextVersion(n.Aversion, q.Version)
	if err != zkproto.ErrOK {
		return nil, err
	}
	was := n.Digest
	n.Aversion = next
	n.ACL = acl
	p.changes.put(c.zxid, &n, was)
	return &zkproto.SetACLTxn{Path: n.Path, ACL: acl, Version: next}, zkproto.ErrOK
}

func (p *Prep) check(c *call, path string, version int32) (zkproto.Txn, zkproto.Error) {
	if err := p.sessions.Check(c.Session, c.Owner); err != zkproto.ErrOK {
		return nil, err
	}
	if !validPath(path) {
		return nil, zkproto.ErrBadArguments
	}
	n, ok := p.changes.get(path)
	if !ok {
		return nil, zkproto.ErrNoNode
	}
	if !p.auth.Check(n.ACL, zkproto.PermRead, c.IDs) {
		return nil, zkproto.ErrNoAuth
	}
	next, err := nextVersion(n.Version, version)
	if err != zkproto.ErrOK {
		return nil, err
	}
	return &zkproto.CheckVersionTxn{Path: path, Version: next}, zkproto.ErrOK
}

// closeSession ends a session, known or not: its ephemerals, those in the tree and those on their way, go with it.
func (p *Prep) closeSession(c *call) zkproto.Txn {
	paths := p.changes.ephemerals(c.Session)
	for _, path := range paths {
		slash := strings.LastIndexByte(path, '/')
		if parent, ok := p.changes.get(parentOf(path, slash)); ok {
			p.changes.loseChild(c.zxid, &parent)
		}
		if n, ok := p.changes.get(path); ok {
			p.changes.remove(c.zxid, &n)
		}
	}
	p.sessions.SetClosing(c.Session)
	return &zkproto.CloseSessionTxn{PathsToDelete: p.listed(paths)}
}

// ephemerals lists what a session will own when everything prepared is applied, sorted.
func (c *changes) ephemerals(s zkproto.SessionID) []string {
	paths := c.tree.Ephemerals(s)
	if c.head == len(c.queue) {
		return paths
	}
	set := make(map[string]struct{}, len(paths))
	for _, p := range paths {
		set[p] = struct{}{}
	}
	for _, ch := range c.queue[c.head:] {
		if ch.deleted {
			delete(set, ch.Path)
		} else if ch.Owner == int64(s) {
			set[ch.Path] = struct{}{}
		}
	}
	paths = paths[:0]
	for p := range set {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// nextVersion compares the version a client expects (-1: any) and counts up. -1 is left out when the count wraps around,
// since nobody could expect it (ZOOKEEPER-4743).
func nextVersion(current, expected int32) (int32, zkproto.Error) {
	if expected != -1 && expected != current {
		return 0, zkproto.ErrBadVersion
	}
	if current+1 == -1 {
		return 0, zkproto.ErrOK
	}
	return current + 1, zkproto.ErrOK
}

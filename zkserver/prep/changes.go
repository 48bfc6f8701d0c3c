package prep

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// change is a znode as it will be after the transaction with this zxid.
type change struct {
	tree.Info
	zxid    zkproto.Zxid
	deleted bool
	// prev is the change of the same znode that this one replaced. It is looked at only while this one's own transaction
	// is being prepared; afterwards it may have been applied and reused.
	prev *change
}

// changes is the tree and what is on its way to it: a queue in zxid order, and the newest change of each path.
type changes struct {
	tree   *tree.Tree
	queue  []*change
	head   int // queue[:head] is gone
	byPath map[string]*change
	free   []*change

	digester tree.Digester
	noDigest bool
	sum      int64 // the tree's digest as it will be when everything prepared is applied

	added, gone int64 // how many were ever queued, and how many of these were applied
}

// digestOf is a znode's part in sum.
func (c *changes) digestOf(n *tree.Info) int64 {
	if c.noDigest {
		return 0
	}
	st := n.Persisted()
	return c.digester.Node(n.Path, n.Content, &st)
}

// content is the checksum of a path and its data, for the digest.
func (c *changes) content(path string, data []byte) uint32 {
	if c.noDigest {
		return 0
	}
	return c.digester.Content(path, data)
}

// get returns a znode as it will be when everything prepared is applied. The root is "/".
func (c *changes) get(path string) (tree.Info, bool) {
	if len(c.byPath) > 0 {
		if ch := c.byPath[path]; ch != nil {
			return ch.Info, !ch.deleted
		}
	}
	return c.tree.Info(path)
}

// put notes what a znode becomes. was is its digest before, 0 for a new one.
func (c *changes) put(zxid zkproto.Zxid, info *tree.Info, was int64) {
	info.Digest = c.digestOf(info)
	c.sum += info.Digest - was
	c.add(zxid, info, false)
}

// loseChild notes that a child of a znode goes.
func (c *changes) loseChild(zxid zkproto.Zxid, parent *tree.Info) {
	was := parent.Digest
	parent.NumChildren--
	parent.Pzxid = zxid
	c.put(zxid, parent, was)
}

// remove notes that a znode goes.
func (c *changes) remove(zxid zkproto.Zxid, info *tree.Info) {
	c.sum -= info.Digest
	c.add(zxid, &tree.Info{Path: info.Path}, true)
}

func (c *changes) add(zxid zkproto.Zxid, info *tree.Info, deleted bool) {
	var ch *change
	if last := len(c.free) - 1; last >= 0 {
		ch = c.free[last]
		c.free = c.free[:last]
	} else {
		ch = new(change)
	}
	*ch = change{Info: *info, zxid: zxid, deleted: deleted, prev: c.byPath[info.Path]}
	c.byPath[info.Path] = ch
	if c.head > 0 && len(c.queue) == cap(c.queue) {
		n := copy(c.queue, c.queue[c.head:])
		clear(c.queue[n:])
		c.queue = c.queue[:n]
		c.head = 0
	}
	c.queue = append(c.queue, ch)
	c.added++
}

func (c *changes) recycle(ch *change) {
	*ch = change{}
	if len(c.free) < 4096 {
		c.free = append(c.free, ch)
	}
}

// applied forgets the changes up to zxid.
func (c *changes) applied(zxid zkproto.Zxid) {
	for c.head < len(c.queue) && c.queue[c.head].zxid <= zxid {
		ch := c.queue[c.head]
		c.queue[c.head] = nil
		c.head++
		c.gone++
		if c.byPath[ch.Path] == ch {
			delete(c.byPath, ch.Path)
		}
		c.recycle(ch)
	}
	if c.head == len(c.queue) {
		c.queue = c.queue[:0]
		c.head = 0
	}
}

// rollback takes back the changes of the transaction being prepared.
func (c *changes) rollback(zxid zkproto.Zxid) {
	for last := len(c.queue) - 1; last >= c.head && c.queue[last].zxid == zxid; last-- {
		ch := c.queue[last]
		c.queue[last] = nil
		c.queue = c.queue[:last]
		if ch.prev != nil {
			c.byPath[ch.Path] = ch.prev
		} else {
			delete(c.byPath, ch.Path)
		}
		c.recycle(ch)
	}
}

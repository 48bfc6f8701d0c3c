package tree

import (
	"maps"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// openACLID stands for "everyone may do everything" in snapshots, without an entry in the table.
const openACLID int64 = -1

// aclEntry is one list, shared by all znodes that have it.
type aclEntry struct {
	id   int64
	slot uint32 // where a cache has it: half of a pointer
	refs int
	list []zkproto.ACL
	key  string // the encoded list
}

// aclCache keeps each distinct list once. Ids are never used again within the life of a tree: a fuzzy snapshot may hold
// a znode with an id that the table written before it does not have yet.
type aclCache struct {
	byID    map[int64]*aclEntry
	byKey   map[string]*aclEntry
	slots   []*aclEntry // nil where one was forgotten
	vacant  []uint32    // these
	lastID  int64
	world   aclEntry // id openACLID; not counted
	unknown aclEntry // what a znode loaded with an id missing in the table has, until replay gives it its own
	scratch []byte
}

func (c *aclCache) init() {
	c.byID = make(map[int64]*aclEntry)
	c.byKey = make(map[string]*aclEntry)
	c.world = aclEntry{id: openACLID, list: zkproto.WorldAll()}
	// id 0 is never given out; nobody but super gets past this list
	c.unknown = aclEntry{list: []zkproto.ACL{{Perms: 0, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}}
	c.place(&c.world)
	c.place(&c.unknown)
}

// place gives an entry a slot.
func (c *aclCache) place(e *aclEntry) {
	if last := len(c.vacant) - 1; last >= 0 {
		e.slot = c.vacant[last]
		c.vacant = c.vacant[:last]
		c.slots[e.slot] = e
		return
	}
	e.slot = uint32(len(c.slots))
	c.slots = append(c.slots, e)
}

// at is the entry of a znode.
func (c *aclCache) at(n *node) *aclEntry { return c.slots[n.acl()] }

func (c *aclCache) open() *aclEntry { return &c.world }

// acquire finds or makes the entry of a list and counts one more user. A nil list is the open one.
func (c *aclCache) acquire(list []zkproto.ACL) *aclEntry {
	if list == nil {
		return &c.world
	}
	c.scratch = zkproto.AppendACLs(c.scratch[:0], list)
	e := c.byKey[string(c.scratch)]
	if e == nil {
		c.lastID++
		e = &aclEntry{id: c.lastID, list: list, key: string(c.scratch)}
		c.byID[e.id] = e
		c.byKey[e.key] = e
		c.place(e)
	}
	e.refs++
	return e
}

// release counts one user less and forgets a list that nobody uses.
func (c *aclCache) release(e *aclEntry) {
	e.refs--
	if e == &c.world || e == &c.unknown || e.refs > 0 {
		return
	}
	c.forget(e)
}

func (c *aclCache) forget(e *aclEntry) {
	delete(c.byID, e.id)
	if c.byKey[e.key] == e {
		delete(c.byKey, e.key)
	}
	c.slots[e.slot] = nil
	c.vacant = append(c.vacant, e.slot)
}

// load adds an entry of a snapshot, without users.
func (c *aclCache) load(id int64, list []zkproto.ACL) {
	e := &aclEntry{id: id, list: list, key: string(zkproto.AppendACLs(nil, list))}
	c.byID[id] = e
	c.byKey[e.key] = e
	c.place(e)
	c.lastID = max(c.lastID, id)
}

// use counts a user of the entry with this id while a snapshot is loaded.
func (c *aclCache) use(id int64) *aclEntry {
	if id == openACLID {
		return &c.world
	}
	e := c.byID[id]
	if e == nil {
		e = &c.unknown
		c.lastID = max(c.lastID, id)
	}
	e.refs++
	return e
}

// purge forgets what no znode uses.
func (c *aclCache) purge() {
	for _, e := range maps.Clone(c.byID) {
		if e.refs <= 0 {
			c.forget(e)
		}
	}
}

// ACLCache returns a copy of the table of shared ACL lists, for a snapshot.
func (t *Tree) ACLCache() map[int64][]zkproto.ACL {
	m := make(map[int64][]zkproto.ACL, len(t.acls.byID))
	for id, e := range t.acls.byID {
		m[id] = e.list
	}
	return m
}

// ACLByID returns one entry of the table, nil when there is none: for a snapshot whose walk meets an id that is newer than
// the table written before it.
func (t *Tree) ACLByID(id int64) []zkproto.ACL {
	if e := t.acls.byID[id]; e != nil {
		return e.list
	}
	return nil
}

// UnknownACLs is the number of znodes that came from a snapshot without their ACL. It is normal while the log is replayed
// onto a fuzzy snapshot and must be 0 afterwards; nobody but super may touch such a znode.
func (t *Tree) UnknownACLs() int { return t.acls.unknown.refs }

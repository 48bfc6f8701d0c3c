// Package watch remembers who wants to be told of which change.
//
// The package is pure; a Manager is not safe for concurrent use. Which event goes where:
//
//	event            watches told                              on path
//	created          data (left by exists), persistent         the znode
//	                 persistent recursive                      the znode and all above it
//	data changed     as created
//	deleted          data, child, persistent (told once)       the znode
//	                 persistent recursive                      the znode and all above it
//	children changed child, persistent                         the parent
//
// Source: WatchManager.java, WatchStats.java, PathParentIterator.java and DataTree.setWatches of Apache ZooKeeper 3.9.
package watch

import (
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// Kind is a kind of watch.
type Kind uint8

// The kinds.
const (
	Data                Kind = iota // one-shot, left by getData and by exists (of a znode that is there or is not)
	Child                           // one-shot, left by getChildren
	Persistent                      // stays; data and child events of one znode
	PersistentRecursive             // stays; created, deleted and data events of a whole subtree
)

// Manager holds the watches of one server. W is what the server tells of events, a connection.
type Manager[W comparable] struct {
	data  table[W]
	child table[W]
}

// New returns an empty manager.
func New[W comparable]() *Manager[W] {
	return &Manager[W]{data: newTable[W](), child: newTable[W]()}
}

// Add leaves a watch and tells whether it is new.
func (m *Manager[W]) Add(path string, w W, kind Kind) bool {
	switch kind {
	case Data:
		return m.data.add(path, w, standard)
	case Child:
		return m.child.add(path, w, standard)
	case Persistent:
		d := m.data.add(path, w, persistent)
		return m.child.add(path, w, persistent) || d
	default:
		return m.data.add(path, w, recursive)
	}
}

// Trigger appends to dst the watchers to tell of ev, each once, and forgets the one-shot watches it used up. Watchers
// come in no meaningful order, but in the same one after the same history. The caller leaves out those who may not read
// ev.ACL.
func (m *Manager[W]) Trigger(ev tree.Event, dst []W) []W {
	switch ev.Type {
	case zkproto.EventNodeCreated, zkproto.EventNodeDataChanged:
		return m.data.trigger(ev.Path, dst, len(dst))
	case zkproto.EventNodeDeleted:
		from := len(dst)
		dst = m.data.trigger(ev.Path, dst, from)
		return m.child.trigger(ev.Path, dst, from)
	case zkproto.EventNodeChildrenChanged:
		return m.child.trigger(ev.Path, dst, len(dst))
	default:
		return dst
	}
}

// Remove takes away watches by the type of removeWatches, and tells whether there was one.
func (m *Manager[W]) Remove(path string, w W, typ zkproto.WatcherType) bool {
	switch typ {
	case zkproto.WatcherChildren:
		return m.child.remove(path, w, standard)
	case zkproto.WatcherData:
		return m.data.remove(path, w, standard)
	case zkproto.WatcherPersistent:
		c := m.child.remove(path, w, persistent)
		return m.data.remove(path, w, persistent) || c
	case zkproto.WatcherPersistentRecursive:
		return m.data.remove(path, w, recursive)
	case zkproto.WatcherAny:
		c := m.child.remove(path, w, anyMode)
		return m.data.remove(path, w, anyMode) || c
	default:
		return false
	}
}

// Contains answers checkWatches.
func (m *Manager[W]) Contains(path string, w W, typ zkproto.WatcherType) bool {
	switch typ {
	case zkproto.WatcherChildren:
		return m.child.modes(path, w)&standard != 0
	case zkproto.WatcherData:
		return m.data.modes(path, w)&standard != 0
	case zkproto.WatcherPersistent:
		return m.data.modes(path, w)&persistent != 0
	case zkproto.WatcherPersistentRecursive:
		return m.data.modes(path, w)&recursive != 0
	case zkproto.WatcherAny:
		return m.child.modes(path, w)|m.data.modes(path, w) != 0
	default:
		return false
	}
}

// RemoveWatcher forgets all watches of w.
func (m *Manager[W]) RemoveWatcher(w W) {
	m.data.removeWatcher(w)
	m.child.removeWatcher(w)
}

// Count is the number of watches as the original's mntr counts them (zk_watch_count): pairs of path and watcher, data
// and child apart.
func (m *Manager[W]) Count() int { return m.data.size + m.child.size }

// Watchers is the number of watchers that have a data watch, Paths the number of paths so watched: what the original's
// wchs shows.
func (m *Manager[W]) Watchers() int { return len(m.data.byWatcher) }

// Paths is the number of paths with a data watch.
func (m *Manager[W]) Paths() int { return len(m.data.byPath) }

// DataCount is the number of data watches alone, the "Total watches" of wchs.
func (m *Manager[W]) DataCount() int { return m.data.size }

// SetWatches carries a client's watches over to this connection: it appends to dst the events that happened since
// r.RelativeZxid, to be sent at once and in order before the reply (with zxid -1 in the header), and adds watches for
// the rest.
func (m *Manager[W]) SetWatches(t *tree.Tree, w W, r *zkproto.SetWatchesRequest,
	dst []zkproto.WatcherEvent,
) []zkproto.WatcherEvent {
	fire := func(typ zkproto.EventType, path string) {
		dst = append(dst, zkproto.WatcherEvent{Type: typ, State: zkproto.StateSyncConnected, Path: path})
	}
	for _, p := range r.Data {
		switch st, _, ok := t.Exists(p); {
		case !ok:
			fire(zkproto.EventNodeDeleted, p)
		case st.Mzxid > r.RelativeZxid:
			fire(zkproto.EventNodeDataChanged, p)
		default:
			m.data.add(p, w, standard)
		}
	}
	for _, p := range r.Exist {
		if _, _, ok := t.Exists(p); ok {
			fire(zkproto.EventNodeCreated, p)
		} else {
			m.data.add(p, w, standard)
		}
	}
	for _, p := range r.Child {
		switch st, _, ok := t.Exists(p); {
		case !ok:
			fire(zkproto.EventNodeDeleted, p)
		case st.Pzxid > r.RelativeZxid:
			fire(zkproto.EventNodeChildrenChanged, p)
		default:
			m.child.add(p, w, standard)
		}
	}
	for _, p := range r.Persistent {
		m.Add(p, w, Persistent)
	}
	for _, p := range r.PersistentRecursive {
		m.Add(p, w, PersistentRecursive)
	}
	return dst
}

// above is the path of the parent, "" above the root.
func above(path string) string {
	if path == "/" {
		return ""
	}
	switch i := strings.LastIndexByte(path, '/'); {
	case i < 0:
		return ""
	case i == 0:
		return "/"
	default:
		return path[:i]
	}
}

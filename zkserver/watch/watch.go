// Package watch remembers who wants to be told of which change.
package watch

import (
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

// Manager holds the watches of one server. Not safe for concurrent use.
type Manager[W comparable] struct{}

// New returns an empty manager.
func New[W comparable]() *Manager[W] { return nil }

// Add leaves a watch and tells whether it is new.
func (m *Manager[W]) Add(path string, w W, kind Kind) bool { return false }

// Trigger appends to dst the watchers to tell of ev, each once, and forgets the one-shot watches it used up.
func (m *Manager[W]) Trigger(ev tree.Event, dst []W) []W { return dst }

// Remove takes away watches by the type of removeWatches, and tells whether there was one.
func (m *Manager[W]) Remove(path string, w W, typ zkproto.WatcherType) bool { return false }

// Contains answers checkWatches.
func (m *Manager[W]) Contains(path string, w W, typ zkproto.WatcherType) bool { return false }

// RemoveWatcher forgets all watches of w.
func (m *Manager[W]) RemoveWatcher(w W) {}

// Count is the number of watches as the original's mntr counts them (zk_watch_count).
func (m *Manager[W]) Count() int { return 0 }

// Watchers is the number of watchers that have a watch, Paths the number of paths watched.
func (m *Manager[W]) Watchers() int { return 0 }

// Paths is the number of paths watched.
func (m *Manager[W]) Paths() int { return 0 }

// SetWatches carries a client's watches over to this connection: it appends to dst the events that happened since
// r.RelativeZxid, to be sent at once and in order, and adds watches for the rest.
func (m *Manager[W]) SetWatches(t *tree.Tree, w W, r *zkproto.SetWatchesRequest, dst []zkproto.WatcherEvent) []zkproto.WatcherEvent {
	return dst
}

package tree

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Tree is the whole state of the service besides its sessions.
type Tree struct{}

// Option changes how a tree reads owner fields.
type Option func(*Tree)

// WithExtendedTypes makes the tree understand TTL znodes (extendedTypesEnabled in zoo.cfg; off by default).
func WithExtendedTypes() Option { return nil }

// New returns the tree of an empty server: "/", "/zookeeper", "/zookeeper/quota" and "/zookeeper/config".
func New(opts ...Option) *Tree { return nil }

// LastZxid is the zxid of the last transaction applied.
func (t *Tree) LastZxid() zkproto.Zxid { return 0 }

// Event is what a change means to watches. Delete is one event: it goes to data and child watches of the path, each
// watcher told once.
type Event struct {
	Type zkproto.EventType
	Path string
	Zxid zkproto.Zxid
	// ACL of the znode concerned: a watcher that may not READ it is not told (its one-shot watch is used up all the same).
	ACL []zkproto.ACL
}

// Result is what the reply to a transaction needs.
type Result struct {
	Type  zkproto.OpCode // of the transaction; OpError for a refused one
	Err   zkproto.Error
	Path  string       // created path
	Stat  zkproto.Stat // of the znode after create*, setData, setACL
	Multi []Result     // parts of a multi, in order; all of Type OpError when it was refused
}

// Apply applies one transaction and calls ev (nil: nobody watches) for each event, in the original's order.
func (t *Tree) Apply(h *zkproto.TxnHeader, txn zkproto.Txn, ev func(Event)) Result { return Result{} }

// Get returns a znode's data (nil when null was stored), Stat and ACL. The path "" is the root, as "/" is.
func (t *Tree) Get(path string) (data []byte, stat zkproto.Stat, acl []zkproto.ACL, ok bool) { return }

// GetBytes is Get for a path that is still in its frame; nothing is kept of it.
func (t *Tree) GetBytes(path []byte) (data []byte, stat zkproto.Stat, acl []zkproto.ACL, ok bool) { return }

// Exists returns a znode's Stat and ACL.
func (t *Tree) Exists(path string) (stat zkproto.Stat, acl []zkproto.ACL, ok bool) { return }

// Children returns a znode's child names in no particular order, its Stat and ACL.
func (t *Tree) Children(path string) (names []string, stat zkproto.Stat, acl []zkproto.ACL, ok bool) { return }

// ACL returns a znode's ACL and Stat.
func (t *Tree) ACL(path string) (acl []zkproto.ACL, stat zkproto.Stat, ok bool) { return }

// NumDescendants counts the znodes below path, as getAllChildrenNumber wants it.
func (t *Tree) NumDescendants(path string) int { return 0 }

// Ephemerals returns the paths of a session's ephemeral znodes, sorted.
func (t *Tree) Ephemerals(s zkproto.SessionID) []string { return nil }

// EphemeralOwners returns the sessions that own ephemeral znodes, sorted.
func (t *Tree) EphemeralOwners() []zkproto.SessionID { return nil }

// NodeCount is the number of znodes as the original counts them: the root twice.
func (t *Tree) NodeCount() int { return 0 }

// EphemeralCount is the number of ephemeral znodes.
func (t *Tree) EphemeralCount() int { return 0 }

// DataSize is the sum of the lengths of all paths and data, in bytes.
func (t *Tree) DataSize() int64 { return 0 }

// ACLCache returns a copy of the table of shared ACL lists.
func (t *Tree) ACLCache() map[int64][]zkproto.ACL { return nil }

// Walk visits all znodes in pre-order from the root, whose path is "".
type Walk struct{}

// Walk starts a walk. Call ACLCache under the same lock, before.
func (t *Tree) Walk() *Walk { return nil }

// Next visits up to max znodes and tells whether more are left. The tree may change between calls.
func (w *Walk) Next(max int, fn func(path string, data []byte, acl int64, st zkproto.StatPersisted)) (more bool) {
	return false
}

// Loader builds a tree from a snapshot.
type Loader struct{}

// NewLoader returns an empty loader.
func NewLoader(opts ...Option) *Loader { return nil }

// AddACL adds an entry of the ACL table. All of them come before the first znode.
func (l *Loader) AddACL(id int64, acl []zkproto.ACL) {}

// AddNode adds a znode; parents come before their children and "" first. Slices are kept.
func (l *Loader) AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error { return nil }

// Finish returns the tree.
func (l *Loader) Finish(last zkproto.Zxid) (*Tree, error) { return nil, nil }

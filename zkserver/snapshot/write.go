package snapshot

import (
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// NodeFunc takes one znode. data and the path may be kept; they are immutable.
type NodeFunc func(path string, data []byte, acl int64, st zkproto.StatPersisted)

// Source is the state to write. Write calls its methods from one goroutine: Sessions, then ACLs, then Next until it
// answers false. Sessions and ACLs answer copies.
type Source interface {
	// Sessions is session id -> timeout in milliseconds.
	Sessions() map[zkproto.SessionID]int32
	// ACLs is the table of ACL ids, without the open ACL (-1).
	ACLs() map[int64][]zkproto.ACL
	// Next hands at most max further znodes to fn, parents before children, the root first with the path "", and answers
	// whether there may be more. It takes the tree's read lock for as long as it runs and calls fn under it.
	Next(max int, fn NodeFunc) (more bool)
	// ACL looks up one id, nil if there is none. It is called only by fn, so under Next's lock, and only for an id that
	// appeared after ACLs was answered.
	ACL(id int64) []zkproto.ACL
}

// Written describes a new snapshot.
type Written struct {
	Path  string
	Size  int64
	Nodes int
}

// Write writes snapshot.<zxid> into dir, durably, and replaces a file of that name. zxid is the last transaction applied
// before Source's first answer. On failure nothing but a temporary file, removed by the next Write, may be left.
func Write(fs vfs.FS, dir string, zxid zkproto.Zxid, src Source) (Written, error) {
	return Written{}, nil
}

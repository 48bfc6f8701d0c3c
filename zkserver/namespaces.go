package zkserver

import (
	"bytes"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// A namespace is the first part of a path: what the original calls so in its metrics read_per_namespace and
// write_per_namespace. The root has none.

// statOverhead is what a Stat counts in a read, as in the original: six longs and five ints.
const statOverhead = 6*8 + 5*4

// namespace is the first part of a path, empty for the root.
func namespace(path []byte) []byte {
	if len(path) < 2 {
		return nil
	}
	first, _, _ := bytes.Cut(path[1:], []byte{'/'})
	return first
}

// readFrom counts a read of a znode that gave so many bytes of data or of names.
func (st *stats) readFrom(path []byte, size int) {
	if n := namespace(path); n != nil {
		st.readBy.GetBytes(n).Add(int64(len(path) + size + statOverhead))
	}
}

// changed counts what a change has written: path and data; a deletion counts as its path.
func (st *stats) changed(ev *tree.Event) {
	switch ev.Type {
	case zkproto.EventNodeCreated, zkproto.EventNodeDataChanged, zkproto.EventNodeDeleted:
		if len(ev.Path) > 1 {
			first, _, _ := strings.Cut(ev.Path[1:], "/")
			st.writtenBy.Get(first).Add(int64(len(ev.Path) + ev.Bytes))
		}
	default:
	}
}

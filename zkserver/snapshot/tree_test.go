package snapshot

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// treeSource is a tree that nobody changes.
type treeSource struct {
	*tree.Walk
	t        *tree.Tree
	sessions map[zkproto.SessionID]int32
}

func (s treeSource) Sessions() map[zkproto.SessionID]int32 { return s.sessions }
func (s treeSource) ACLs() map[int64][]zkproto.ACL         { return s.t.ACLCache() }
func (s treeSource) ACL(id int64) []zkproto.ACL            { return s.t.ACLCache()[id] }
func (s treeSource) Next(limit int, fn NodeFunc) bool {
	return s.Walk.Next(limit, fn)
}

func newTree() Loader[*tree.Tree] { return tree.NewLoader() }

// TestOriginalsSnapshotEqualsReplayOfItsLog: the log recorded from the original, replayed into an empty tree, gives the
// snapshot the original wrote after replaying it; and what Write makes of that tree loads as the same.
func TestOriginalsSnapshotEqualsReplayOfItsLog(t *testing.T) {
	m := newMem(t)
	golden, err := os.ReadFile(filepath.Join("testdata", "snapshot.17"))
	require.NoError(t, err)
	put(t, m, "snapshot.17", golden)
	want, err := Load(m, dir, dir, newTree)
	require.NoError(t, err)

	log, err := os.ReadFile(filepath.Join("..", "txnlog", "testdata", "zk-3.9.5.log.1"))
	require.NoError(t, err)
	put(t, m, "log.1", log)
	got := tree.New()
	_, err = txnlog.Replay(m, dir, 0, func(r txnlog.Record) error {
		d := jute.NewDecoder(append([]byte(nil), r.Data...))
		var h zkproto.TxnHeader
		h.Decode(&d)
		txn, err := zkproto.DecodeTxn(h.Type, &d)
		if err != nil {
			return err
		}
		got.Apply(&h, txn, func(tree.Event) {})
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, treeContent(want.State), treeContent(got))

	out := vfs.FS(newMem(t))
	_, err = Write(out, dir, 0x17, treeSource{got.Walk(), got, want.Sessions})
	require.NoError(t, err)
	again, err := Load(out, dir, dir, newTree)
	require.NoError(t, err)
	require.Equal(t, want.Sessions, again.Sessions)
	require.Equal(t, treeContent(want.State), treeContent(again.State))
	require.Equal(t, zkproto.Zxid(0x17), again.State.LastZxid())
}

type nodeContent struct {
	data string
	null bool
	acl  []zkproto.ACL
	st   zkproto.StatPersisted
}

func treeContent(t *tree.Tree) map[string]nodeContent {
	all := map[string]nodeContent{}
	acls := t.ACLCache()
	w := t.Walk()
	for more := true; more; {
		more = w.Next(7, func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
			all[path] = nodeContent{string(data), data == nil, acls[acl], st}
		})
	}
	return all
}

package zkserver

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// sessionsOf are the sessions a server knows.
func (r *running) sessionsOf() (ids []zkproto.SessionID) {
	r.onCore(func() {
		for id := range r.core.replica.Sessions() {
			ids = append(ids, id)
		}
	})
	slices.Sort(ids)
	return ids
}

// Snapshots are taken all the time while sessions come and go with their ephemerals, multis run and ACLs change. After each
// restart the tree, its digest, the sessions and the ACL table are those from before (ZOOKEEPER-3127: a snapshot within a
// multi; 3144, 3145, 3249: sessions, closeSession, cversion and pzxid replayed onto a fuzzy snapshot; 3306, 4846: the ACL
// table against the tree).
func TestFuzzySnapshotsUnderLoadLeadBack(t *testing.T) {
	r := start(t, func(c *config.Config) { c.SnapCount = 8 })
	for round := range 4 {
		stay := r.raw(zkclient.Handshake{})
		require.Equal(t, zkproto.ErrOK, stay.ask(zkproto.OpCreate, createBody(fmt.Sprintf("/r%d", round), nil, 0)).Err)
		require.Equal(t, zkproto.ErrOK, stay.ask(zkproto.OpCreate,
			createBody(fmt.Sprintf("/r%d/stays", round), nil, zkproto.ModeEphemeral)).Err)
		for i := range 12 {
			c := r.raw(zkclient.Handshake{})
			path := func(k int) string { return fmt.Sprintf("/r%d/s%d-%d", round, i, k) }
			for k := range 4 {
				require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(path(k), []byte("x"), zkproto.CreateMode(k%2))).Err)
			}
			own := zkproto.SetACLRequest{
				Path: path(0), Version: -1,
				ACL: []zkproto.ACL{{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "digest", ID: fmt.Sprintf("u%d:h", i)}}},
			}
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetACL, own.AppendTo(nil)).Err)
			m := zkproto.MultiRequest{Ops: []zkproto.MultiOp{
				{Type: zkproto.OpCreate, Create: zkproto.CreateRequest{Path: path(9), ACL: zkproto.WorldAll()}},
				{Type: zkproto.OpSetData, SetData: zkproto.SetDataRequest{Path: path(2), Data: []byte("m"), Version: -1}},
				{Type: zkproto.OpDelete, PathVersion: zkproto.PathVersionRequest{Path: path(9), Version: -1}},
			}}
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpMulti, m.AppendTo(nil)).Err)
			if i%2 == 0 {
				require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCloseSession, nil).Err)
			}
		}
		r.awaitLog("snapshot written")
		dump, digest, sessions, acls := r.dumpTree(), r.tree.Digest(), r.sessionsOf(), len(r.tree.ACLCache())
		r = r.restart()
		require.Equal(t, dump, r.dumpTree())
		require.Equal(t, digest, r.tree.Digest())
		require.Zero(t, r.DigestMismatches())
		require.Equal(t, sessions, r.sessionsOf())
		require.Len(t, r.tree.ACLCache(), acls)
		require.Zero(t, r.tree.UnknownACLs())
	}
}

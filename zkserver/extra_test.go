package zkserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func pathBody(path string) []byte { return jute.AppendString(nil, path) }

func TestReadsOfNewerClients(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	for _, p := range []string{"/a", "/a/b", "/a/b/c"} {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(p, []byte(p), 0)).Err)
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a/e", nil, zkproto.ModeEphemeral)).Err)

	n := c.ask(zkproto.OpGetAllChildrenNumber, pathBody("/a"))
	require.Equal(t, int32(3), n.body.Int32())
	require.Equal(t, zkproto.ErrNoNode, c.ask(zkproto.OpGetAllChildrenNumber, pathBody("/z")).Err)

	e := c.ask(zkproto.OpGetEphemerals, pathBody("/"))
	require.Equal(t, []string{"/a/e"}, e.body.Strings())
	e = c.ask(zkproto.OpGetEphemerals, pathBody("/b"))
	require.Empty(t, e.body.Strings())

	q := zkproto.MultiRequest{Ops: []zkproto.MultiOp{
		{Type: zkproto.OpGetData, Path: zkproto.PathWatchRequest{Path: "/a/b"}},
		{Type: zkproto.OpGetData, Path: zkproto.PathWatchRequest{Path: "/none"}},
		{Type: zkproto.OpGetChildren, Path: zkproto.PathWatchRequest{Path: "/a/b"}},
	}}
	rep := c.ask(zkproto.OpMultiRead, q.AppendTo(nil))
	var h zkproto.MultiHeader
	h.Decode(&rep.body)
	require.Equal(t, zkproto.MultiHeader{Type: zkproto.OpGetData}, h)
	var data zkproto.GetDataReply
	data.Decode(&rep.body)
	require.Equal(t, "/a/b", string(data.Data))
	h.Decode(&rep.body)
	require.Equal(t, zkproto.MultiHeader{Type: zkproto.OpError, Err: zkproto.ErrNoNode}, h)
	require.Equal(t, int32(zkproto.ErrNoNode), rep.body.Int32())
	h.Decode(&rep.body)
	require.Equal(t, zkproto.MultiHeader{Type: zkproto.OpGetChildren}, h)
	require.Equal(t, []string{"c"}, rep.body.Strings())
	h.Decode(&rep.body)
	require.Equal(t, zkproto.MultiEnd(), h)
	require.NoError(t, rep.body.Err())
	require.Zero(t, rep.body.Remaining())
}

func TestWhoAmI(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	auth := zkproto.AuthRequest{Scheme: "digest", Auth: []byte("ann:secret")}
	require.NoError(t, c.Write(frame(zkproto.XidAuth, zkproto.OpAuth, auth.AppendTo(nil))))
	require.Equal(t, zkproto.ErrOK, c.next().Err)
	rep := c.ask(zkproto.OpWhoAmI, nil)
	got := make([]zkproto.ClientInfo, rep.body.VectorLen(8))
	for i := range got {
		got[i].Decode(&rep.body)
	}
	require.Equal(t, []zkproto.ClientInfo{{Scheme: "ip", User: "127.0.0.1"}, {Scheme: "digest", User: "ann"}}, got)
}

// A client that means another ensemble gets no answer but the end of its connection, so that it tries its next server.
func TestClientOfAnotherEnsembleIsSentOn(t *testing.T) {
	r := start(t, func(c *config.Config) { c.EnsembleAuth, c.EnsembleNames = true, "ours, mine" })
	c := r.raw(zkclient.Handshake{})
	say := func(name string) {
		auth := zkproto.AuthRequest{Scheme: "ensemble", Auth: []byte(name)}
		require.NoError(t, c.Write(frame(zkproto.XidAuth, zkproto.OpAuth, auth.AppendTo(nil))))
	}
	for _, name := range []string{"ours", "mine", ""} {
		say(name)
		rep := c.next()
		require.Equal(t, zkproto.XidAuth, rep.Xid)
		require.Equal(t, zkproto.ErrOK, rep.Err)
	}
	say("theirs")
	require.Error(t, c.ReadBatch(func([]byte) error { t.Error("an answer"); return nil }))
	m := r.stats.metrics.Counters
	require.Equal(t, []int64{1, 2, 1}, []int64{m["ensemble_auth_skip"](), m["ensemble_auth_success"](), m["ensemble_auth_fail"]()})
	require.Zero(t, r.stats.authFailed.Load())
}

func TestUnknownSchemeEndsTheConnection(t *testing.T) {
	c := start(t).raw(zkclient.Handshake{})
	auth := zkproto.AuthRequest{Scheme: "magic", Auth: []byte("x")}
	require.NoError(t, c.Write(frame(zkproto.XidAuth, zkproto.OpAuth, auth.AppendTo(nil))))
	rep := c.next()
	require.Equal(t, zkproto.XidAuth, rep.Xid)
	require.Equal(t, zkproto.ErrAuthFailed, rep.Err)
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }))
}

func TestPersistentWatches(t *testing.T) {
	r := start(t)
	c, other := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, other.ask(zkproto.OpCreate, createBody("/top", nil, 0)).Err)
	add := zkproto.AddWatchRequest{Path: "/top", Mode: zkproto.WatchPersistentRecursive}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAddWatch, add.AppendTo(nil)).Err)
	add.Mode = 5
	require.Equal(t, zkproto.ErrMarshallingError, c.ask(zkproto.OpAddWatch, add.AppendTo(nil)).Err)
	for range 2 {
		require.Equal(t, zkproto.ErrOK, other.ask(zkproto.OpSetData, setBody("/top", nil)).Err)
		var ev zkproto.WatcherEvent
		n := c.next()
		ev.Decode(&n.body)
		require.Equal(t, zkproto.EventNodeDataChanged, ev.Type)
	}
	w := zkproto.WatchesRequest{Path: "/top", Type: zkproto.WatcherPersistentRecursive}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCheckWatches, w.AppendTo(nil)).Err)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpRemoveWatches, w.AppendTo(nil)).Err)
	require.Equal(t, zkproto.ErrNoWatcher, c.ask(zkproto.OpRemoveWatches, w.AppendTo(nil)).Err)
	require.Zero(t, r.Status(false).Watches)
}

// A watcher that may not read the znode is not told of its change (CVE-2024-23944).
func TestWatchOfAnUnreadableZnodeIsSilent(t *testing.T) {
	r := start(t)
	c, owner := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	add := zkproto.AddWatchRequest{Path: "/", Mode: zkproto.WatchPersistentRecursive}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpAddWatch, add.AppendTo(nil)).Err)
	secret := zkproto.CreateRequest{Path: "/secret", ACL: []zkproto.ACL{{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "digest", ID: "a:b"}}}}
	require.Equal(t, zkproto.ErrOK, owner.ask(zkproto.OpCreate, secret.AppendTo(nil, zkproto.OpCreate)).Err)
	require.Equal(t, zkproto.ErrOK, owner.ask(zkproto.OpCreate, createBody("/public", nil, 0)).Err)
	var ev zkproto.WatcherEvent
	n := c.next()
	ev.Decode(&n.body)
	require.Equal(t, "/public", ev.Path)
}

func TestWatchesOfClosedConnectionsAreForgotten(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpGetData, readBody("/", true)).Err)
	require.Equal(t, 1, r.Status(false).Watches)
	require.NoError(t, c.Close())
	await(t, func() bool { return r.Status(false).Watches == 0 })
}

func TestContainersAndTTLZnodesGoByThemselves(t *testing.T) {
	r := start(t, func(c *config.Config) { c.ContainerCheckInterval, c.ExtendedTypes = 10*time.Millisecond, true })
	c := r.raw(zkclient.Handshake{})
	box := zkproto.CreateRequest{Path: "/box", ACL: zkproto.WorldAll(), Mode: zkproto.ModeContainer}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreateContainer, box.AppendTo(nil, zkproto.OpCreateContainer)).Err)
	ttl := zkproto.CreateRequest{Path: "/ttl", ACL: zkproto.WorldAll(), Mode: zkproto.ModePersistentWithTTL, TTL: 20}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreateTTL, ttl.AppendTo(nil, zkproto.OpCreateTTL)).Err)
	gone := func(path string) func() bool {
		return func() bool { return c.ask(zkproto.OpExists, readBody(path, false)).Err == zkproto.ErrNoNode }
	}
	await(t, gone("/ttl"))
	require.False(t, gone("/box")(), "a container that never had a child stays")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/box/x", nil, 0)).Err)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpDelete, (&zkproto.PathVersionRequest{Path: "/box/x", Version: -1}).AppendTo(nil)).Err)
	await(t, gone("/box"))
}

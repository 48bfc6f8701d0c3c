//go:build compat

package compat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Every kind of write, at servers of both makes at the same time, under leaders of both makes: refusals, multis, sequences,
// ephemerals of sessions that end, ACLs that mean the client's own identity, containers and znodes with a time to live. All
// servers must come to the same.
func TestEveryKindOfWriteInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range mixes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "extendedTypesEnabled=true", makes...)
			e.start()
			for i, leads := range e.makesOf() {
				e.lead(leads)
				if i == 0 {
					populate(t, server{addr: e.other(e.leader()).addr()}).Close()
				}
				var all []func()
				for _, m := range e.up() {
					all = append(all, beginChurn(t, server{addr: m.addr()}, int64(i*10+m.id)))
				}
				for _, wait := range all {
					wait()
				}
				for _, m := range e.up() {
					e.identity(m, leads.name)
					e.oddKinds(m, leads.name)
				}
			}
			e.same()
		})
	}
}

// identity uses a client's credentials at one server for what the leader decides.
func (e *ensemble) identity(m *member, name string) {
	t := e.t
	t.Helper()
	path := fmt.Sprintf("/identity-%s-%d", name, m.id)
	owner, stranger := server{addr: m.addr()}.connect(t), server{addr: m.addr()}.connect(t)
	defer owner.Close()
	defer stranger.Close()
	_, err := owner.Create(path, nil, 0, zk.AuthACL(zk.PermAll))
	require.ErrorIs(t, err, zk.ErrInvalidACL, "%s: nobody yet", m)
	require.NoError(t, owner.AddAuth("digest", []byte("ann:secret")))
	_, err = owner.Create(path, nil, 0, zk.AuthACL(zk.PermAll))
	require.NoError(t, err, m)
	acl, _, err := owner.GetACL(path)
	require.NoError(t, err)
	require.Equal(t, zk.DigestACL(zk.PermAll, "ann", "secret"), acl)
	_, err = stranger.Set(path, []byte("x"), -1)
	require.ErrorIs(t, err, zk.ErrNoAuth, m)
	_, err = owner.Set(path, []byte("x"), -1)
	require.NoError(t, err, m)
	require.NoError(t, stranger.AddAuth("digest", []byte("ann:secret")))
	_, err = stranger.Set(path, []byte("y"), 1)
	require.NoError(t, err, m)
	_, err = owner.SetACL(path, []zk.ACL{{Perms: zk.PermAll, Scheme: "ip", ID: "127.0.0.1"}}, 0)
	require.NoError(t, err, m)
	_, err = owner.Set(path, []byte("z"), 2)
	require.NoError(t, err, m)
	_, err = owner.SetACL(path, []zk.ACL{{Perms: zk.PermAll, Scheme: "ip", ID: "10.1.1.1"}}, -1)
	require.NoError(t, err, m)
	// A leader of the original judges by the old ACL until it has applied the new one itself (PrepRequestProcessor,
	// pRequest2TxnSetACL), which may be later than the answer of a follower.
	at := e.session(10*time.Second, e.leader())
	require.NoError(t, at.AddAuth(e.t.Context(), "digest", []byte("super:secret")))
	e.await(func() string { return "the leader has the new ACL" }, func() bool {
		stat, err := at.Exists(e.t.Context(), path, false)
		require.NoError(t, err)
		return stat.Aversion == 2
	})
	at.Leave()
	_, err = owner.Set(path, []byte("z"), 3)
	require.ErrorIs(t, err, zk.ErrNoAuth, m)
}

// oddKinds makes containers, znodes with a time to live and requests that are refused, and reads each answer.
func (e *ensemble) oddKinds(m *member, name string) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	c := e.session(10*time.Second, m)
	defer c.Leave()
	path := fmt.Sprintf("/odd-%s-%d", name, m.id)
	create := func(path string, mode zkproto.CreateMode, ttl int64) (string, error) {
		return c.Create(ctx, path, []byte(path), world, mode, ttl)
	}
	_, err := create(path, zkproto.ModeContainer, 0)
	require.NoError(t, err, m)
	got, err := create(path+"/ttl-", zkproto.ModePersistentSequentialWithTTL, 3_600_000)
	require.NoError(t, err, m)
	require.Equal(t, path+"/ttl-0000000000", got)
	got, err = create(path+"/s-", zkproto.ModePersistentSequential, 0)
	require.NoError(t, err, m)
	require.Equal(t, path+"/s-0000000001", got)
	_, err = create(path, zkproto.ModePersistent, 0)
	require.ErrorIs(t, err, zkproto.ErrNodeExists, m)
	_, err = create(path+"/no/parent", zkproto.ModePersistent, 0)
	require.ErrorIs(t, err, zkproto.ErrNoNode, m)
	_, err = create(path+"/eph", zkproto.ModeEphemeral, 0)
	require.NoError(t, err, m)
	_, err = create(path+"/eph/child", zkproto.ModePersistent, 0)
	require.ErrorIs(t, err, zkproto.ErrNoChildrenForEphemerals, m)
	require.ErrorIs(t, c.Delete(ctx, path, -1), zkproto.ErrNotEmpty, m)
	_, err = c.Set(ctx, path, []byte(strings.Repeat("long", 10_000)), 7)
	require.ErrorIs(t, err, zkproto.ErrBadVersion, m)
	stat, err := c.Set(ctx, path, []byte(strings.Repeat("long", 10_000)), 0)
	require.NoError(t, err, m)
	require.Equal(t, int32(40_000), stat.DataLength)
	_, _, err = c.Reconfig(ctx, "", "9", "", -1)
	require.ErrorIs(t, err, zkproto.ErrReconfigDisabled, m)
	require.NoError(t, c.Close())
}

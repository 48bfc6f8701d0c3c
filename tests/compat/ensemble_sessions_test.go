//go:build compat

package compat

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// events collects what a client hears.
type events struct {
	mu  sync.Mutex
	got []zkclient.Event
}

func (ev *events) add(e zkclient.Event) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	ev.got = append(ev.got, e)
}

func (ev *events) has(typ zkproto.EventType, path string) bool {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	for _, e := range ev.got {
		if e.Type == typ && e.Path == path {
			return true
		}
	}
	return false
}

// listen opens a session whose events are kept.
func (e *ensemble) listen(timeout time.Duration, at ...*member) (*zkclient.Client, *events) {
	e.t.Helper()
	ev := &events{}
	cfg := zkclient.Config{SessionTimeout: timeout, DialTimeout: 3 * time.Second, Reconnect: true, RequestTimeout: 30 * time.Second, OnEvent: ev.add}
	for _, m := range at {
		cfg.Servers = append(cfg.Servers, m.addr())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := zkclient.Connect(ctx, cfg)
	require.NoError(e.t, err)
	e.t.Cleanup(c.Leave)
	return c, ev
}

// Sessions, ephemerals and watches across servers of both makes, with a leader of each.
func TestSessionsInMixedEnsemble(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "tickTime=500", java39, golang, java39)
	e.start()
	for _, leads := range []*serverMake{golang, java39} {
		e.lead(leads)
		var list []*pinged
		for _, from := range e.up() {
			to := e.members[from.id%3] // each server hands over to the next
			e.sessionMoves(leads.name, from, to)
			list = append(list, e.ping(leads.name, from, to))
		}
		e.ends(list...)
		e.sessionOutlivesItsServer(leads.name)
	}
	e.same()
}

func (e *ensemble) exists(c *zkclient.Client, path string) bool {
	e.t.Helper()
	require.NoError(e.t, c.Sync(e.t.Context(), "/"))
	_, err := c.Exists(e.t.Context(), path, false)
	if err != nil {
		require.ErrorIs(e.t, err, zkproto.ErrNoNode)
	}
	return err == nil
}

// A session that was opened at one server goes on at another, with its password, and back; the one it has left writes for it
// no more.
func (e *ensemble) sessionMoves(name string, from, to *member) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	path := "/moves-" + name + from.String()
	c, err := zkclient.Connect(ctx, zkclient.Config{Servers: []string{from.addr()}, SessionTimeout: 8 * time.Second})
	require.NoError(t, err)
	defer c.Leave()
	_, err = c.Create(ctx, path, nil, world, zkproto.ModeEphemeral, 0)
	require.NoError(t, err)
	session := c.Session()
	resume := func(at *member, s zkclient.Session) (*zkclient.Wire, error) {
		return zkclient.Dial(ctx, at.addr(), zkclient.Handshake{Timeout: 8 * time.Second, Resume: &s})
	}

	wrong := session
	wrong.Password = make([]byte, 16)
	_, err = resume(to, wrong)
	require.Error(t, err, "%s takes a session of %s with a wrong password", to, from)

	w, err := resume(to, session)
	require.NoError(t, err, "%s does not take a session of %s", to, from)
	require.Equal(t, session.ID, w.Session.ID)
	require.Equal(t, session.Timeout, w.Session.Timeout)
	_, err = c.Create(ctx, path+"-late", nil, world, zkproto.ModePersistent, 0)
	require.Error(t, err, "%s writes for a session that is at %s now", from, to)
	require.NoError(t, w.Close())
	other := e.session(8*time.Second, to)
	require.True(t, e.exists(other, path))
	require.False(t, e.exists(other, path+"-late"))

	w, err = resume(from, session)
	require.NoError(t, err, "%s does not take its session back", from)
	require.Equal(t, session.Timeout, w.Session.Timeout)
	require.NoError(t, w.Write([]byte{0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5})) // closeSession
	_ = w.ReadBatch(func([]byte) error { return nil })
	_ = w.Close()
	require.False(t, e.exists(other, path), "the session was closed")
	_, err = resume(to, session)
	require.ErrorIs(t, err, zkproto.ErrSessionExpired, "closed at %s, taken by %s", from, to)
	require.NoError(t, other.Close())
}

// pinged is a client with an ephemeral that does nothing but ping its server, and one at another server that watches it.
type pinged struct {
	path    string
	from    *member
	client  *zkclient.Client
	watcher *zkclient.Client
	heard   *events
}

const pingedTimeout = 3 * time.Second

// ping makes an ephemeral at one server that a client of another one hears of.
func (e *ensemble) ping(name string, from, to *member) *pinged {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	p := &pinged{path: "/ends-" + name + from.String(), from: from}
	p.watcher, p.heard = e.listen(20*time.Second, to)
	_, err := p.watcher.Exists(ctx, p.path, true)
	require.ErrorIs(t, err, zkproto.ErrNoNode)
	p.client = e.session(pingedTimeout, from)
	require.Equal(t, pingedTimeout, p.client.Session().Timeout)
	_, err = p.client.Create(ctx, p.path, nil, world, zkproto.ModeEphemeral, 0)
	require.NoError(t, err)
	e.await(func() string { return to.String() + " tells of " + p.path }, func() bool { return p.heard.has(zkproto.EventNodeCreated, p.path) })
	stat, err := p.watcher.Exists(ctx, p.path, true)
	require.NoError(t, err)
	require.Equal(t, p.client.Session().ID, zkproto.SessionID(stat.EphemeralOwner))
	return p
}

// ends wants the ephemerals to be there still when only pings have gone to their servers for a while; and to go when the
// pings end.
func (e *ensemble) ends(list ...*pinged) {
	e.t.Helper()
	quiet := time.Now()
	e.await(func() string { return "time goes by" }, func() bool { return time.Since(quiet) > 2*pingedTimeout+time.Second })
	for _, p := range list {
		require.False(e.t, p.heard.has(zkproto.EventNodeDeleted, p.path), "the session of a client that pings %s has expired", p.from)
		p.client.Leave()
	}
	for _, p := range list {
		e.await(func() string { return p.path + " goes when its client does" }, func() bool { return p.heard.has(zkproto.EventNodeDeleted, p.path) })
		require.NoError(e.t, p.watcher.Close())
	}
}

// ephemeralsEnd is ping and ends for one server.
func (e *ensemble) ephemeralsEnd(name string, from, to *member) {
	e.t.Helper()
	e.ends(e.ping(name, from, to))
}

// A client whose server dies goes on at one of the other make, with its ephemerals and watches.
func (e *ensemble) sessionOutlivesItsServer(name string) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	leader := e.leader()
	for _, first := range e.followers() {
		second := leader
		for _, m := range e.up() {
			if m.make != first.make {
				second = m
			}
		}
		path := "/outlives-" + name + first.String()
		c, heard := e.listen(10*time.Second, first, second)
		_, err := c.Create(ctx, path, nil, world, zkproto.ModeEphemeral, 0)
		require.NoError(t, err)
		_, err = c.Exists(ctx, path+"-watched", true)
		require.ErrorIs(t, err, zkproto.ErrNoNode)
		id := c.Session().ID
		require.Equal(t, first.addr(), c.Server())
		first.kill()
		e.await(func() string { return "the client of " + first.String() + " goes on at " + second.String() }, func() bool {
			stat, err := c.Exists(ctx, path, false)
			return err == nil && zkproto.SessionID(stat.EphemeralOwner) == id
		})
		require.Equal(t, second.addr(), c.Server())
		require.Equal(t, id, c.Session().ID)
		other := e.session(10*time.Second, leader)
		_, err = other.Create(ctx, path+"-watched", nil, world, zkproto.ModePersistent, 0)
		require.NoError(t, err)
		e.await(func() string { return "the watch fires at " + second.String() }, func() bool { return heard.has(zkproto.EventNodeCreated, path+"-watched") })
		require.NoError(t, c.Close())
		require.False(t, e.exists(other, path))
		require.NoError(t, other.Close())
		first.start()
		e.settle()
	}
}

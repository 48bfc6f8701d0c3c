package zkclient_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestWatchesAreRemovedAndToldOf(t *testing.T) {
	srv := zktest.Start(t)
	c, e := connect(t, zkclient.Config{Servers: []string{srv.Addr()}, Chroot: "/zookeeper"})
	ctx := t.Context()
	require.ErrorIs(t, c.RemoveWatches(ctx, "/", zkproto.WatcherAny, false), zkproto.ErrNoWatcher)
	require.NotContains(t, srv.Seen(), zkproto.OpRemoveWatches, "nobody is asked")
	require.NoError(t, c.AddWatch(ctx, "/", zkproto.WatchPersistent))
	require.NoError(t, c.AddWatch(ctx, "/", zkproto.WatchPersistentRecursive))
	_, _, err := c.Get(ctx, "/", true)
	require.NoError(t, err)
	require.ErrorIs(t, c.RemoveWatches(ctx, "/", zkproto.WatcherChildren, false), zkproto.ErrNoWatcher)
	require.NoError(t, c.RemoveWatches(ctx, "/", zkproto.WatcherPersistent, false))
	require.Equal(t, zkclient.Event{Type: zkproto.EventPersistentWatchRemoved, State: zkproto.StateSyncConnected, Path: "/", Zxid: -1}, e.next(t))
	require.NoError(t, c.RemoveWatches(ctx, "/", zkproto.WatcherAny, false))
	require.Equal(t, zkproto.EventDataWatchRemoved, e.next(t).Type)
	require.Equal(t, zkproto.EventPersistentWatchRemoved, e.next(t).Type)
	require.ErrorIs(t, c.RemoveWatches(ctx, "/", zkproto.WatcherAny, false), zkproto.ErrNoWatcher)

	require.NoError(t, c.AddWatch(ctx, "/", zkproto.WatchPersistent))
	srv.Refuse(true)
	require.ErrorIs(t, c.RemoveWatches(ctx, "/", zkproto.WatcherAny, false), zkproto.ErrNoWatcher)
	require.NoError(t, c.RemoveWatches(ctx, "/", zkproto.WatcherAny, true), "here at least")
	require.Equal(t, zkproto.EventPersistentWatchRemoved, e.next(t).Type)
}

func TestConfigurationKnowsNoChroot(t *testing.T) {
	srv := zktest.Start(t)
	srv.SetConfig("version=0")
	c, _ := connect(t, zkclient.Config{Servers: []string{srv.Addr()}, Chroot: "/elsewhere"})
	text, _, err := c.EnsembleConfig(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, "version=0", string(text))
}

func TestLeftSessionKeepsItsEphemerals(t *testing.T) {
	srv := zktest.Start(t)
	c, _ := connect(t, zkclient.Config{Servers: []string{srv.Addr()}})
	_, err := c.Create(t.Context(), "/e", nil, zkproto.WorldAll(), zkproto.ModeEphemeral, 0)
	require.NoError(t, err)
	paths, err := c.Ephemerals(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, []string{"/e"}, paths)
	c.Leave()
	c.Leave()
	require.ErrorIs(t, c.Err(), zkclient.ErrClosed)
	require.NotContains(t, srv.Seen(), zkproto.OpCloseSession)
	other, _ := connect(t, zkclient.Config{Servers: []string{srv.Addr()}})
	_, err = other.Exists(t.Context(), "/e", false)
	require.NoError(t, err)
	n, err := other.AllChildrenNumber(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

func TestReplyAboveMaxBufferEndsTheConnection(t *testing.T) {
	srv := zktest.Start(t)
	c, _ := connect(t, zkclient.Config{Servers: []string{srv.Addr()}, MaxFrame: 1000})
	_, err := c.Create(t.Context(), "/big", []byte(strings.Repeat("x", 2000)), zkproto.WorldAll(), zkproto.ModePersistent, 0)
	require.NoError(t, err)
	_, _, err = c.Get(t.Context(), "/big", false)
	require.ErrorIs(t, err, zkproto.ErrConnectionLoss)
	require.ErrorContains(t, err, "allowed are 1000 (jute.maxbuffer)")
}

func TestWatchesStayBehindWithoutReset(t *testing.T) {
	srv := zktest.Start(t)
	c, e := connect(t, zkclient.Config{Servers: []string{srv.Addr()}, Reconnect: true, NoWatchReset: true})
	_, err := c.Exists(t.Context(), "/", true)
	require.NoError(t, err)
	srv.Drop()
	e.until(t, zkproto.StateDisconnected)
	e.until(t, zkproto.StateSyncConnected)
	_, err = c.Exists(t.Context(), "/", false)
	require.NoError(t, err)
	require.Empty(t, srv.Restored())
}

func TestRequestTimeout(t *testing.T) {
	srv := zktest.Start(t)
	c, _ := connect(t, zkclient.Config{Servers: []string{srv.Addr()}, RequestTimeout: 20 * time.Millisecond})
	srv.Silence(true)
	_, err := c.Exists(t.Context(), "/", false)
	require.ErrorIs(t, err, zkproto.ErrRequestTimeout)
	srv.Silence(false)
}

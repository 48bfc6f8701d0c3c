package zkclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkclient/zktest"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A client that is at a server without a quorum goes over to one that has it, though the first still answers; the session
// that the first gave is nobody else's, so there it has a new one.
func TestReadOnlyClientFindsAServerThatCanWrite(t *testing.T) {
	alone, other := zktest.Start(t), zktest.Start(t)
	alone.ReadOnly(true)
	other.ReadOnly(true)
	heard := make(events, 1000)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{
		Servers: []string{alone.Addr(), other.Addr()}, ReadOnly: true, Reconnect: true,
		OnEvent: func(e zkclient.Event) { heard <- e },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	heard.until(t, zkproto.StateConnectedReadOnly)
	require.Equal(t, alone.Addr(), c.Server())
	other.ReadOnly(false)
	heard.until(t, zkproto.StateDisconnected)
	heard.until(t, zkproto.StateSyncConnected)
	require.Equal(t, other.Addr(), c.Server())
	require.Equal(t, zkproto.StateSyncConnected, c.State())
	_, err = c.Set(t.Context(), "/", []byte("x"), -1)
	require.NoError(t, err)
}

// A session that a quorum knows is kept, even if a server without one has taken it meanwhile.
func TestSessionOfAQuorumIsKept(t *testing.T) {
	s := zktest.Start(t)
	heard := make(events, 1000)
	c, err := zkclient.Connect(t.Context(), zkclient.Config{
		Servers: []string{s.Addr()}, ReadOnly: true, Reconnect: true, OnEvent: func(e zkclient.Event) { heard <- e },
	})
	require.NoError(t, err)
	heard.until(t, zkproto.StateSyncConnected)
	id := c.Session().ID
	s.ReadOnly(true)
	s.Drop()
	heard.until(t, zkproto.StateConnectedReadOnly)
	require.Equal(t, id, c.Session().ID)
	s.ReadOnly(false)
	s.Drop()
	heard.until(t, zkproto.StateSyncConnected)
	require.Equal(t, id, c.Session().ID)
	require.NoError(t, c.Close())
}

// Who looks for a server that can write stops when it is closed.
func TestSearchEndsWithTheClient(t *testing.T) {
	s, deaf := zktest.Start(t), zktest.Start(t)
	s.ReadOnly(true)
	deaf.Stop()
	c, err := zkclient.Connect(t.Context(), zkclient.Config{
		Servers: []string{s.Addr(), deaf.Addr()}, ReadOnly: true, Reconnect: true, SessionTimeout: time.Minute,
	})
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

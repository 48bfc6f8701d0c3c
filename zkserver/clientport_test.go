package zkserver

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// movePort changes a member's client address by a reconfiguration.
func (e *ensemble) movePort(c *zk.Conn, m *member, host string, port int) {
	e.t.Helper()
	m.server.ClientHost, m.server.ClientPort = host, port
	_, err := c.IncrementalReconfig([]string{fmt.Sprintf("server.%d=%s", m.id, &m.server)}, nil, -1)
	require.NoError(e.t, err)
}

// listens tells whether a member listens at an address.
func (m *member) listens(address string) func() bool {
	return func() bool { return m.Addr().String() == address }
}

func TestReconfigurationMovesTheClientPort(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.ReconfigEnabled, c.SkipACL = true, true })
	e.withZooCfg()
	e.startAll()
	m := e.followers()[0]
	stays := e.connect(m)
	_, err := stays.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	admin := e.connect(e.leader())
	old, before := m.addr(), m.Addr().String()
	require.Equal(t, old, before)

	// Another port.
	ports := freePorts(t, 2)
	e.movePort(admin, m, "127.0.0.1", ports[0])
	e.await("the port has moved", m.listens(fmt.Sprintf("127.0.0.1:%d", ports[0])))
	e.await("the old one is closed", func() bool {
		nc, err := net.Dial("tcp", old)
		if err == nil {
			_ = nc.Close()
		}
		return err != nil
	})
	_, err = stays.Set("/e", []byte("by the old connection"), -1)
	require.NoError(t, err)
	require.Equal(t, zk.StateHasSession, stays.State())
	fresh := e.connect(m)
	data, _, err := fresh.Get("/e")
	require.NoError(t, err)
	require.Equal(t, "by the old connection", string(data))
	require.Equal(t, m.addr(), m.ensembleStatus().ClientAddr)
	require.Contains(t, m.ask("conf"), fmt.Sprintf("clientPort=%d\n", ports[0]))

	// The same port on another address: the old listener is in the way of the new one.
	e.movePort(admin, m, "0.0.0.0", ports[0])
	e.await("all addresses", func() bool {
		host, _, err := net.SplitHostPort(m.Addr().String())
		return err == nil && net.ParseIP(host).IsUnspecified()
	})
	fresh = e.connect(m)

	// A port that somebody else has yet: the old one stays open until it is free.
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports[1]))
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	e.movePort(admin, m, "127.0.0.1", ports[1])
	e.await("it is told", func() bool {
		return m.logs.FilterMessageSnippet("cannot be moved").Len() > 0
	})
	nc, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0]), 10*time.Second)
	require.NoError(t, err)
	require.NoError(t, nc.Close())
	require.NoError(t, taken.Close())
	e.await("the port has moved at last", m.listens(fmt.Sprintf("127.0.0.1:%d", ports[1])))
	_, err = fresh.Set("/e", []byte("x"), -1)
	require.NoError(t, err)

	// It is where the configuration has it after a restart as well, and a change of others moves nothing.
	const moves = 3
	e.await("each move is told", func() bool { return m.logs.FilterMessageSnippet("has moved").Len() == moves })
	other := e.followers()[1]
	e.movePort(admin, other, "127.0.0.1", freePorts(t, 1)[0])
	e.await("the other has moved", other.listens(other.addr()))
	require.Equal(t, moves, m.logs.FilterMessageSnippet("has moved").Len())
	version, change := m.members.Load().Version, e.change
	m.stop()
	e.change = func(c *config.Config) { // it goes by the last membership, as from its files, and not by older ones that it may hear of
		change(c)
		if c.MyID == m.id {
			c.Version = version
		}
	}
	m.start()
	e.startAll()
	require.Equal(t, m.addr(), m.Addr().String())
	require.Zero(t, m.logs.FilterMessageSnippet("has moved").Len())
}

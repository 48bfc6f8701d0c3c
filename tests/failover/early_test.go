package failover

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	holdfast "github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
)

// sessions counts the connections through the proxy, by their first request: protocol version 0 and zxid 0 are no request's xid.
func (p *proxy) sessions() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.frames {
		if len(f) >= 44 && strings.HasPrefix(string(f), "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00") {
			n++
		}
	}
	return n
}

// The session that looked for the parent znode goes on in the election.
func TestStartNeedsOneSession(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	seen := record(t, addr)
	p := configure(t, seen.addr, serve(t, nn), free(t))
	code, out := p.zkfc(t.Context(), "", "-formatZK")
	require.Zero(t, code, out)
	before := seen.sessions()
	require.Equal(t, 1, before)
	d := p.daemon(t, "nn1")
	awaitEvent(t, d.events, holdfast.EventPromoteDone)
	require.Equal(t, 1, seen.sessions()-before)
	require.Zero(t, d.stop(nil), d.out)
}

// asked is a NameNode that tells when it was asked for its state.
type asked struct {
	namenode
	status chan struct{}
}

func (a *asked) Status(ctx context.Context) (target.Status, error) {
	select {
	case a.status <- struct{}{}:
	default:
	}
	return a.namenode.Status(ctx)
}

// The connection to the NameNode does not wait for ZooKeeper.
func TestServiceIsMetWhileZooKeeperIsAsked(t *testing.T) {
	nn := &asked{namenode: namenode{state: target.Standby}, status: make(chan struct{}, 1)}
	p := configure(t, "127.0.0.1:1", serve(t, nn), free(t))
	d := p.daemon(t, "nn1")
	select {
	case <-nn.status:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "nobody asked the service")
	}
	require.Zero(t, d.stop(nil), d.out)
}

func TestEarlySessionIsHandedOverOnce(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	zoo := elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: time.Minute}
	file := filepath.Join(t.TempDir(), "session")
	e, err := zoo.NewEarly(t.Context(), file)
	require.NoError(t, err)
	ok, err := e.Exists(t.Context(), "/zookeeper")
	require.NoError(t, err)
	require.True(t, ok)

	none, err := zoo.NewEarly(t.Context(), file)
	require.NoError(t, err)
	require.Nil(t, none, "a session that may hold the lock is resumed by the election only")

	open := func() (elector.Client, int64) {
		up := make(chan int64, 10)
		c, err := e.Connect(func(ev elector.Event) {
			if ev, ok := ev.(elector.Connected); ok {
				up <- ev.Session
			}
		})
		require.NoError(t, err)
		return c, <-up
	}
	c, id := open()
	e.Close()
	require.NoError(t, c.Create("/lock", nil, true), "it is the election's now")
	c.Close()
	require.NoFileExists(t, file)
	c, other := open()
	require.NotEqual(t, id, other)
	c.Close()
}

func TestEarlySessionThatNobodyNeedsIsClosed(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	zoo := elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: time.Minute}
	file := filepath.Join(t.TempDir(), "session")
	e, err := zoo.NewEarly(t.Context(), file)
	require.NoError(t, err)
	require.FileExists(t, file)
	e.Close()
	e.Close()
	require.NoFileExists(t, file)
	c, err := e.Connect(func(elector.Event) {})
	require.NoError(t, err, "another one")
	require.NoError(t, c.Create("/x", nil, true))
	c.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	zoo.Servers = []string{"127.0.0.1:1"}
	_, err = zoo.NewEarly(ctx, file)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = os.Stat(file)
	require.ErrorIs(t, err, os.ErrNotExist)
}

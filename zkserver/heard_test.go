package zkserver

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// A server that only others have seen proposed can be joined: its address is known from then on, and those of the members stay
// what they are.
func TestServersOfAHeardConfigurationAreFound(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	s := e.leader().Server
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	heard, err := quorum.ParseMembership(fmt.Appendf(nil,
		"server.1=127.0.0.1:1:2:participant;127.0.0.1:1\nserver.9=127.0.0.1:%d:2:participant;127.0.0.1:1\nversion=500000001",
		l.Addr().(*net.TCPAddr).Port))
	require.NoError(t, err)
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(15*time.Second)))
	s.onCore(func() {
		err = s.beforeSending(&zab.Ready{HeardConfig: heard, Status: s.core.replica.Node().Status()})
		s.peers.Send([]zab.Message{{Type: zab.FollowerInfo, From: s.cfg.MyID, To: 9, Link: 1000}})
	})
	require.NoError(t, err)
	nc, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, nc.Close())

	gone := e.followers()[0]
	gone.kill()
	gone.start()
	e.await("the members find each other as before", gone.serves)
	e.same()
}

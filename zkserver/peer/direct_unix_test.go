//go:build unix

package peer

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Short packets go out without the writer until the socket is full; then the writer sends what is left, and nothing is lost
// or out of order.
func TestPacketsSentDirectlyKeepTheirOrder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	require.NoError(t, err)
	a, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // loopback
	require.NoError(t, err)
	b, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	defer func() { require.NoError(t, b.Close()) }()

	p := &Peers{cfg: Config{MaxQueue: 1 << 30, InitTimeout: 10 * time.Second, LingerTime: time.Minute}, ctx: context.Background()}
	from := newLink(p, zab.Link{Peer: 2, Link: 1})
	from.nc = a
	data := make([]byte, 1500)
	next := zab.Zxid(0)
	push := func() {
		next++
		from.push(&zab.Message{Type: zab.Proposal, Zxid: next, Data: data})
	}
	push()
	require.False(t, from.direct(), "the connection is not ready for packets")
	from.out = sock.New(a)
	require.True(t, from.direct())
	push()
	from.queue = append(from.queue, zab.Message{Type: zab.Replay})
	require.False(t, from.direct(), "what is no packet is the writer's work")
	from.queue = from.queue[:1]
	for ok := true; ok; ok = from.direct() {
		require.Less(t, next, zab.Zxid(100_000), "the socket is never full")
		push()
	}
	full := next
	push()
	require.False(t, from.direct(), "what is left must go first")
	written := make(chan struct{})
	go func() { from.write(); close(written) }()
	from.wake()
	for range 1000 {
		push()
		from.wake()
	}
	r := newReader(b, 1<<20)
	for want := zab.Zxid(1); want <= next; want++ {
		m, err := r.one()
		require.NoError(t, err)
		require.Equal(t, want, m.Zxid)
		require.Len(t, m.Data, len(data))
	}
	require.Greater(t, next, full)
	from.drop()
	<-written
	_, err = r.one()
	require.ErrorIs(t, err, io.EOF, "the other end is told that nothing more comes")
	from.end(nil) // as the reader would
	from.mu.Lock()
	defer from.mu.Unlock()
	require.Zero(t, from.queued)
	require.EqualValues(t, next, from.sent.Load())
	require.ErrorIs(t, from.reason, errDropped)
}

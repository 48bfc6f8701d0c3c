package zkserver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// raw is a client that sends exactly the frames a test wants.
type raw struct {
	*zkclient.Wire
	t       *testing.T
	pending [][]byte // received, not yet asked for
	xid     int32
}

func (r *running) raw(h zkclient.Handshake) *raw {
	r.t.Helper()
	if h.Timeout == 0 {
		h.Timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w, err := zkclient.Dial(ctx, r.Addr().String(), h)
	require.NoError(r.t, err)
	require.NoError(r.t, w.SetReadDeadline(time.Now().Add(20*time.Second)))
	r.t.Cleanup(func() { _ = w.Close() })
	return &raw{Wire: w, t: r.t}
}

// frame is a request with its length.
func frame(xid int32, op zkproto.OpCode, body []byte) []byte {
	b := append(zkproto.RequestHeader{Xid: xid, Op: op}.AppendTo(make([]byte, 4)), body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// reply is one received packet.
type reply struct {
	zkproto.ReplyHeader
	body jute.Decoder
}

func (c *raw) next() reply {
	c.t.Helper()
	for len(c.pending) == 0 {
		require.NoError(c.t, c.ReadBatch(func(f []byte) error {
			c.pending = append(c.pending, append([]byte(nil), f...))
			return nil
		}))
	}
	d := jute.NewDecoder(c.pending[0])
	c.pending = c.pending[1:]
	var r reply
	r.Decode(&d)
	require.NoError(c.t, d.Err())
	r.body = d
	return r
}

// ask sends one request and returns its reply.
func (c *raw) ask(op zkproto.OpCode, body []byte) reply {
	c.t.Helper()
	c.xid++
	require.NoError(c.t, c.Write(frame(c.xid, op, body)))
	r := c.next()
	require.Equal(c.t, c.xid, r.Xid)
	return r
}

func createBody(path string, data []byte, mode zkproto.CreateMode) []byte {
	q := zkproto.CreateRequest{Path: path, Data: data, ACL: zkproto.WorldAll(), Mode: mode}
	return q.AppendTo(nil, zkproto.OpCreate)
}

func setBody(path string, data []byte) []byte {
	q := zkproto.SetDataRequest{Path: path, Data: data, Version: -1}
	return q.AppendTo(nil)
}

func readBody(path string, watch bool) []byte {
	q := zkproto.PathWatchRequest{Path: path, Watch: watch}
	return q.AppendTo(nil)
}

// dial is a bare connection.
func (r *running) dial() net.Conn {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.Addr().String())
	require.NoError(r.t, err)
	require.NoError(r.t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	r.t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// closedByServer reads until the server closes, and returns what came before.
func closedByServer(t *testing.T, nc net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(nc)
	if err != nil {
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the server kept the connection open")
		var ne net.Error
		if asNetError(err, &ne) {
			require.False(t, ne.Timeout(), "the server kept the connection open")
		}
	}
	return b
}

// loggedWithin waits until a message with the given error text is logged.
func (r *running) awaitLog(part string) {
	r.t.Helper()
	await(r.t, func() bool {
		for _, e := range r.logs.All() {
			if containsText(e, part) {
				return true
			}
		}
		return false
	}, "no log line has %q", part)
}

// await asks again and again until the condition holds.
func await(t *testing.T, condition func() bool, message ...any) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for begin := time.Now(); !condition(); <-ticker.C {
		if time.Since(begin) > 20*time.Second {
			require.FailNow(t, "it did not come to that", message...)
		}
	}
}

package zkclient

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// canned is a connection to a server that sends some bytes, in small pieces, and closes.
type canned struct {
	net.Conn
	bytes.Reader
	piece int
}

func (c *canned) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.piece)]) }

func (*canned) Write(p []byte) (int, error)     { return len(p), nil }
func (*canned) Close() error                    { return nil }
func (*canned) SetDeadline(time.Time) error     { return nil }
func (*canned) SetReadDeadline(time.Time) error { return nil }
func (*canned) RemoteAddr() net.Addr            { return &net.TCPAddr{} }

// Whatever answers at a server's port: the client neither panics nor believes in lengths, and each request is answered once at most.
func FuzzServersBytes(f *testing.F) {
	frame := func(b []byte) []byte { return append(jute.AppendInt32(nil, int32(len(b))), b...) }
	hello := frame((&zkproto.ConnectResponse{TimeoutMillis: 3000, SessionID: 7, Password: make([]byte, 16)}).AppendTo(nil))
	reply := func(h zkproto.ReplyHeader, body []byte) []byte { return frame(append(h.AppendTo(nil), body...)) }
	f.Add([]byte{}, uint8(1))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint8(100))
	f.Add(append(bytes.Clone(hello), 0x7f, 0xff, 0xff, 0xff), uint8(3))
	f.Add(append(bytes.Clone(hello), reply(zkproto.ReplyHeader{Xid: 1, Zxid: 2}, []byte{0, 0, 0, 1, 'x'})...), uint8(9))
	f.Add(append(bytes.Clone(hello), reply(zkproto.ReplyHeader{Xid: 2, Zxid: 2}, nil)...), uint8(50))
	event := zkproto.WatcherEvent{Type: zkproto.EventNodeCreated, State: zkproto.StateSyncConnected, Path: "/root/a"}
	f.Add(append(bytes.Clone(hello), reply(zkproto.ReplyHeader{Xid: zkproto.XidNotification, Zxid: -1}, event.AppendTo(nil))...), uint8(20))
	f.Add(append(bytes.Clone(hello), reply(zkproto.ReplyHeader{Xid: zkproto.XidAuth, Err: zkproto.ErrAuthFailed}, nil)...), uint8(20))
	f.Fuzz(func(t *testing.T, sent []byte, piece uint8) {
		nc := &canned{Reader: *bytes.NewReader(sent), piece: max(1, int(piece))}
		w, err := handshake(t.Context(), nc, Handshake{})
		if err != nil {
			return
		}
		require.Positive(t, w.Session.Timeout)
		answered := [4]int{}
		c := &Client{cfg: Config{Chroot: "/root", OnEvent: func(Event) {}}, watches: newWatches()}
		for xid := range int32(3) {
			done := func(r Reply) {
				answered[xid]++
				d := jute.NewDecoder(r.Body)
				zkproto.DecodeACLs(&d)
			}
			c.queue = append(c.queue, pending{xid: xid + 1, watch: watchKind(1), path: "/root/a", done: done})
		}
		c.auth = append(c.auth, authPending{done: func(Reply) { answered[3]++ }})
		require.Error(t, c.read(w))
		for _, n := range answered {
			require.LessOrEqual(t, n, 1)
		}
		require.LessOrEqual(t, len(w.buf), 2*(len(sent)+64<<10), "memory by what came, not by what was claimed")
	})
}

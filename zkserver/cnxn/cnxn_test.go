package cnxn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that answers each packet with itself.
type echo struct{ closed chan error }

type echoClient struct {
	*Conn
	s *echo
}

func (s *echo) Accept(c *Conn) Client { return &echoClient{Conn: c, s: s} }

func (s *echo) Argument(word string) int {
	if word == "stmk" {
		return 8
	}
	return 0
}

func (s *echo) Command(word string, arg []byte, _ *Conn) (string, bool) {
	return "imok" + string(arg), word == "ruok" || word == "stmk"
}

func (c *echoClient) Connect(*zkproto.ConnectRequest) error { return nil }

func (c *echoClient) Requests(frames [][]byte) error {
	c.Lock()
	var err error
	for _, f := range frames {
		at := c.BeginFrame(zkproto.ReplyHeader{Xid: int32(len(f))})
		c.Out = append(c.Out, f...)
		c.EndFrame(at)
		switch string(f) {
		case "bye":
			c.CloseWhenSent()
			err = ErrStop
		case "after you":
			c.CloseAfterClient()
		}
	}
	c.Unlock()
	c.Flush()
	return err
}

func (c *echoClient) Closed(reason error) { c.s.closed <- reason }

func serve(t *testing.T, l net.Listener, opts Options) (*Port, *echo) {
	t.Helper()
	s := &echo{closed: make(chan error, 16)}
	opts.MaxBuffer = 1 << 20
	p := New(l, s, opts)
	p.Serve()
	t.Cleanup(p.Close)
	return p, s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func handshake(t *testing.T, nc net.Conn) {
	t.Helper()
	require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	req := zkproto.ConnectRequest{Password: make([]byte, 16)}
	_, err := nc.Write(framed(req.AppendTo(nil)))
	require.NoError(t, err)
}

func receive(t *testing.T, nc net.Conn, size int) []byte {
	t.Helper()
	b := make([]byte, 4+zkproto.ReplyHeaderSize+size)
	_, err := io.ReadFull(nc, b)
	require.NoError(t, err)
	require.Equal(t, uint32(len(b)-4), binary.BigEndian.Uint32(b))
	return b[4+zkproto.ReplyHeaderSize:]
}

func TestFramesOfEverySizeComeThrough(t *testing.T) {
	p, s := serve(t, listen(t), Options{})
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	handshake(t, nc)
	sizes := []int{0, 1, 100, firstBuffer - 4, firstBuffer, firstBuffer + 1, bulkBuffer - 4, bulkBuffer, bulkBuffer + 1, 1 << 20, 3, 1 << 20}
	var all []byte
	for i, n := range sizes {
		all = append(all, framed(bytes.Repeat([]byte{byte(i)}, n))...)
	}
	sent := make(chan error, 1)
	go func() { _, err := nc.Write(all); sent <- err }()
	for i, n := range sizes {
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, n), receive(t, nc, n), "size %d", n)
	}
	require.NoError(t, <-sent)
	require.NoError(t, nc.Close())
	require.ErrorIs(t, <-s.closed, io.EOF)
}

func TestLastAnswerArrivesBeforeTheEnd(t *testing.T) {
	p, s := serve(t, listen(t), Options{})
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	handshake(t, nc)
	_, err = nc.Write(append(framed([]byte("bye")), framed(make([]byte, 1<<19))...))
	require.NoError(t, err)
	require.Equal(t, "bye", string(receive(t, nc, 3)))
	require.NoError(t, nc.Close())
	<-s.closed
}

func TestClientClosesFirst(t *testing.T) {
	// To this port the linger time is over in an hour: it would not be waited for in vain.
	p, s := serve(t, listen(t), Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	handshake(t, nc)
	_, err = nc.Write(framed([]byte("after you")))
	require.NoError(t, err)
	require.Equal(t, "after you", string(receive(t, nc, 9)))
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(lingerTime/20)))
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the server does not close")
	require.NoError(t, nc.Close())
	require.ErrorIs(t, <-s.closed, io.EOF, "and does not wait when the client does")

	p, s = serve(t, listen(t), Options{})
	nc, err = net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	handshake(t, nc)
	_, err = nc.Write(framed([]byte("after you")))
	require.NoError(t, err)
	receive(t, nc, 9)
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "it does not wait for ever")
	<-s.closed
}

func TestWordIsAnsweredOnlyAtTheStart(t *testing.T) {
	p, _ := serve(t, listen(t), Options{})
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("ruok"))
	require.NoError(t, err)
	answer, err := io.ReadAll(nc)
	require.NoError(t, err)
	require.Equal(t, "imok", string(answer))
}

func TestCloseEndsEverything(t *testing.T) {
	p, s := serve(t, listen(t), Options{})
	nc, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer nc.Close()
	handshake(t, nc)
	_, err = nc.Write(framed([]byte("hello")))
	require.NoError(t, err)
	receive(t, nc, 5)
	require.Equal(t, 1, p.Count())
	p.Close()
	require.ErrorIs(t, <-s.closed, net.ErrClosed)
	_, err = nc.Read(make([]byte, 1))
	require.Error(t, err)
	require.Zero(t, p.Count())
}

// pipes is a listener without sockets: writes without blocking are not possible there.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestConnectionsThatAreNoSockets(t *testing.T) {
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	_, s := serve(t, l, Options{})
	client, server := net.Pipe()
	l.conns <- server
	handshake(t, client)
	for range 10 {
		_, err := client.Write(framed([]byte("hello")))
		require.NoError(t, err)
		require.Equal(t, "hello", string(receive(t, client, 5)))
	}
	require.NoError(t, client.Close())
	<-s.closed
}

func TestTotalLimit(t *testing.T) {
	p, _ := serve(t, listen(t), Options{Limits: Limits{MaxTotal: 1}})
	one, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer one.Close()
	handshake(t, one)
	_, err = one.Write(framed(nil))
	require.NoError(t, err)
	receive(t, one, 0)
	two, err := net.Dial("tcp", p.Addr().String())
	require.NoError(t, err)
	defer two.Close()
	_, err = io.ReadAll(two)
	if err != nil {
		var ne net.Error
		require.False(t, errors.As(err, &ne) && ne.Timeout())
	}
	require.Equal(t, int64(1), p.Rejected())
}

// However the bytes of a stream are cut, the same frames come out.
func FuzzCut(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 'x', 0, 0, 0, 0, 0, 0, 0, 2, 'y', 'z'}, uint8(3))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint8(1))
	f.Add([]byte{0, 0, 0, 9, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		port := New(nil, nil, Options{Limits: Limits{MaxBuffer: 100}, LargeFrom: -1})
		c := &Conn{port: port, client: &echoClient{}}
		whole, _, _, wholeErr := c.cut(stream, 0, nil)
		c = &Conn{port: port, client: &echoClient{}}
		var pieces [][]byte
		start := 0
		var err error
		for end := 0; err == nil && end < len(stream); {
			end = min(len(stream), end+1+int(step))
			var need int
			var got [][]byte
			got, start, need, err = c.cut(stream[:end], start, nil)
			pieces = append(pieces, got...)
			require.LessOrEqual(t, need, 104)
			require.LessOrEqual(t, start, end)
		}
		require.True(t, slices.EqualFunc(whole, pieces, bytes.Equal))
		require.Equal(t, wholeErr == nil, err == nil)
	})
}

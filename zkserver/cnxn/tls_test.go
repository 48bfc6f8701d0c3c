package cnxn

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
)

// secure is a port's TLS and a client's.
func secure(t *testing.T) (*TLS, *tls.Config) {
	t.Helper()
	ca, dir := tlstest.NewCA(t, "authority"), t.TempDir()
	src, err := tlsconf.Load(tlsconf.Settings{
		KeyStore:   tlsconf.Store{Path: ca.Issue(t, tlstest.Want{}).PEM(t, dir)},
		TrustStore: tlsconf.Store{Path: ca.PEM(t, dir)}, VerifyServer: true,
	})
	require.NoError(t, err)
	return &TLS{Config: src.Server()}, src.Client("127.0.0.1")
}

// A port for both hands on what it has read to find out, however it comes in pieces.
func TestPlainBesideTLS(t *testing.T) {
	both, client := secure(t)
	both.Plain = true
	l := listen(t)
	_, s := serve(t, l, Options{TLS: both})
	request := framed(make([]byte, 44))
	for _, settings := range []*tls.Config{nil, client} {
		for _, cut := range []int{1, 3, 4, 30, len(request)} {
			var nc net.Conn
			var err error
			if settings == nil {
				nc, err = net.Dial("tcp", l.Addr().String())
			} else {
				nc, err = tls.Dial("tcp", l.Addr().String(), settings)
			}
			require.NoError(t, err)
			_, err = nc.Write(request[:cut])
			require.NoError(t, err)
			_, err = nc.Write(append(request[cut:], framed([]byte("bye"))...))
			require.NoError(t, err)
			answer, err := io.ReadAll(nc) // the answer, and then the end
			require.NoError(t, err)
			require.Equal(t, "bye", string(answer[len(answer)-3:]))
			require.NoError(t, nc.Close())
			<-s.closed
		}
	}
}

// secureConn is a connection over TLS that has a client, both of its ends.
func secureConn(t *testing.T, p *Port, l net.Listener, client *tls.Config) (*Conn, net.Conn) {
	t.Helper()
	nc, err := tls.Dial("tcp", l.Addr().String(), client)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	_, err = nc.Write(framed(make([]byte, 44)))
	require.NoError(t, err)
	for {
		for _, c := range p.Conns() {
			if c.Client() != nil {
				require.True(t, c.Secure())
				return c, nc
			}
		}
	}
}

// What the socket does not take at once comes later, whole and in order, and nobody waits for it.
func TestSlowClientOverTLSGetsAll(t *testing.T) {
	for _, size := range []int{30_000, 1_000_000} { // what is encrypted at once, and what is not
		settings, client := secure(t)
		l := listen(t)
		p, _ := serve(t, l, Options{TLS: settings})
		c, nc := secureConn(t, p, l, client)
		var want []byte
		for n := range 20_000_000 / size { // more than the sockets hold
			piece := make([]byte, size)
			for k := range piece {
				piece[k] = byte(n + k*k>>5)
			}
			want = append(want, piece...)
			c.Lock()
			c.Out = append(c.Out, piece...)
			c.Unlock()
			c.Flush() // the client reads nothing: whoever waited here would wait for ever
		}
		got := make([]byte, len(want))
		_, err := io.ReadFull(nc, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	}
}

// What is written while something is kept goes behind it.
func TestWireKeepsTheOrder(t *testing.T) {
	l := listen(t)
	other, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer other.Close()
	nc, err := l.Accept()
	require.NoError(t, err)
	defer nc.Close()
	w := &wire{Conn: sock.New(nc), shaken: true, kept: []byte("first, ")}
	for _, s := range []string{"second, ", "third"} {
		n, err := w.Write([]byte(s))
		require.NoError(t, err)
		require.Equal(t, len(s), n)
	}
	require.True(t, w.behind())
	require.NoError(t, w.flush())
	require.False(t, w.behind())
	got := make([]byte, len("first, second, third"))
	_, err = io.ReadFull(other, got)
	require.NoError(t, err)
	require.Equal(t, "first, second, third", string(got))
}

// Who closes a connection does not wait for a client that reads nothing.
func TestClosingDoesNotWaitForTheClient(t *testing.T) {
	settings, client := secure(t)
	l := listen(t)
	p, s := serve(t, l, Options{TLS: settings})
	c, _ := secureConn(t, p, l, client)
	c.Lock()
	c.Out = append(c.Out, make([]byte, 16<<20)...) // more than the sockets hold
	c.Unlock()
	c.Flush()
	c.Close(io.ErrClosedPipe)
	require.ErrorIs(t, <-s.closed, io.ErrClosedPipe)
}

func TestBusyServerBeginsNoHandshake(t *testing.T) {
	settings, client := secure(t)
	settings.Busy = func() bool { return true }
	l := listen(t)
	p, _ := serve(t, l, Options{TLS: settings})
	_, err := tls.Dial("tcp", l.Addr().String(), client)
	require.Error(t, err)
	_, _, failed, dropped := p.Handshakes()
	require.Zero(t, failed)
	require.Equal(t, int64(1), dropped)
}

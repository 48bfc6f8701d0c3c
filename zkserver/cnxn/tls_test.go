package cnxn

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

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

// Who closes a connection does not wait for a client that reads nothing.
func TestClosingDoesNotWaitForTheClient(t *testing.T) {
	settings, client := secure(t)
	l := listen(t)
	p, s := serve(t, l, Options{TLS: settings})
	nc, err := tls.Dial("tcp", l.Addr().String(), client)
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write(framed(make([]byte, 44)))
	require.NoError(t, err)
	var c *Conn
	for c == nil {
		for _, one := range p.Conns() {
			if one.Client() != nil {
				c = one
			}
		}
	}
	require.True(t, c.Secure())
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

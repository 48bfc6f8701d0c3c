package cnxn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/sock"
)

// TLS lets a port speak TLS. The handshake is made by the connection's own goroutine, and bounded by time.
type TLS struct {
	Config *tls.Config
	// Plain lets in those, too, who do not begin with a handshake.
	Plain bool
	// Timeout is how long a handshake may take, from the moment the connection is accepted; 0 for 10 s.
	Timeout time.Duration
	// Limit is how many connections may be at their handshake at the same time; 0 for no limit.
	Limit int
	// Busy, if set, is asked before a handshake; true ends the connection.
	Busy func() bool
	// Failed, if set, is told of each handshake that failed.
	Failed func(error)
	// Hint, if set, says what to do about a handshake that failed.
	Hint func(error) string
}

// handshakes are the counts of a port.
type handshakes struct {
	underWay atomic.Int64
	exceeded atomic.Int64 // ended because of Limit
	failed   atomic.Int64
	dropped  atomic.Int64 // ended because of Busy
}

// Handshakes are the numbers of TLS handshakes under way, refused because of the limit, failed, and not begun because the server
// served nobody.
func (p *Port) Handshakes() (underWay, exceeded, failed, dropped int64) {
	h := &p.handshakes
	return h.underWay.Load(), h.exceeded.Load(), h.failed.Load(), h.dropped.Load()
}

// HandshakeError is why a connection ended before it began.
type HandshakeError struct {
	Err  error
	Hint string
}

func (e *HandshakeError) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Hint
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// errNotTLS is a first byte that begins no handshake.
var errNotTLS = errors.New("the client does not speak TLS, and this port takes nothing else")

// recordHandshake is the first byte of TLS. As that of a frame's length it would announce hundreds of megabytes.
const recordHandshake = 0x16

// begin reads what comes first and shakes hands if that is TLS. Of a plain connection it returns the buffer and how much is in it.
func (c *Conn) begin() (buf []byte, n int, err error) {
	t, h := c.port.opts.TLS, &c.port.handshakes
	if t.Busy != nil && t.Busy() {
		h.dropped.Add(1)
		return nil, 0, fmt.Errorf("cnxn: no handshake is begun while the server serves nobody: %w", net.ErrClosed)
	}
	if now := h.underWay.Add(1); t.Limit > 0 && now > int64(t.Limit) {
		h.underWay.Add(-1)
		h.exceeded.Add(1)
		return nil, 0, fmt.Errorf("cnxn: %d TLS handshakes are under way already (netty.server.outstandingHandshake.limit)", t.Limit)
	}
	defer h.underWay.Add(-1)
	wait := t.Timeout
	if wait == 0 {
		wait = 10 * time.Second
	}
	_ = c.nc.SetDeadline(c.port.now().Add(wait))
	buf = make([]byte, firstBuffer)
	if n, err = c.sock.Read(buf); n == 0 {
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.port.silent.Add(1)
			err = fmt.Errorf("cnxn: no TLS handshake within %v, 0 bytes came", wait)
		case err == nil:
			err = io.EOF
		}
		return nil, 0, err
	}
	if buf[0] != recordHandshake {
		if !t.Plain {
			return nil, 0, c.notShaken(errNotTLS)
		}
		_ = c.nc.SetDeadline(time.Time{})
		return buf, n, nil
	}
	w := &wire{Conn: c.sock, first: buf[:n]}
	secure := tls.Server(w, t.Config)
	if err := secure.Handshake(); err != nil {
		return nil, 0, c.notShaken(err)
	}
	_ = secure.SetDeadline(time.Time{})
	w.ready()
	c.mu.Lock()
	c.nc, c.secure, c.wire, c.sock = secure, secure, w, sock.New(secure)
	c.mu.Unlock()
	return nil, 0, nil
}

func (c *Conn) notShaken(err error) error {
	t := c.port.opts.TLS
	c.port.handshakes.failed.Add(1)
	if t.Failed != nil {
		t.Failed(err)
	}
	e := &HandshakeError{Err: err}
	switch {
	case errors.Is(err, errNotTLS):
		e.Hint = "give the client the plain clientPort, or make it use TLS"
	case t.Hint != nil:
		e.Hint = t.Hint(err)
	}
	return e
}

// Secure tells whether the connection speaks TLS.
func (c *Conn) Secure() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.secure != nil
}

// Certificates are those that the client has shown, its own first; none of a client that has shown none. They have been checked. Only
// the connection's goroutine asks, through the Client.
func (c *Conn) Certificates() []*x509.Certificate {
	if c.secure == nil {
		return nil
	}
	return c.secure.ConnectionState().PeerCertificates
}

package tlsconf

import (
	"io"
	"net"
	"time"
)

// recordHandshake begins each TLS connection. As the first byte of a client's length, or of what servers say to each other, it
// would announce hundreds of megabytes.
const recordHandshake = 0x16

// Detect waits for the first byte of a connection and says whether a TLS handshake begins with it. The connection returned gives
// that byte again. For a port that takes both, plain connections and TLS.
func Detect(c net.Conn, wait time.Duration) (net.Conn, bool, error) {
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return c, false, err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		return c, false, err
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return c, false, err
	}
	return &begun{Conn: c, first: first}, first[0] == recordHandshake, nil
}

// begun is a connection of which the first byte has been read already.
type begun struct {
	net.Conn
	first []byte // nil when it has been given
}

func (b *begun) Read(p []byte) (int, error) {
	if b.first == nil || len(p) == 0 {
		return b.Conn.Read(p)
	}
	p[0], b.first = b.first[0], nil
	return 1, nil // more would have to wait
}

// NetConn is the connection below, for who asks about the socket.
func (b *begun) NetConn() net.Conn { return b.Conn }

// Package tlsfront puts TLS before a plain server, for tests of clients.
package tlsfront

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Front is a port that takes TLS and forwards what comes in it.
type Front struct {
	l  net.Listener
	to string
	wg sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]struct{}
	accepted int
}

// Start listens until the test ends, and forwards to the plain server at to.
func Start(tb testing.TB, cfg *tls.Config, to string) *Front {
	tb.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	require.NoError(tb, err)
	f := &Front{l: l, to: to, conns: map[net.Conn]struct{}{}}
	f.wg.Go(f.accept)
	tb.Cleanup(f.Stop)
	return f
}

// Addr is host:port.
func (f *Front) Addr() string { return f.l.Addr().String() }

// Accepted is how many connections have come.
func (f *Front) Accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted
}

// Stop closes the port and the connections. It may be called again.
func (f *Front) Stop() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.l.Close()
	f.Drop()
	f.wg.Wait()
}

// Drop breaks all connections.
func (f *Front) Drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
}

// keep remembers a connection for Drop; false after Stop.
func (f *Front) keep(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.conns[c] = struct{}{}
	return true
}

func (f *Front) accept() {
	for {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.accepted++
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(c) })
	}
}

func (f *Front) serve(c net.Conn) {
	defer c.Close()
	if !f.keep(c) {
		return
	}
	if c.(*tls.Conn).Handshake() != nil { // what has come is read, so that the alert is not lost by a reset
		raw := c.(*tls.Conn).NetConn().(*net.TCPConn)
		_ = raw.CloseWrite()
		_, _ = io.Copy(io.Discard, raw)
		return
	}
	server, err := net.Dial("tcp", f.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !f.keep(server) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(c, server); c.Close() })
	_, _ = io.Copy(server, c)
	server.Close()
	wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	delete(f.conns, server)
}

package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// maxUnnamed bounds the connections of a port that have not said who they are.
const maxUnnamed = 64

// gate holds the connections of a port that have not said yet who they are.
type gate struct {
	mu     sync.Mutex
	conns  []net.Conn // oldest first
	closed bool

	// Complaints are counted by windows of complainEvery.
	window     time.Time
	complaints int
	dropped    int
}

// No more than complainAtMost lines are logged in complainEvery.
const (
	complainEvery  = 10 * time.Second
	complainAtMost = 5
)

// enter takes a new connection in, and answers the oldest if there are too many now: the caller closes it.
func (g *gate) enter(c net.Conn) (oldest net.Conn, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, false
	}
	if len(g.conns) == maxUnnamed {
		oldest = g.conns[0]
		g.conns = slices.Delete(g.conns, 0, 1)
	}
	g.conns = append(g.conns, c)
	return oldest, true
}

// leave lets a connection out that has said who it is, or is closed. It answers false if it had been thrown out.
func (g *gate) leave(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.conns, c)
	if i < 0 {
		return false
	}
	g.conns = slices.Delete(g.conns, i, i+1)
	return true
}

func (g *gate) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, c := range g.conns {
		_ = c.Close()
	}
}

// mayComplain tells whether one more line may be logged now, and how many were not since the last.
func (g *gate) mayComplain(now time.Time) (ok bool, dropped int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.window) >= complainEvery {
		g.window, g.complaints = now, 0
	}
	if g.complaints == complainAtMost {
		g.dropped++
		return false, 0
	}
	g.complaints++
	dropped, g.dropped = g.dropped, 0
	return true, dropped
}

// complain names a connection that is closed for what it said. Connections that end without a word are somebody looking
// whether the port is open: that is no news.
func (p *Peers) complain(k portKind, c net.Conn, err error) {
	var op *net.OpError
	if errors.Is(err, io.EOF) || p.ctx.Err() != nil || errors.As(err, &op) && !op.Timeout() {
		p.log.Debug("connection ended before it said anything", zap.Stringer("port", k), zap.Stringer("address", c.RemoteAddr()))
		return
	}
	p.refused.Add(1)
	ok, dropped := p.gates[k].mayComplain(time.Now())
	if !ok {
		return
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && isHandshake(err):
		err = fmt.Errorf("it did not end its TLS handshake within %s", p.cfg.CnxTimeout)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it did not say who it is within %s", p.cfg.CnxTimeout)
	}
	fields := []zap.Field{zap.Stringer("port", k), zap.Stringer("address", c.RemoteAddr()), zap.Error(err)}
	if dropped > 0 {
		fields = append(fields, zap.Int("alike", dropped))
	}
	p.log.Warn("connection refused", fields...)
}

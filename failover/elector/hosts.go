package elector

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	maxFrame    = 4 << 20 // far more than any answer that we ask for
	minFrame    = 16      // a reply header
	firstPause  = 20 * time.Millisecond
	longPause   = 250 * time.Millisecond
	sayEvery    = 30 * time.Second
	dialTimeout = time.Second

	opCloseSession = -11 // behind length and xid
)

// hosts chooses and dials the servers for the client, instead of its own way to do so, which sleeps a second before
// each reconnection to an only server and cannot be stopped while it dials.
type hosts struct {
	servers []string
	timeout time.Duration // session
	secure  func(ctx context.Context, nc net.Conn, addr string) (net.Conn, error)
	log     *zap.Logger
	ctx     context.Context
	stop    context.CancelFunc
	ticket  *ticket     // of the session; nil when it is not kept
	muted   atomic.Bool // nothing is sent any more

	mu       sync.Mutex
	next     int
	failures int // dials since the last session
	said     time.Time
	why      error // why the last dial failed
	conn     net.Conn
	given    time.Duration
}

func newHosts(servers []string, z ZooKeeper) *hosts {
	h := &hosts{servers: servers, timeout: z.SessionTimeout, secure: z.Secure, log: z.Log}
	h.ctx, h.stop = context.WithCancel(context.Background())
	context.AfterFunc(h.ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.conn != nil {
			h.conn.Close() // a server that hangs must not hold the client's goroutines
		}
	})
	return h
}

// Init, Len, Next and Connected are zk.HostProvider.
func (h *hosts) Init([]string) error { return nil }

func (h *hosts) Len() int { return len(h.servers) }

// Next is the server to try. After stop it makes the client look whether it is closed.
func (h *hosts) Next() (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return h.servers[(h.next-1)%len(h.servers)], h.ctx.Err() != nil
}

// Connected: a session has been made or resumed.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures > len(h.servers) {
		h.log.Info("zookeeper is reachable again")
	}
	h.failures, h.said, h.why = 0, time.Time{}, nil
}

// negotiated is the session timeout that the server gave.
func (h *hosts) negotiated() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.given
}

// pause is how long to wait before the next dial: nothing until each server has been tried.
func (h *hosts) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	rounds := (h.failures - 1) / len(h.servers)
	if rounds == 0 {
		return 0
	}
	return min(firstPause<<min(rounds-1, 8), longPause)
}

func (h *hosts) dial(network, addr string, _ time.Duration) (net.Conn, error) {
	t := time.NewTimer(h.pause())
	defer t.Stop()
	select {
	case <-h.ctx.Done():
		return nil, h.ctx.Err()
	case <-t.C:
	}
	c, err := h.reach(network, addr)
	if err != nil {
		h.unreachable(addr, err)
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		c.Close()
		return nil, h.ctx.Err()
	}
	h.conn = &framed{Conn: c, h: h, first: true, asking: true}
	return h.conn, nil
}

// reach dials, and shakes hands where connections are secret. A server has as long for its handshake as it would have for its first
// answer.
func (h *hosts) reach(network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(h.ctx, network, addr)
	if err != nil || h.secure == nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(h.ctx, max(h.timeout, dialTimeout))
	defer cancel()
	s, err := h.secure(ctx, c, addr)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	return s, nil
}

// reason is why no server could be reached at last; nil when that is unknown.
func (h *hosts) reason() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

func (h *hosts) unreachable(addr string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	if h.why = err; time.Since(h.said) < sayEvery {
		return
	}
	h.said = time.Now()
	h.log.Warn("zookeeper is not reachable: trying again until it is; nothing is decided meanwhile",
		zap.String("peer", addr), zap.Error(err))
}

// framed checks the length of each frame from the server, so that something else than a ZooKeeper server on the port
// can neither make the client allocate without bound nor panic; and it bounds the wait for the answer to the first
// frame, which the client leaves at ten times the session timeout. It presents the ticket of an earlier session.
type framed struct {
	net.Conn
	h      *hosts
	left   int    // bytes of the frame not yet read
	head   []byte // bytes read ahead
	first  bool   // the next frame that is read is the first
	asking bool   // the next frame that is written is the first
}

// Write is used by the client with one whole frame at a time. It never fails: a connection that takes nothing more is closed, and the
// client learns that from its reader. When a write failed, the client would tell the request so and keep it among those that
// wait for an answer, to be told once more when the connection has ended; for one that nobody waits for any more, because the session is
// being closed, that is once too often, and the client hangs for ever, holding a lock (zk v1.0.4: sendData, flushRequests).
func (f *framed) Write(p []byte) (int, error) {
	if f.h.muted.Load() {
		if len(p) >= 12 && int32(binary.BigEndian.Uint32(p[8:])) == opCloseSession { // the last one: it is answered by the end
			f.Close()
		}
		return len(p), nil
	}
	if f.asking {
		f.asking = false
		f.h.ticket.present(p)
	}
	if _, err := f.Conn.Write(p); err != nil {
		f.Close()
	}
	return len(p), nil
}

func (f *framed) Read(p []byte) (int, error) {
	if f.left == 0 && len(f.head) == 0 {
		if err := f.header(); err != nil {
			return 0, err
		}
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

func (f *framed) header() error {
	head := make([]byte, 4)
	if _, err := io.ReadFull(f.Conn, head); err != nil {
		if f.first && f.h.secure != nil { // the server may have refused our certificate, which it does not tell before
			f.h.unreachable(f.RemoteAddr().String(), err)
		}
		return err
	}
	n := int64(binary.BigEndian.Uint32(head))
	if n < minFrame || n > maxFrame {
		return fmt.Errorf("%s sent a frame of %d bytes: is it a zookeeper server?", f.RemoteAddr(), n)
	}
	f.left = int(n)
	if f.first {
		f.first = false
		if n > maxResponse {
			return fmt.Errorf("%s sent a first frame of %d bytes: is it a zookeeper server?", f.RemoteAddr(), n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(f.Conn, body); err != nil {
			return err
		}
		f.left = 0
		f.h.mu.Lock()
		f.h.given = time.Duration(int32(binary.BigEndian.Uint32(body[4:]))) * time.Millisecond
		f.h.mu.Unlock()
		f.h.ticket.issued(body)
		head = append(head, body...)
	}
	f.head = head
	return nil
}

func (f *framed) SetReadDeadline(t time.Time) error {
	if limit := time.Now().Add(f.h.timeout); f.first && t.After(limit) {
		t = limit
	}
	return f.Conn.SetReadDeadline(t)
}

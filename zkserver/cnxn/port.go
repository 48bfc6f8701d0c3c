package cnxn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Server is what a Port needs of the server behind it.
type Server interface {
	// Accept makes the state of a connection that has sent a connect request. Connect follows.
	Accept(c *Conn) Client
	// Argument is how many bytes follow four letters that are a word.
	Argument(word string) int
	// Command answers a four-letter word with its argument; ok is false when it is none, and the bytes are taken for a frame.
	Command(word string, arg []byte, c *Conn) (answer string, ok bool)
}

// Client is the server's side of one connection. Its methods are called by the connection's own goroutine.
type Client interface {
	// Connect handles the connect request and returns when the session is there or refused. An error closes the
	// connection. The request's byte slices are valid only during the call.
	Connect(req *zkproto.ConnectRequest) error
	// Requests takes the packets of one read, in order. The frames are valid only during the call. ErrStop ends the reading
	// and leaves the connection open until its outbox is sent; another error closes it.
	Requests(frames [][]byte) error
	// Closed tells that the connection is gone. It is the last call.
	Closed(reason error)
}

// Oversized is a Client that wants to know of a frame that is too large. head is what has come of it, without its length.
// The connection is closed afterwards.
type Oversized interface {
	Oversized(err *FrameError, head []byte)
}

// Limits are what can be changed while the port is open.
type Limits struct {
	MaxBuffer     int // largest frame, bytes
	MaxPerAddress int // connections of one address; 0 for no limit
	MaxTotal      int // connections; 0 for no limit
	LargeTotal    int // bytes of all large frames under way; 0 for no limit
}

// Options are the settings of a Port.
type Options struct {
	Limits
	// HandshakeTimeout is how long a connection may take to send its connect request; 0 for 10 s.
	HandshakeTimeout time.Duration
	// LargeFrom is the size from which a frame is large, -1 for none. Large counts their bytes: those being received here,
	// those being handled by the server; nil for a counter of the port's own.
	LargeFrom int
	Large     *atomic.Int64
	TLS       *TLS // nil for plain connections alone
	// GatherAfter is after how many reads in a row that fit a connection is read together with others, if the server is a Gatherer and
	// the system can; 0 for 16, -1 for never.
	GatherAfter   int
	readGatherers int // 0 for as many as there are processors, but for one
	Logger        *zap.Logger
	Now           func() time.Time // nil for the wall clock
}

// Port accepts connections on one listener at a time.
type Port struct {
	server Server
	opts   Options
	log    *zap.Logger
	group  sync.WaitGroup
	done   chan struct{}

	limits    atomic.Pointer[Limits]
	tooLarge  atomic.Int64 // frames above LargeTotal
	oversized atomic.Int64 // frames above MaxBuffer
	silent    atomic.Int64 // connections that sent no connect request in time
	leaving   atomic.Int64 // of conns, those that are Leaving
	quiet     limiter

	gatherers  []*gatherer // that of the writes first; nil if there are none
	handshakes handshakes
	local      atomic.Int64 // connections of this machine without TLS, since the start
	remote     atomic.Int64 // of others

	mu       sync.Mutex
	listener net.Listener
	conns    map[*Conn]struct{}
	perHost  map[string]int
	closed   bool
	rejected int64
}

// New makes a port; Serve runs it.
func New(l net.Listener, s Server, opts Options) *Port {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	if opts.HandshakeTimeout == 0 {
		opts.HandshakeTimeout = 10 * time.Second
	}
	if opts.Large == nil {
		opts.Large = new(atomic.Int64)
	}
	if opts.GatherAfter == 0 {
		opts.GatherAfter = defaultGatherAfter
	}
	p := &Port{
		listener: l, server: s, opts: opts, log: opts.Logger, done: make(chan struct{}),
		conns: map[*Conn]struct{}{}, perHost: map[string]int{},
	}
	p.SetLimits(opts.Limits)
	return p
}

// SetLimits changes the limits. Connections that are over a new one stay.
func (p *Port) SetLimits(l Limits) { p.limits.Store(&l) }

// LimitCounts are the numbers of frames refused because large ones were under way, and because of their size.
func (p *Port) LimitCounts() (large, oversized int64) { return p.tooLarge.Load(), p.oversized.Load() }

// Silent is the number of connections closed because no connect request came within HandshakeTimeout.
func (p *Port) Silent() int64 { return p.silent.Load() }

// Refuse counts a connection that the server refuses, with those that the port refuses itself.
func (p *Port) Refuse() {
	p.mu.Lock()
	p.rejected++
	p.mu.Unlock()
}

// Refuse counts this connection with those that its port has refused.
func (c *Conn) Refuse() { c.port.Refuse() }

func (p *Port) now() time.Time { return p.opts.Now() }

// Addr is the address listened on.
func (p *Port) Addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listener.Addr()
}

// Serve accepts connections in a goroutine of its own until StopAccepting or Close.
func (p *Port) Serve() {
	p.startGathering()
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.listener
	p.group.Go(func() { p.accept(l) })
}

// Move goes on with another listener, and closes the one it had. The connections stay. It is false, and closes l, when the port
// accepts nothing any more.
func (p *Port) Move(l net.Listener) bool {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		_ = l.Close()
		return false
	}
	old := p.listener
	p.listener = l
	p.group.Go(func() { p.accept(l) })
	p.mu.Unlock()
	_ = old.Close()
	return true
}

// Unlisten closes the listener, to make room for another of the same number: Move follows.
func (p *Port) Unlisten() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.listener.Close()
}

func (p *Port) accept(l net.Listener) {
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = 5 * time.Millisecond
			p.open(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of file descriptors, or a connection that was gone before it was accepted: others must still be served.
		p.log.Warn("cannot accept a connection", zap.Error(err), zap.Duration("retryIn", pause))
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			pause = min(2*pause, time.Second)
		case <-p.done:
			t.Stop()
			return
		}
	}
}

func (p *Port) open(nc net.Conn) {
	c := &Conn{nc: nc, port: p, opened: p.now(), addr: nc.RemoteAddr()}
	c.roomy = sync.NewCond(&c.mu)
	c.sock = sock.New(nc)
	host, limits := hostOf(c.addr), p.limits.Load()
	p.mu.Lock()
	var refusal error
	switch {
	case p.closed:
		refusal = net.ErrClosed
	case limits.MaxTotal > 0 && len(p.conns) >= limits.MaxTotal:
		refusal = fmt.Errorf("there are %d connections already (maxCnxns)", len(p.conns))
	case limits.MaxPerAddress > 0 && p.perHost[host] >= limits.MaxPerAddress:
		refusal = fmt.Errorf("%s has %d connections already (maxClientCnxns)", host, p.perHost[host])
	}
	if refusal != nil {
		p.rejected++
		p.mu.Unlock()
		p.warn("connection refused", zap.Stringer("peer", c.addr), zap.Error(refusal))
		_ = nc.Close()
		return
	}
	p.conns[c] = struct{}{}
	p.perHost[host]++
	p.group.Go(c.run)
	p.mu.Unlock()
}

// forget removes an ended connection, and logs why it ended when that is worth a line.
func (p *Port) forget(c *Conn, reason error) {
	host := hostOf(c.addr)
	p.mu.Lock()
	delete(p.conns, c)
	if c.leaving.Load() {
		p.leaving.Add(-1)
	}
	if p.perHost[host]--; p.perHost[host] <= 0 {
		delete(p.perHost, host)
	}
	p.mu.Unlock()
	if shaken, ok := errors.AsType[*HandshakeError](reason); ok {
		p.warn("TLS handshake failed", zap.Stringer("peer", c.addr), zap.Error(shaken.Err), zap.String("remedy", shaken.Hint))
		return
	}
	if reason == nil || errors.Is(reason, io.EOF) || errors.Is(reason, errStop) || errors.Is(reason, net.ErrClosed) {
		p.log.Debug("connection closed", zap.Stringer("peer", c.addr), zap.Error(reason))
		return
	}
	p.warn("connection closed", zap.Stringer("peer", c.addr), zap.Error(reason))
}

// PlainConns are the numbers of connections without TLS since the start, from this machine and from others.
func (p *Port) PlainConns() (local, remote int64) { return p.local.Load(), p.remote.Load() }

// warn logs, but not more than a few lines a second: a storm of connections must not become one of log lines.
func (p *Port) warn(message string, fields ...zap.Field) {
	skipped, ok := p.quiet.allow(p.now())
	if !ok {
		return
	}
	if skipped > 0 {
		fields = append(fields, zap.Int("linesLeftOutBefore", skipped))
	}
	p.log.Warn(message, fields...)
}

func hostOf(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.IP.String()
	}
	return a.String()
}

// Conns are the connections open now, those that are Leaving among them.
func (p *Port) Conns() []*Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Conn, 0, len(p.conns))
	for c := range p.conns {
		all = append(all, c)
	}
	return all
}

// Count is the number of connections but for those that are Leaving.
func (p *Port) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) - int(p.leaving.Load())
}

// Rejected is the number of connections refused for a limit.
func (p *Port) Rejected() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rejected
}

// StopAccepting closes the listener and leaves the connections open.
func (p *Port) StopAccepting() {
	p.mu.Lock()
	first, l := !p.closed, p.listener
	p.closed = true
	p.mu.Unlock()
	if first {
		close(p.done)
		_ = l.Close()
	}
}

// Close closes the listener and all connections, and waits for their goroutines.
func (p *Port) Close() {
	p.StopAccepting()
	for _, c := range p.Conns() {
		c.Close(net.ErrClosed)
	}
	for _, g := range p.gatherers {
		g.set.Close()
	}
	p.group.Wait()
}

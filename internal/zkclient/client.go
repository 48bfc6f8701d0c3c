package zkclient

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// ErrClosed is the error of a request made to a client that was closed.
var ErrClosed = errors.New("the client is closed")

// Config is what a client is to do. Servers is required.
type Config struct {
	// Servers are tried in order, host:port each.
	Servers []string
	// Chroot is put before every path sent and taken off every path received. Empty means none.
	Chroot string
	// SessionTimeout is asked for; 0 means 30 s.
	SessionTimeout time.Duration
	// DialTimeout bounds one attempt at one server, handshake included; 0 means 5 s.
	DialTimeout time.Duration
	// Reconnect keeps the session over broken connections. Without it a broken connection ends the client.
	Reconnect bool
	// ReadOnly accepts a server that is cut off from its quorum. With Reconnect the client goes over to one that is not,
	// as soon as there is one, with a session of its own if it has none yet that the quorum knows.
	ReadOnly bool
	// RequestTimeout bounds the wait for each reply; then the call answers zkproto.ErrRequestTimeout, and whether the
	// request happened is unknown. 0 means no bound.
	RequestTimeout time.Duration
	// MaxFrame is the largest reply accepted, in bytes (jute.maxbuffer); a larger one ends the connection. 0 means the
	// constant MaxFrame.
	MaxFrame int
	// Secure makes each connection a secret one; nil leaves them plain.
	Secure Secure
	// NoWatchReset leaves the watches behind when a connection breaks, instead of setting them again on the next.
	NoWatchReset bool
	// OnEvent hears of watches and of changes of the session, one call at a time, on the goroutine that reads or in
	// RemoveWatches: it must not wait for this client. Nil means nobody listens.
	OnEvent func(Event)
}

// Event is a watch that fired, or, with Type EventNone, a change of the session's state.
type Event struct {
	Type  zkproto.EventType
	State zkproto.KeeperState
	Path  string       // without the chroot; empty for EventNone
	Zxid  zkproto.Zxid // -1 when the server did not tell
}

// Reply is what a request came to.
type Reply struct {
	Zxid zkproto.Zxid
	// Err is a zkproto.Error the server answered, zkproto.ErrConnectionLoss when the outcome is unknown, ErrClosed, or
	// nil.
	Err error
	// Body is the record of the reply, valid until the callback returns.
	Body []byte
}

// Callback receives the reply to one request, on the goroutine that reads: it must not wait for this client.
type Callback func(Reply)

// pending is a request whose reply is awaited.
type pending struct {
	xid   int32
	watch watchKind // to be registered when the request succeeded
	path  string    // as sent, for watch
	done  Callback
}

// Client is a session. Its methods are safe for use by many goroutines at once.
type Client struct {
	cfg  Config
	stop context.CancelFunc
	done chan struct{} // closed when the last goroutine has ended

	mu       sync.Mutex
	state    zkproto.KeeperState
	session  Session
	global   bool   // a server with a quorum has known the session
	first    string // the server to try first; empty: none
	remote   string
	dialled  string // remote, as Config.Servers has it
	lastZxid zkproto.Zxid
	xid      int32
	out      []byte    // frames not written yet
	queue    []pending // requests written or to be written, in order
	auth     []authPending
	auths    []zkproto.AuthRequest
	watches  watches
	closed   error         // why no request is accepted any more
	kick     chan struct{} // holds a token while out is not empty

	emitting sync.Mutex // one event at a time
}

type authPending struct{ done Callback }

// Connect opens a session at the first server that answers. The context bounds the attempts, not the session.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	if cfg.SessionTimeout <= 0 {
		cfg.SessionTimeout = 30 * time.Second
	}
	c := &Client{cfg: cfg, kick: make(chan struct{}, 1), done: make(chan struct{}), watches: newWatches()}
	w, err := c.dialAny(ctx, nil)
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.adopt(w)
	go c.run(run, w)
	return c, nil
}

// dialAny tries every server once and returns the first connection, or all the reasons.
func (c *Client) dialAny(ctx context.Context, resume *Session) (*Wire, error) {
	c.mu.Lock()
	h := Handshake{
		Timeout: c.cfg.SessionTimeout, Resume: resume, LastZxid: c.lastZxid, ReadOnly: c.cfg.ReadOnly,
		MaxFrame: c.cfg.MaxFrame, Secure: c.cfg.Secure,
	}
	servers := c.order()
	c.first = ""
	c.mu.Unlock()
	var errs []error
	for _, s := range servers {
		attempt, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
		w, err := Dial(attempt, s, h)
		cancel()
		if err == nil || errors.Is(err, zkproto.ErrSessionExpired) {
			return w, err
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// adopt makes w the client's connection.
func (c *Client) adopt(w *Wire) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.remote, c.dialled = w.Session, w.RemoteAddr(), w.Dialled()
	c.state = zkproto.StateSyncConnected
	if w.Session.ReadOnly {
		c.state = zkproto.StateConnectedReadOnly
	} else {
		c.global = true
	}
}

// Session is the session as last granted.
func (c *Client) Session() Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// Server is the address of the server last connected to.
func (c *Client) Server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

// Dialled is the server last connected to, as Config.Servers has it.
func (c *Client) Dialled() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialled
}

// State is the session's state now.
func (c *Client) State() zkproto.KeeperState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Done is closed when the client has ended: by Close, by an expired session, or by a lost connection without Reconnect.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the client has ended; nil before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Submit sends a request whose body is appended by body (nil: none) and calls done with the reply. It does not wait.
func (c *Client) Submit(op zkproto.OpCode, body func([]byte) []byte, done Callback) {
	c.submit(op, body, watchNone, "", done)
}

func (c *Client) submit(op zkproto.OpCode, body func([]byte) []byte, kind watchKind, path string, done Callback) {
	c.mu.Lock()
	if c.closed != nil {
		err := c.closed
		c.mu.Unlock()
		done(Reply{Err: err})
		return
	}
	c.xid = nextXid(c.xid)
	c.appendFrame(c.xid, op, body)
	c.queue = append(c.queue, pending{xid: c.xid, watch: kind, path: path, done: done})
	c.mu.Unlock()
}

// appendFrame puts a request into the output buffer and wakes the writer. The mutex is held.
func (c *Client) appendFrame(xid int32, op zkproto.OpCode, body func([]byte) []byte) {
	at := len(c.out)
	c.out = append(c.out, 0, 0, 0, 0)
	c.out = zkproto.RequestHeader{Xid: xid, Op: op}.AppendTo(c.out)
	if body != nil {
		c.out = body(c.out)
	}
	binary.BigEndian.PutUint32(c.out[at:], uint32(len(c.out)-at-4))
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// AddAuth presents credentials, now and after each reconnect, and waits for the server's answer. A server that refuses
// them answers zkproto.ErrAuthFailed and closes the connection.
func (c *Client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	req := zkproto.AuthRequest{Scheme: scheme, Auth: auth}
	return c.await(ctx, func(done Callback) {
		c.mu.Lock()
		if c.closed != nil {
			err := c.closed
			c.mu.Unlock()
			done(Reply{Err: err})
			return
		}
		c.appendFrame(zkproto.XidAuth, zkproto.OpAuth, req.AppendTo)
		c.auth = append(c.auth, authPending{done: func(r Reply) {
			if r.Err == nil {
				c.mu.Lock()
				c.auths = append(c.auths, req)
				c.mu.Unlock()
			}
			done(r)
		}})
		c.mu.Unlock()
	}, nil)
}

// await runs submit and waits for its callback or the context. decode (may be nil) sees the body of a success.
func (c *Client) await(ctx context.Context, submit func(Callback), decode func(*jute.Decoder)) error {
	result := make(chan error, 1)
	submit(func(r Reply) {
		if r.Err == nil && decode != nil {
			d := jute.NewDecoder(r.Body)
			decode(&d)
			r.Err = d.Err()
		}
		result <- r.Err
	})
	var late <-chan time.Time
	if c.cfg.RequestTimeout > 0 {
		t := time.NewTimer(c.cfg.RequestTimeout)
		defer t.Stop()
		late = t.C
	}
	select {
	case err := <-result:
		return err
	case <-late:
		return zkproto.ErrRequestTimeout
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the session in an orderly way, so that its ephemerals are gone when Close returns, and waits for the
// client's goroutines. It gives the server two seconds. Closing again does nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed != nil { // ended already, or another Close is at it
		c.mu.Unlock()
		<-c.done
		return nil
	}
	c.closed = ErrClosed
	answered := make(chan struct{})
	if c.state == zkproto.StateDisconnected {
		close(answered)
	} else {
		c.xid = nextXid(c.xid)
		c.appendFrame(c.xid, zkproto.OpCloseSession, nil)
		c.queue = append(c.queue, pending{xid: c.xid, done: func(Reply) { close(answered) }})
	}
	c.mu.Unlock()
	t := time.NewTimer(2 * time.Second)
	defer t.Stop()
	select {
	case <-answered:
	case <-t.C:
	}
	c.stop()
	<-c.done
	return nil
}

// nextXid counts 1 … MaxInt32, and round again: the negative ones have meanings of their own (ZOOKEEPER-3253).
func nextXid(x int32) int32 { return x%(1<<31-1) + 1 }

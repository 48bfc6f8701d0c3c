package hadooprpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"sync"

	"google.golang.org/protobuf/proto"
)

// ClientOptions are the settings of a client; the zero value is complete.
type ClientOptions struct {
	User          string // effective user (SIMPLE authentication); default: $HADOOP_USER_NAME, else the user of the process
	CallerContext string // travels with each call when not empty; haadmin's is "CLI"
	MaxFrame      int    // largest answer in bytes; default DefaultMaxFrame
	// Dial opens connections; default: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o ClientOptions) withDefaults() ClientOptions {
	if o.User == "" {
		o.User = currentUser()
	}
	if o.MaxFrame == 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	return o
}

func currentUser() string {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// Client calls one protocol of one server over one connection, which it opens when first needed and again after it has
// ended. It never waits and never repeats a call: a refused connection is the error of the call at once.
type Client struct {
	addr     string
	protocol string
	version  uint64
	opts     ClientOptions

	dialing chan struct{} // holds one token: whoever has it may dial

	mu     sync.Mutex
	conn   *Conn
	closed bool
	old    sync.WaitGroup // connections that are being put away
}

// NewClient returns a client of a protocol ("org.apache.hadoop.ha.HAServiceProtocol") at host:port. It connects nothing
// yet.
func NewClient(addr, protocol string, version uint64, opts ClientOptions) *Client {
	c := &Client{addr: addr, protocol: protocol, version: version, opts: opts.withDefaults(), dialing: make(chan struct{}, 1)}
	c.dialing <- struct{}{}
	return c
}

// Addr is the server's address as given.
func (c *Client) Addr() string { return c.addr }

// Call makes one call; see Conn.Call for its errors. A connection that cannot be opened is an error that wraps the
// net.OpError. A connection on which nothing has arrived until the deadline, and for which no other call waits, is given
// up: the peer may be a machine that is gone, and the next call shall not wait for what TCP sends again to it.
func (c *Client) Call(ctx context.Context, method string, req, resp proto.Message) error {
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	before := conn.received.Load()
	err = conn.Call(ctx, method, req, resp)
	if errors.Is(err, context.DeadlineExceeded) && conn.unused(before) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn == conn {
			c.retire()
		}
	}
	return err
}

// Connect returns the present connection, or a new one when there is none that lives.
func (c *Client) Connect(ctx context.Context) (*Conn, error) {
	if conn, err := c.live(); conn != nil || err != nil {
		return conn, err
	}
	select {
	case <-c.dialing:
		defer func() { c.dialing <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to %s: %w", c.addr, ctx.Err())
	}
	if conn, err := c.live(); conn != nil || err != nil {
		return conn, err
	}
	nc, err := c.opts.Dial(ctx, "tcp", c.addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.addr, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", c.addr, ErrClosed)
	}
	c.retire()
	c.conn = newConn(nc, c.addr, c.protocol, c.version, c.opts)
	return c.conn, nil
}

// live is the connection if it can be used.
func (c *Client) live() (*Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, fmt.Errorf("connect to %s: %w", c.addr, ErrClosed)
	case c.conn == nil || c.conn.Err() != nil:
		return nil, nil
	default:
		return c.conn, nil
	}
}

// retire closes the present connection without waiting for it here. The caller holds the lock.
func (c *Client) retire() {
	if c.conn == nil {
		return
	}
	conn := c.conn
	c.conn = nil
	c.old.Go(func() { _ = conn.Close() })
}

// Down is closed as soon as the present connection has ended; nil means that there is no connection now.
func (c *Client) Down() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.Done()
}

// Close ends the connection and all calls under way. It is idempotent.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.retire()
	c.mu.Unlock()
	c.old.Wait()
	return nil
}

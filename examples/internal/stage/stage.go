// Package stage lets tests play the examples: a server in the process, a cable that can be cut or held, and what a program
// prints, line by line.
package stage

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/examples/session"
	"github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// The session timeouts of the plays. Who is to die does it soon, so that its death is not waited for long, but not in the pauses of a
// busy machine; nothing that happens within a test ends the sessions of all others, or their connections.
const (
	short = time.Second
	long  = time.Minute
)

// patience is how long a test waits for what must happen before it fails.
const patience = 20 * time.Second

// Server runs a zkserver for the test and returns how to connect to it.
func Server(t *testing.T) session.Options {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir, cfg.ClientPortAddress = t.TempDir(), "127.0.0.1"
	cfg.TickTime, cfg.PreAllocSize = 50*time.Millisecond, 1<<16
	cfg.MaxSessionTimeout = long
	s, err := zkserver.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return session.Options{Server: s.Addr().String(), Timeout: long}
}

// Mortal are the options for those whose session ends in the play: when their cable is cut, or held for long.
func Mortal(o session.Options) session.Options {
	o.Timeout = short
	return o
}

// Context ends with the test.
func Context(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Open opens a session over a cable of its own.
func Open(t *testing.T, o session.Options) (*session.Session, *Cable) {
	t.Helper()
	cable := &Cable{}
	o.Dial = cable.Dial
	s, err := o.Open(Context(t))
	require.NoError(t, err)
	t.Cleanup(func() { cable.Cut(); s.Close() })
	return s, cable
}

// Go runs f beside the test and returns a channel with its result. The test waits for f at its end.
func Go(t *testing.T, f func(ctx context.Context) error) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(Context(t))
	result, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		result <- f(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return result
}

// Gone waits until path is gone: until the session that owned it has expired at the server.
func Gone(t *testing.T, s *session.Session, path string) {
	t.Helper()
	for {
		exists, _, change, err := s.ExistsW(path)
		require.NoError(t, err)
		if !exists {
			return
		}
		Await(t, change)
	}
}

// Await receives from c, or fails the test when nothing comes.
func Await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// Cable connects one client to the server. A cut cable is a killed process or machine: the server hears nothing more, and
// the client cannot come back. A held cable is a paused process: it notices nothing itself until it is let go.
type Cable struct {
	mu   sync.Mutex
	ends []net.Conn
	cut  bool
	held chan struct{} // closed when the cable is let go; nil while it is not held
}

// Dial is the zk.Dialer of the cable.
func (c *Cable) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return nil, net.ErrClosed
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err == nil {
		c.ends = append(c.ends, conn)
		conn = &end{Conn: conn, cable: c}
	}
	return conn, err
}

var _ zk.Dialer = (&Cable{}).Dial

// Cut cuts the cable for good.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.drop()
	c.release()
}

// Drop breaks the connection; the client may connect again.
func (c *Cable) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

func (c *Cable) drop() {
	for _, conn := range c.ends {
		conn.Close()
	}
	c.ends = nil
}

// Hold stops all traffic, until the end of the test at most: a program that is waited for then must not hang.
func (c *Cable) Hold(t *testing.T) {
	t.Helper()
	t.Cleanup(c.LetGo)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = make(chan struct{})
}

// LetGo lets traffic flow again.
func (c *Cable) LetGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release()
}

func (c *Cable) release() {
	if c.held != nil {
		close(c.held)
		c.held = nil
	}
}

func (c *Cable) wait() {
	c.mu.Lock()
	held := c.held
	c.mu.Unlock()
	if held != nil {
		<-held
	}
}

type end struct {
	net.Conn
	cable *Cable
}

func (e *end) Read(p []byte) (int, error) {
	e.cable.wait()
	n, err := e.Conn.Read(p)
	e.cable.wait() // held while it was read: the client does not see it yet
	return n, err
}

func (e *end) Write(p []byte) (int, error) {
	e.cable.wait()
	return e.Conn.Write(p)
}

// Output is what a program prints.
type Output struct {
	mu    sync.Mutex
	rest  []byte
	lines []string
	next  int
	more  chan struct{}
}

// NewOutput makes an empty Output.
func NewOutput() *Output { return &Output{more: make(chan struct{}, 1)} }

// Write takes what is printed.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, p...)
	for {
		line, rest, ok := bytes.Cut(o.rest, []byte("\n"))
		if !ok {
			break
		}
		o.lines, o.rest = append(o.lines, string(line)), rest
	}
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// Await waits for a line that contains text, after the one found last, and returns it.
func (o *Output) Await(t *testing.T, text string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		if line, ok := o.find(text); ok {
			return line
		}
		select {
		case <-o.more:
		case <-timeout:
			require.FailNow(t, "no such line", "waiting for %q in:\n%s", text, strings.Join(o.Lines(), "\n"))
		}
	}
}

func (o *Output) find(text string) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := o.next; i < len(o.lines); i++ {
		if strings.Contains(o.lines[i], text) {
			o.next = i + 1
			return o.lines[i], true
		}
	}
	return "", false
}

// Lines are all lines so far.
func (o *Output) Lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.lines...)
}

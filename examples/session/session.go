// Package session is what the examples share: a ZooKeeper connection that belongs to one session and ends with it.
//
// go-zookeeper/zk opens a new session by itself when the old one has expired. That is convenient for reading, and wrong for
// a program that owns something through its session: its ephemeral znodes are gone, others may have taken over, and its
// next request would be answered as if nothing had happened. Here an expired session stays expired: Ended is closed,
// every request fails, and the program decides whether to begin anew.
package session

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// ErrExpired is the reason a session ended without being closed: the server did not hear of it for its whole timeout.
var ErrExpired = errors.New("the session has expired")

// Options say where to connect.
type Options struct {
	// Server is one or several host:port, with commas between.
	Server string
	// Timeout is how long the server keeps the session without a sign of life. The server may impose more.
	Timeout time.Duration
	// Dial opens connections; nil is net.DialTimeout. Tests pull the plug here.
	Dial zk.Dialer
}

// Flags registers -server and -timeout with the command line.
func Flags() *Options {
	o := &Options{}
	flag.StringVar(&o.Server, "server", "127.0.0.1:2181", "ZooKeeper `host:port`, several with commas between")
	flag.DurationVar(&o.Timeout, "timeout", 4*time.Second, "session timeout to ask for")
	return o
}

// Session is a connection with a session.
type Session struct {
	*zk.Conn
	ended context.Context
	end   context.CancelCauseFunc
}

// Open connects and waits until the session exists or ctx ends. Close it.
func (o Options) Open(ctx context.Context) (*Session, error) {
	s, exists := &Session{}, make(chan struct{}, 1)
	s.ended, s.end = context.WithCancelCause(context.Background())
	dial := o.Dial
	if dial == nil {
		dial = net.DialTimeout
	}
	var err error
	s.Conn, _, err = zk.Connect(strings.Split(o.Server, ","), o.Timeout, zk.WithLogger(silent{}),
		zk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			if s.ended.Err() != nil {
				return nil, ErrExpired // no second session
			}
			return dial(network, address, timeout)
		}),
		zk.WithEventCallback(func(e zk.Event) {
			switch {
			case e.Type == zk.EventSession && e.State == zk.StateExpired:
				s.end(ErrExpired)
			case e.Type == zk.EventSession && e.State == zk.StateHasSession:
				select {
				case exists <- struct{}{}:
				default:
				}
			}
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.Server, err)
	}
	select {
	case <-exists:
		return s, nil
	case <-ctx.Done():
		s.Close()
		return nil, fmt.Errorf("no session from %s: %w", o.Server, ctx.Err())
	}
}

// Ended is closed when the session has expired or was closed.
func (s *Session) Ended() <-chan struct{} { return s.ended.Done() }

// Err is why the session ended: ErrExpired, zk.ErrClosing, or nil while it lives.
func (s *Session) Err() error { return context.Cause(s.ended) }

// Again reports whether a request that failed with err is worth asking again: the connection was lost, but the session
// lives as far as we know and ctx has not ended. Only for requests that may be done twice; a write may have happened.
func (s *Session) Again(ctx context.Context, err error) bool {
	var broken net.Error // the connection took no more: what was written last is told so, not zk.ErrConnectionClosed
	lost := errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.Is(err, net.ErrClosed) || errors.As(err, &broken)
	return ctx.Err() == nil && s.ended.Err() == nil && lost
}

// Close ends the session: its ephemeral znodes are deleted at once.
func (s *Session) Close() {
	s.end(zk.ErrClosing)
	s.Conn.Close()
}

// MakePath creates a znode and those above it, as far as they are missing.
func (s *Session) MakePath(ctx context.Context, path string) error {
	for at := 1; at <= len(path); at++ {
		if at < len(path) && path[at] != '/' {
			continue
		}
		_, err := s.Create(path[:at], nil, 0, zk.WorldACL(zk.PermAll))
		for s.Again(ctx, err) {
			_, err = s.Create(path[:at], nil, 0, zk.WorldACL(zk.PermAll))
		}
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("creating %s: %w", path[:at], err)
		}
	}
	return nil
}

type silent struct{}

func (silent) Printf(string, ...any) {}

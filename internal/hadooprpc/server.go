package hadooprpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// Method serves one method: it decodes the body, does the work and returns the response message. An *Exception in the
// error's chain reaches the client as it is, any other error as java.io.IOException. The context ends when the server
// closes, not when the client goes away: a transition that was begun is finished. InfoFrom(ctx) tells who calls.
type Method func(ctx context.Context, body []byte) (proto.Message, error)

// Protocol is a set of methods under a Java interface name.
type Protocol struct {
	Name    string // "org.apache.hadoop.ha.HAServiceProtocol"
	Version uint64
	Methods map[string]Method
}

// Unary makes a Method of a function with typed messages.
func Unary[T any, PT interface {
	*T
	proto.Message
}](f func(ctx context.Context, req PT) (proto.Message, error)) Method {
	return func(ctx context.Context, body []byte) (proto.Message, error) {
		req := PT(new(T))
		if err := proto.Unmarshal(body, req); err != nil {
			return nil, &Exception{Class: ClassRPCServer, Message: "error decoding the request: " + err.Error(), Code: errorRPCServer}
		}
		return f(ctx, req)
	}
}

// ServerOptions are the settings of a server; the zero value is complete.
type ServerOptions struct {
	MaxFrame    int           // largest request in bytes; default DefaultMaxFrame
	MaxInFlight int           // calls of one connection that are served at a time, the next ones wait; default 256
	OpenTimeout time.Duration // a connection must send its header and context within it; default 30 s
	// Before is called before each call's method, in the call's goroutine; an error is the call's answer. Optional.
	Before func(ctx context.Context, info *CallInfo) error
}

func (o ServerOptions) withDefaults() ServerOptions {
	if o.MaxFrame == 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 256
	}
	if o.OpenTimeout == 0 {
		o.OpenTimeout = 30 * time.Second
	}
	return o
}

// Server serves protocols on one or more listeners.
type Server struct {
	log  *zap.Logger
	opts ServerOptions

	ctx    context.Context // of all handlers
	cancel context.CancelFunc

	mu        sync.Mutex
	protocols map[string]Protocol
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	closed    bool
	wg        sync.WaitGroup
}

// NewServer returns a server without protocols or listeners.
func NewServer(log *zap.Logger, opts ServerOptions) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		log: log, opts: opts.withDefaults(), ctx: ctx, cancel: cancel,
		protocols: map[string]Protocol{}, listeners: map[net.Listener]struct{}{}, conns: map[*serverConn]struct{}{},
	}
}

// Register adds a protocol. Call it before Serve.
func (s *Server) Register(p Protocol) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.protocols[p.Name] = p
}

// Serve accepts connections until Close, and then returns nil; any other end is an error. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.listeners[ln] = struct{}{}
	s.mu.Unlock()
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
			}
			// Out of file descriptors, or the client is gone already: neither ends the service.
			s.log.Warn("accept failed", zap.Stringer("addr", ln.Addr()), zap.Error(err))
			select {
			case <-time.After(10 * time.Millisecond):
			case <-s.ctx.Done():
				return nil
			}
			continue
		}
		s.start(nc)
	}
}

func (s *Server) start(nc net.Conn) {
	c := newServerConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Go(func() {
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
}

// Close ends all listeners, connections and handlers, and waits for them. It is idempotent.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.cancel()
	for ln := range s.listeners {
		_ = ln.Close()
	}
	for c := range s.conns {
		_ = c.nc.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// lookup finds the method of a call, or the original's exception for there being none.
func (s *Server) lookup(protocol, method string, version uint64, connProtocol string) (Method, *Exception) {
	s.mu.Lock()
	p, ok := s.protocols[protocol]
	s.mu.Unlock()
	if !ok {
		return nil, &Exception{Class: ClassNoSuchProtocol, Message: "Unknown protocol: " + protocol, Code: errorNoSuchProtocol}
	}
	if p.Version != version {
		return nil, &Exception{
			Class:   ClassVersion,
			Message: fmt.Sprintf("Protocol %s version mismatch. (client = %d, server = %d)", protocol, version, p.Version),
			Code:    errorVersionMismatch,
		}
	}
	m, ok := p.Methods[method]
	if !ok {
		return nil, &Exception{
			Class:   ClassNoSuchMethod,
			Message: fmt.Sprintf("Unknown method %s called on %s protocol.", method, connProtocol),
			Code:    errorNoSuchMethod,
		}
	}
	return m, nil
}

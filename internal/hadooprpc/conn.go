package hadooprpc

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

// ErrClosed is wrapped by the error of a call on a connection or client that was closed by this side.
var ErrClosed = errors.New("connection closed")

// One client id and one counter of call ids per process: the original's servers recognise repeated calls by the pair.
var (
	processID = sync.OnceValue(func() []byte {
		id := make([]byte, 16)
		_, _ = rand.Read(id) // never fails (crypto/rand)
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		return id
	})
	lastCall atomic.Uint32
)

// ClientID is the 16 random bytes that name this process in its calls.
func ClientID() []byte { return append([]byte(nil), processID()...) }

func nextCallID() int32 { return int32((lastCall.Add(1) - 1) & 0x7fffffff) }

// Conn is one client connection. Calls may be made from several goroutines; they share the connection and are
// answered in any order. A failed connection stays failed: see Client for one that dials again.
type Conn struct {
	nc       net.Conn
	addr     string
	protocol string
	version  uint64
	opts     ClientOptions
	out      *outbox
	opened   bool // the connection header and context are queued; guarded by the outbox's lock

	mu      sync.Mutex
	pending map[int32]chan *Response
	err     error

	received atomic.Uint64 // answers that have arrived

	done chan struct{}
	wg   sync.WaitGroup
}

// newConn starts the connection's reader and writer. Nothing is sent before the first call: the header, the connection
// context and the call then leave together, as the original sends them.
func newConn(nc net.Conn, addr, protocol string, version uint64, opts ClientOptions) *Conn {
	c := &Conn{
		nc: nc, addr: addr, protocol: protocol, version: version, opts: opts,
		out: newOutbox(), pending: map[int32]chan *Response{}, done: make(chan struct{}),
	}
	c.wg.Add(2)
	go func() {
		defer c.wg.Done()
		if err := c.out.run(nc); err != nil {
			c.fail(err)
		}
	}()
	go func() {
		defer c.wg.Done()
		c.fail(c.read())
	}()
	return c
}

// Call makes one call and decodes its answer into resp. It returns an *Exception when the server answered with one,
// and the context's error, wrapped, when there was no answer in time; the connection stays usable after both.
func (c *Conn) Call(ctx context.Context, method string, req, resp proto.Message) error {
	body, err := deterministic.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	id := nextCallID()
	answer := make(chan *Response, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return c.err
	}
	c.pending[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()

	caller := callerContext(ctx, c.opts.CallerContext)
	err = c.out.send(ctx, func(b []byte) ([]byte, error) {
		b, fillErr := c.appendOpening(b, caller)
		if fillErr != nil {
			return b, fillErr
		}
		r := Request{
			Header: requestHeader(id, 0, caller),
			Method: &rpcpb.RequestHeader{MethodName: &method, DeclaringClassProtocolName: &c.protocol, ClientProtocolVersion: &c.version},
			Body:   body,
		}
		b, fillErr = r.AppendFrame(b)
		c.opened = c.opened || fillErr == nil
		return b, fillErr
	})
	if err != nil {
		return fmt.Errorf("%s to %s: %w", method, c.addr, err)
	}
	select {
	case r := <-answer:
		if r.Header.GetStatus() != rpcpb.RpcResponseHeader_SUCCESS {
			return exceptionOf(r.Header)
		}
		if err := proto.Unmarshal(r.Body, resp); err != nil {
			return fmt.Errorf("answer of %s to %s: %w: %w", c.addr, method, ErrMalformed, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no answer from %s to %s: %w", c.addr, method, ctx.Err())
	case <-c.done:
		select {
		case r := <-answer: // a FATAL answer arrives just before the end
			if r.Header.GetStatus() != rpcpb.RpcResponseHeader_SUCCESS {
				return exceptionOf(r.Header)
			}
			return proto.Unmarshal(r.Body, resp)
		default:
		}
		return fmt.Errorf("%s to %s: %w", method, c.addr, c.Err())
	}
}

// Ping sends a frame that the server reads and does not answer.
func (c *Conn) Ping(ctx context.Context) error {
	return c.out.send(ctx, func(b []byte) ([]byte, error) {
		b, err := c.appendOpening(b, c.opts.CallerContext)
		if err != nil {
			return b, err
		}
		b, err = (&Request{Header: requestHeader(callIDPing, -1, "")}).AppendFrame(b)
		c.opened = c.opened || err == nil
		return b, err
	})
}

// Done is closed as soon as the connection has failed, was closed by the peer, or was closed by Close.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended; nil while it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for its goroutines. Calls under way fail with ErrClosed.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// unused tells whether no call waits for an answer and none has arrived since there were before of them.
func (c *Conn) unused(before uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending) == 0 && c.received.Load() == before
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	close(c.done)
	c.mu.Unlock()
	c.out.close(err)
	_ = c.nc.Close()
}

// read delivers answers until the connection ends; it returns why.
func (c *Conn) read() error {
	r := bufio.NewReaderSize(c.nc, 16<<10)
	for {
		frame, err := readFrame(r, c.opts.MaxFrame)
		if err != nil {
			return fmt.Errorf("connection to %s ended: %w", c.addr, err)
		}
		c.received.Add(1)
		resp, err := DecodeResponse(frame)
		if err != nil {
			return fmt.Errorf("answer of %s: %w", c.addr, err)
		}
		h := resp.Header
		id := int32(h.GetCallId())
		fatal := h.GetStatus() == rpcpb.RpcResponseHeader_FATAL
		c.mu.Lock()
		if answer, ok := c.pending[id]; ok {
			delete(c.pending, id)
			answer <- resp
		}
		if fatal { // it ends the connection, whichever call caused it: all calls under way have it as their answer
			for id, answer := range c.pending {
				delete(c.pending, id)
				answer <- resp
			}
		}
		c.mu.Unlock()
		if fatal {
			return fmt.Errorf("%s closed the connection: %w", c.addr, exceptionOf(h))
		}
	}
}

// appendOpening appends the connection header and the connection context before the first frame. It runs under the lock of
// the outbox, which guards opened.
func (c *Conn) appendOpening(b []byte, caller string) ([]byte, error) {
	if c.opened {
		return b, nil
	}
	b = ConnectionHeader{Version: Version, Auth: AuthNone}.AppendTo(b)
	r := Request{
		Header: requestHeader(callIDContext, -1, caller),
		Context: &rpcpb.IpcConnectionContext{
			UserInfo: &rpcpb.UserInformation{EffectiveUser: &c.opts.User},
			Protocol: &c.protocol,
		},
	}
	return r.AppendFrame(b)
}

func requestHeader(id, retry int32, caller string) *rpcpb.RpcRequestHeader {
	h := &rpcpb.RpcRequestHeader{
		RpcKind:    rpcpb.RpcKind_RPC_PROTOCOL_BUFFER.Enum(),
		RpcOp:      rpcpb.RpcRequestHeader_RPC_FINAL_PACKET.Enum(),
		CallId:     &id,
		ClientId:   processID(),
		RetryCount: &retry,
	}
	if caller != "" {
		h.CallerContext = &rpcpb.CallerContext{Context: &caller}
	}
	return h
}

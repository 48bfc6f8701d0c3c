package hadooprpc

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

const (
	errorNoSuchMethod    = rpcpb.RpcResponseHeader_ERROR_NO_SUCH_METHOD
	errorNoSuchProtocol  = rpcpb.RpcResponseHeader_ERROR_NO_SUCH_PROTOCOL
	errorRPCServer       = rpcpb.RpcResponseHeader_ERROR_RPC_SERVER
	errorVersionMismatch = rpcpb.RpcResponseHeader_ERROR_RPC_VERSION_MISMATCH
)

// httpAnswer is what the original says to a browser on its RPC port, to the byte.
const httpAnswer = "HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n" +
	"It looks like you are making an HTTP request to a Hadoop IPC port. " +
	"This is not the correct port for the web interface on this daemon.\r\n"

// serverConn is one accepted connection: a reader, a writer, and a goroutine per call under way.
type serverConn struct {
	s       *Server
	nc      net.Conn
	out     *outbox
	slots   chan struct{}
	context *rpcpb.IpcConnectionContext // nil until received
	calls   sync.WaitGroup
}

func newServerConn(s *Server, nc net.Conn) *serverConn {
	return &serverConn{s: s, nc: nc, out: newOutbox(), slots: make(chan struct{}, s.opts.MaxInFlight)}
}

// errRefused ends a connection on which an answer for the reason is queued already.
type errRefused struct{ e *Exception }

func (r errRefused) Error() string { return r.e.Message }

// serve runs the connection to its end.
func (c *serverConn) serve() {
	var writer sync.WaitGroup
	writer.Go(func() {
		if c.out.run(c.nc) != nil {
			_ = c.nc.Close() // the reader notices
		}
	})
	err := c.read()
	log := c.s.log.With(zap.String("peer", c.nc.RemoteAddr().String()))
	var refused errRefused
	switch {
	case c.s.ctx.Err() != nil, errors.Is(err, io.EOF) && c.context != nil:
	case errors.As(err, &refused):
		log.Warn("connection refused and closed", zap.String("reason", err.Error()))
	case errors.Is(err, ErrFrameTooLarge), errors.Is(err, ErrMalformed):
		log.Warn("connection closed: not a Hadoop RPC client, or not one of ours", zap.Error(err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		log.Warn("connection closed: the client ended within a frame", zap.Error(err))
	default:
		log.Debug("connection ended", zap.Error(err))
	}
	if errors.As(err, &refused) { // let the client read the reason
		c.out.close(ErrClosed)
		writer.Wait()
		c.linger()
		_ = c.nc.Close()
	} else {
		_ = c.nc.Close()
		c.out.close(ErrClosed)
	}
	c.calls.Wait()
	writer.Wait()
}

// linger reads what the client still sends, for a moment: closing a socket with unread bytes resets it, and the answer
// would be lost.
func (c *serverConn) linger() {
	if t, ok := c.nc.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, c.nc, 1<<20)
}

// read handles frames until the connection ends; it returns why.
func (c *serverConn) read() error {
	if err := c.nc.SetReadDeadline(time.Now().Add(c.s.opts.OpenTimeout)); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c.nc, 16<<10)
	if err := c.readHeader(r); err != nil {
		return err
	}
	for {
		frame, err := readFrame(r, c.s.opts.MaxFrame)
		if err != nil {
			return err
		}
		if err := c.handle(frame); err != nil {
			return err
		}
	}
}

func (c *serverConn) readHeader(r io.Reader) error {
	var b [headerLen]byte
	n, err := io.ReadFull(r, b[:4])
	if err == nil && string(b[:4]) == "GET " {
		_ = c.out.send(c.s.ctx, func(b []byte) ([]byte, error) { return append(b, httpAnswer...), nil })
		return errRefused{NewException(ClassFatal, "an HTTP request on the RPC port")}
	}
	if err == nil {
		if string(b[:4]) != magic {
			return fmt.Errorf("%w: connection begins with bytes %s instead of %q", ErrMalformed, hex.EncodeToString(b[:4]), magic)
		}
		n, err = io.ReadFull(r, b[4:])
		n += 4
	}
	if err != nil {
		if n > 0 {
			return fmt.Errorf("%w: connection ended after the bytes %s", ErrMalformed, hex.EncodeToString(b[:n]))
		}
		return err
	}
	h, err := DecodeConnectionHeader(b[:])
	if err != nil {
		return err
	}
	if h.Version != Version {
		return c.fatal(callIDInvalid, -1, &Exception{
			Class:   ClassVersion,
			Message: fmt.Sprintf("Server IPC version %d cannot communicate with client version %d", Version, h.Version),
			Code:    rpcpb.RpcResponseHeader_FATAL_VERSION_MISMATCH,
		})
	}
	if h.Auth != AuthNone {
		return c.fatal(callIDInvalid, -1, &Exception{
			Class:   ClassAccessControl,
			Message: fmt.Sprintf("only SIMPLE authentication is enabled here: authentication protocol %d is not spoken", int8(h.Auth)),
			Code:    rpcpb.RpcResponseHeader_FATAL_UNAUTHORIZED,
		})
	}
	return nil
}

// handle does one frame. An error ends the connection.
func (c *serverConn) handle(frame []byte) error {
	req, err := DecodeRequest(frame)
	h := req.Header
	if h == nil {
		return c.fatal(callIDInvalid, -1, &Exception{Class: ClassFatal, Message: err.Error(), Code: rpcpb.RpcResponseHeader_FATAL_DESERIALIZING_REQUEST})
	}
	id, retry := h.GetCallId(), h.GetRetryCount()
	switch {
	case h.RpcOp == nil || h.GetRpcOp() != rpcpb.RpcRequestHeader_RPC_FINAL_PACKET:
		return c.invalid(h, fmt.Sprintf("IPC Server does not implement rpc header operation %s", h.GetRpcOp()))
	case h.RpcKind == nil:
		return c.invalid(h, " IPC Server: No rpc kind in rpcRequestHeader")
	case err != nil:
		return c.fatal(id, retry, &Exception{Class: ClassFatal, Message: err.Error(), Code: rpcpb.RpcResponseHeader_FATAL_DESERIALIZING_REQUEST})
	case id == callIDPing:
		return nil
	case id == callIDContext:
		if c.context != nil {
			return c.invalid(h, "Connection context already processed")
		}
		c.context = req.Context
		return c.nc.SetReadDeadline(time.Time{})
	case id < 0:
		return c.invalid(h, fmt.Sprintf("Unknown out of band call #%d", id))
	case c.context == nil:
		return c.invalid(h, "Connection context not established")
	case h.GetRpcKind() != rpcpb.RpcKind_RPC_PROTOCOL_BUFFER:
		return c.invalid(h, fmt.Sprintf("Unknown rpc kind in rpc header %s", h.GetRpcKind()))
	}
	select {
	case c.slots <- struct{}{}:
	case <-c.s.ctx.Done():
		return c.s.ctx.Err()
	}
	c.calls.Go(func() {
		c.call(req)
		<-c.slots
	})
	return nil
}

// call serves one call and queues its answer.
func (c *serverConn) call(req *Request) {
	info := &CallInfo{
		User:          c.context.GetUserInfo().GetEffectiveUser(),
		CallerContext: req.Header.GetCallerContext().GetContext(),
		Remote:        c.nc.RemoteAddr(),
		Protocol:      req.Method.GetDeclaringClassProtocolName(),
		Method:        req.Method.GetMethodName(),
		ClientID:      req.Header.GetClientId(),
		CallID:        req.Header.GetCallId(),
	}
	ctx := context.WithValue(c.s.ctx, callInfoKey{}, info)
	body, exception := c.invoke(ctx, info, req)
	_ = c.out.send(c.s.ctx, func(b []byte) ([]byte, error) {
		return response(req.Header.GetCallId(), req.Header.GetRetryCount(), req.Header.GetClientId(), body, exception).AppendFrame(b)
	}) // fails only when the connection has ended
}

func (c *serverConn) invoke(ctx context.Context, info *CallInfo, req *Request) ([]byte, *Exception) {
	if before := c.s.opts.Before; before != nil {
		if err := before(ctx, info); err != nil {
			return nil, asException(err)
		}
	}
	method, exception := c.s.lookup(info.Protocol, info.Method, req.Method.GetClientProtocolVersion(), c.context.GetProtocol())
	if exception != nil {
		c.s.log.Warn("call of something unknown", zap.String("peer", info.Remote.String()), zap.String("reason", exception.Message))
		return nil, exception
	}
	msg, err := method(ctx, req.Body)
	if err != nil {
		return nil, asException(err)
	}
	body, err := deterministic.Marshal(msg)
	if err != nil {
		return nil, &Exception{Class: ClassRPCServer, Message: err.Error(), Code: rpcpb.RpcResponseHeader_ERROR_SERIALIZING_RESPONSE}
	}
	return body, nil
}

func (c *serverConn) invalid(h *rpcpb.RpcRequestHeader, message string) error {
	return c.fatal(h.GetCallId(), h.GetRetryCount(), &Exception{Class: ClassFatal, Message: message, Code: rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER})
}

// fatal queues a FATAL answer and returns the error that ends the connection.
func (c *serverConn) fatal(id, retry int32, e *Exception) error {
	e.Fatal = true
	_ = c.out.send(c.s.ctx, func(b []byte) ([]byte, error) {
		return response(id, retry, []byte{}, nil, e).AppendFrame(b)
	})
	return errRefused{e}
}

// response builds an answer: e tells which kind.
func response(id, retry int32, clientID, body []byte, e *Exception) *Response {
	call, version := uint32(id), uint32(Version)
	h := &rpcpb.RpcResponseHeader{
		CallId:              &call,
		Status:              rpcpb.RpcResponseHeader_SUCCESS.Enum(),
		ServerIpcVersionNum: &version,
		ClientId:            clientID,
		RetryCount:          &retry,
	}
	if e != nil {
		h.Status = rpcpb.RpcResponseHeader_ERROR.Enum()
		if e.Fatal {
			h.Status = rpcpb.RpcResponseHeader_FATAL.Enum()
		}
		msg := e.wireMessage()
		h.ExceptionClassName, h.ErrorMsg = &e.Class, &msg
		if e.Code != 0 {
			h.ErrorDetail = e.Code.Enum()
		}
		return &Response{Header: h}
	}
	return &Response{Header: h, Body: body}
}

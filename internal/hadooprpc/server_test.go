package hadooprpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/hapb"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

const testProtocol = "holdfast.test.Echo"

// echo answers getServiceStatus' response with the reason that the handler returns.
func echo(f func(ctx context.Context) (string, error)) Method {
	return Unary(func(ctx context.Context, _ *hapb.GetServiceStatusRequest) (proto.Message, error) {
		s, err := f(ctx)
		if err != nil {
			return nil, err
		}
		return &hapb.GetServiceStatusResponse{State: hapb.HAServiceState_ACTIVE.Enum(), NotReadyReason: &s}, nil
	})
}

// serveTest runs a server with the given methods and returns its address and its log.
func serveTest(t *testing.T, opts ServerOptions, methods map[string]Method) (*Server, string, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	srv := NewServer(zap.New(core), opts)
	srv.Register(Protocol{Name: testProtocol, Version: 3, Methods: methods})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.NoError(t, srv.Close(), "Close is idempotent")
		require.NoError(t, <-served)
	})
	return srv, ln.Addr().String(), logs
}

func newTestClient(t *testing.T, addr, protocol string, version uint64, opts ClientOptions) *Client {
	t.Helper()
	c := NewClient(addr, protocol, version, opts)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func ask(ctx context.Context, c *Client, method string) (string, error) {
	var resp hapb.GetServiceStatusResponse
	err := c.Call(ctx, method, &hapb.GetServiceStatusRequest{}, &resp)
	return resp.GetNotReadyReason(), err
}

func TestUnknownProtocolMethodAndVersionAnswerAsTheOriginalAndKeepTheConnection(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"hello": echo(func(context.Context) (string, error) { return "hi", nil }),
	})
	for _, tt := range []struct {
		name, protocol, method string
		version                uint64
		class, message         string
		code                   rpcpb.RpcResponseHeader_ErrorCode
	}{
		{"protocol", "a.b.C", "hello", 3, "org.apache.hadoop.ipc.RpcNoSuchProtocolException", "Unknown protocol: a.b.C", errorNoSuchProtocol},
		{"method", testProtocol, "bye", 3, "org.apache.hadoop.ipc.RpcNoSuchMethodException", "Unknown method bye called on holdfast.test.Echo protocol.", errorNoSuchMethod},
		{"version", testProtocol, "hello", 2, "org.apache.hadoop.ipc.RPC$VersionMismatch", "Protocol holdfast.test.Echo version mismatch. (client = 2, server = 3)", errorVersionMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestClient(t, addr, tt.protocol, tt.version, ClientOptions{})
			for range 2 { // twice on one connection
				_, err := ask(t.Context(), c, tt.method)
				var e *Exception
				require.ErrorAs(t, err, &e)
				require.Equal(t, Exception{Class: tt.class, Message: tt.message, Code: tt.code}, *e)
			}
			select {
			case <-c.Down():
				t.Fatal("the connection was closed")
			default:
			}
		})
	}
}

func TestHandlerErrorsTravelWithTheirClass(t *testing.T) {
	stack := NewException("a.B", "why")
	stack.Stack = "\tat a.B.c(B.java:1)\n"
	fatal := &Exception{Class: "a.Fatal", Message: "elsewhere", Fatal: true, Code: rpcpb.RpcResponseHeader_FATAL_UNKNOWN}
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"plain":   echo(func(context.Context) (string, error) { return "", errors.New("disk full") }),
		"class":   echo(func(context.Context) (string, error) { return "", NewException(ClassStandby, "not me") }),
		"stack":   echo(func(context.Context) (string, error) { return "", stack }),
		"relayed": echo(func(context.Context) (string, error) { return "", fatal }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	for method, want := range map[string]Exception{
		"plain":   {Class: ClassIO, Message: "disk full", Code: 1},
		"class":   {Class: ClassStandby, Message: "not me", Code: 1},
		"stack":   {Class: "a.B", Message: "why", Stack: "\tat a.B.c(B.java:1)\n", Code: 1},
		"relayed": {Class: "a.Fatal", Message: "elsewhere", Code: 1},
	} {
		_, err := ask(t.Context(), c, method)
		var e *Exception
		require.ErrorAs(t, err, &e, method)
		require.Equal(t, want, *e)
	}
}

func TestSlowCallDoesNotHoldUpOthersOnTheSameConnection(t *testing.T) {
	release := make(chan struct{})
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"slow": echo(func(context.Context) (string, error) { <-release; return "slow", nil }),
		"fast": echo(func(context.Context) (string, error) { return "fast", nil }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	conn, err := c.Connect(t.Context())
	require.NoError(t, err)
	slow := make(chan error, 1)
	go func() {
		_, slowErr := ask(t.Context(), c, "slow")
		slow <- slowErr
	}()
	for range 100 {
		got, fastErr := ask(t.Context(), c, "fast")
		require.NoError(t, fastErr)
		require.Equal(t, "fast", got)
	}
	close(release)
	require.NoError(t, <-slow)
	again, err := c.Connect(t.Context())
	require.NoError(t, err)
	require.Same(t, conn, again)
}

func TestManyConcurrentCallsGetTheirOwnAnswers(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{MaxInFlight: 4}, map[string]Method{
		"who": echo(func(ctx context.Context) (string, error) { return InfoFrom(ctx).CallerContext, nil }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	errs := make(chan error, 64)
	for i := range 64 {
		go func() {
			name := strings.Repeat("x", i)
			got, err := ask(WithCallerContext(t.Context(), name), c, "who")
			if err == nil && got != name {
				err = errors.New("answer of another call: " + got)
			}
			errs <- err
		}()
	}
	for range 64 {
		require.NoError(t, <-errs)
	}
}

func TestHandlerSeesTheCallerAndPassesItsContextOn(t *testing.T) {
	_, far, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"who": echo(func(ctx context.Context) (string, error) {
			i := InfoFrom(ctx)
			return i.User + " " + i.CallerContext + " " + i.Method + " " + i.Protocol, nil
		}),
	})
	onward := newTestClient(t, far, testProtocol, 3, ClientOptions{User: "zkfc"})
	_, near, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"relay": echo(func(ctx context.Context) (string, error) { return ask(ctx, onward, "who") }),
	})
	c := newTestClient(t, near, testProtocol, 3, ClientOptions{User: "alice", CallerContext: "CLI"})
	got, err := ask(t.Context(), c, "relay")
	require.NoError(t, err)
	require.Equal(t, "zkfc CLI who "+testProtocol, got)
	require.Nil(t, InfoFrom(t.Context()))
}

func TestCallEndsWithItsContextAndTheConnectionStays(t *testing.T) {
	release := make(chan struct{})
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"slow": echo(func(context.Context) (string, error) { <-release; return "late", nil }),
		"fast": echo(func(context.Context) (string, error) { return "fast", nil }),
	})
	c, err := newTestClient(t, addr, testProtocol, 3, ClientOptions{}).Connect(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var resp hapb.GetServiceStatusResponse
	err = c.Call(ctx, "slow", &hapb.GetServiceStatusRequest{}, &resp)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no answer from "+addr+" to slow")
	close(release)
	err = c.Call(t.Context(), "fast", &hapb.GetServiceStatusRequest{}, &resp)
	require.NoError(t, err)
	require.Equal(t, "fast", resp.GetNotReadyReason(), "the late answer is dropped, not mistaken for this one")
}

func TestSilentPeerIsDialledAgainUnlessAnotherCallWaits(t *testing.T) {
	release := make(chan struct{})
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"slow": echo(func(context.Context) (string, error) { <-release; return "late", nil }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	first, err := c.Connect(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = ask(ctx, c, "slow")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-first.Done()
	require.Nil(t, c.Down())

	second, err := c.Connect(t.Context())
	require.NoError(t, err)
	patient := make(chan error, 1)
	go func() {
		patient <- second.Call(t.Context(), "slow", &hapb.GetServiceStatusRequest{}, &hapb.GetServiceStatusResponse{})
	}()
	require.Eventually(t, func() bool { return !second.unused(0) }, 5*time.Second, time.Millisecond)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = ask(ctx, c, "slow")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, second.Err(), "a patient call still waits on it")
	close(release)
	require.NoError(t, <-patient)
}

func TestPeersEndIsNoticedWithoutACall(t *testing.T) {
	srv, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"fast": echo(func(context.Context) (string, error) { return "fast", nil }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	require.Nil(t, c.Down(), "no connection yet")
	_, err := ask(t.Context(), c, "fast")
	require.NoError(t, err)
	down := c.Down()
	require.NoError(t, srv.Close())
	<-down
	_, err = ask(t.Context(), c, "fast")
	var op *net.OpError
	require.ErrorAs(t, err, &op, "refused at once")
	require.Equal(t, "dial", op.Op)
}

func TestCallUnderWayFailsWhenThePeerEnds(t *testing.T) {
	entered := make(chan struct{})
	srv, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"hang": echo(func(ctx context.Context) (string, error) { close(entered); <-ctx.Done(); return "", ctx.Err() }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	result := make(chan error, 1)
	go func() {
		_, err := ask(t.Context(), c, "hang")
		result <- err
	}()
	<-entered
	require.NoError(t, srv.Close())
	require.Error(t, <-result)
}

func TestClosedClientRefusesCalls(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{}, nil)
	c := NewClient(addr, testProtocol, 3, ClientOptions{})
	_, err := c.Connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = ask(t.Context(), c, "x")
	require.ErrorIs(t, err, ErrClosed)
}

func TestPingIsReadAndNotAnswered(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{}, map[string]Method{
		"fast": echo(func(context.Context) (string, error) { return "fast", nil }),
	})
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	conn, err := c.Connect(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	_, err = ask(t.Context(), c, "fast")
	require.NoError(t, err)
	require.NoError(t, conn.Ping(t.Context()))
	_, err = ask(t.Context(), c, "fast")
	require.NoError(t, err)
	require.NoError(t, conn.Err())
}

func TestBeforeCanRefuseACall(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{Before: func(_ context.Context, i *CallInfo) error {
		return NewException(ClassAccessControl, "not "+i.Method)
	}}, nil)
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{})
	_, err := ask(t.Context(), c, "x")
	require.True(t, IsClass(err, ClassAccessControl))
}

// opening is the connection header and context of a correct client.
func opening(t *testing.T) []byte {
	t.Helper()
	c := &Conn{protocol: testProtocol, opts: ClientOptions{User: "u"}}
	b, err := c.appendOpening(nil, "")
	require.NoError(t, err)
	return b
}

func frame(t *testing.T, r *Request) []byte {
	t.Helper()
	b, err := r.AppendFrame(nil)
	require.NoError(t, err)
	return b
}

func TestBadInputIsAnsweredLoggedAndClosed(t *testing.T) {
	method, protocol, version := "hello", testProtocol, uint64(3)
	call := func(change func(*Request)) []byte {
		r := &Request{
			Header: requestHeader(7, 0, ""),
			Method: &rpcpb.RequestHeader{MethodName: &method, DeclaringClassProtocolName: &protocol, ClientProtocolVersion: &version},
		}
		change(r)
		return frame(t, r)
	}
	open := opening(t)
	header := open[:headerLen]
	oversized := binary.BigEndian.AppendUint32(nil, 1<<20+1)
	negative := []byte{0xff, 0xff, 0xff, 0xff}
	outOfBand := int32(-9)
	for _, tt := range []struct {
		name    string
		send    []byte
		code    rpcpb.RpcResponseHeader_ErrorCode // of the FATAL answer; 0: closed without one
		message string                            // part of the answer, or of the log line
	}{
		{"garbage", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"), 0, "16030102"},
		{"short garbage", []byte("hr"), 0, "6872"},
		{"old version", []byte("hrpc\x08\x00\x00"), rpcpb.RpcResponseHeader_FATAL_VERSION_MISMATCH, "Server IPC version 9 cannot communicate with client version 8"},
		{"new version", []byte("hrpc\x0a\x00\x00"), rpcpb.RpcResponseHeader_FATAL_VERSION_MISMATCH, "Server IPC version 9 cannot communicate with client version 10"},
		{"SASL", []byte("hrpc\x09\x00\xdf"), rpcpb.RpcResponseHeader_FATAL_UNAUTHORIZED, "only SIMPLE authentication"},
		{"oversized first frame", concat(header, oversized), 0, "length 1048577, at most 1048576"},
		{"oversized frame", concat(open, oversized), 0, "length 1048577, at most 1048576"},
		{"negative length", concat(open, negative), 0, "length -1"},
		{"undecodable frame", concat(open, []byte{0, 0, 0, 3, 9, 9, 9}), rpcpb.RpcResponseHeader_FATAL_DESERIALIZING_REQUEST, "RpcRequestHeaderProto"},
		{"empty frame", concat(open, []byte{0, 0, 0, 0}), rpcpb.RpcResponseHeader_FATAL_DESERIALIZING_REQUEST, "RpcRequestHeaderProto"},
		{"no context", concat(header, call(func(*Request) {})), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "Connection context not established"},
		{"second context", concat(open, open[headerLen:]), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "Connection context already processed"},
		{"close operation", concat(open, call(func(r *Request) {
			r.Header.RpcOp = rpcpb.RpcRequestHeader_RPC_CLOSE_CONNECTION.Enum()
		})), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "does not implement rpc header operation"},
		{"no kind", concat(open, call(func(r *Request) { r.Header.RpcKind = nil })), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "No rpc kind"},
		{"writable kind", concat(open, call(func(r *Request) {
			r.Header.RpcKind = rpcpb.RpcKind_RPC_WRITABLE.Enum()
		})), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "Unknown rpc kind"},
		{"unknown out of band call", concat(open, call(func(r *Request) {
			r.Header.CallId, r.Method = &outOfBand, nil
		})), rpcpb.RpcResponseHeader_FATAL_INVALID_RPC_HEADER, "Unknown out of band call #-9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, addr, logs := serveTest(t, ServerOptions{MaxFrame: 1 << 20}, nil)
			nc, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer nc.Close()
			_, err = nc.Write(tt.send)
			require.NoError(t, err)
			require.NoError(t, nc.(*net.TCPConn).CloseWrite())
			if tt.code != 0 {
				b, err := readFrame(nc, 1<<20)
				require.NoError(t, err)
				resp, err := DecodeResponse(b)
				require.NoError(t, err)
				require.Equal(t, rpcpb.RpcResponseHeader_FATAL, resp.Header.GetStatus())
				require.Equal(t, tt.code, resp.Header.GetErrorDetail())
				require.Contains(t, resp.Header.GetErrorMsg(), tt.message)
			}
			rest, _ := io.ReadAll(nc) // reset or end: the server has closed
			require.Empty(t, rest)
			require.NoError(t, srv.Close())
			warned := logs.FilterLevelExact(zapcore.WarnLevel).All()
			require.Len(t, warned, 1)
			text := warned[0].Message
			for _, v := range warned[0].ContextMap() {
				text += " " + v.(string)
			}
			require.Contains(t, text, tt.message)
		})
	}
}

func concat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestFatalAnswerReachesTheCaller(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{}, nil)
	c := newTestClient(t, addr, testProtocol, 3, ClientOptions{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_, err = nc.Write([]byte("hrpc\x07\x00\x00")) // the client's own header comes too late
		}
		return nc, err
	}})
	_, err := ask(t.Context(), c, "x")
	var e *Exception
	require.ErrorAs(t, err, &e)
	require.True(t, e.Fatal)
	require.Equal(t, ClassVersion, e.Class)
}

func TestHTTPRequestGetsTheOriginalsAnswer(t *testing.T) {
	_, addr, logs := serveTest(t, ServerOptions{}, nil)
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: "+strings.Repeat("x", 5000)+"\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, nc.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(nc)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n"+
		"It looks like you are making an HTTP request to a Hadoop IPC port. "+
		"This is not the correct port for the web interface on this daemon.\r\n", string(got))
	require.Zero(t, logs.FilterLevelExact(zapcore.ErrorLevel).Len())
}

func TestSilentConnectionIsGivenUp(t *testing.T) {
	_, addr, _ := serveTest(t, ServerOptions{OpenTimeout: 10 * time.Millisecond}, nil)
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestClientRefusesMalformedAnswers(t *testing.T) {
	for name, answer := range map[string][]byte{
		"garbage":   {0, 0, 0, 2, 0xff, 0xff},
		"oversized": {0x7f, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			c := newConn(near, "far", testProtocol, 1, ClientOptions{MaxFrame: 1024})
			go func() { _, _ = io.Copy(io.Discard, far) }()
			go func() { _, _ = far.Write(answer) }()
			err := c.Call(t.Context(), "x", &hapb.MonitorHealthRequest{}, &hapb.MonitorHealthResponse{})
			require.Error(t, err)
			require.True(t, errors.Is(err, ErrMalformed) || errors.Is(err, ErrFrameTooLarge), err)
			require.NoError(t, c.Close())
			require.NoError(t, far.Close())
		})
	}
}

func TestSenderWaitsForAFullOutboxNoLongerThanItsContext(t *testing.T) {
	o := newOutbox()
	fill := func(b []byte) ([]byte, error) { return append(b, make([]byte, outboxLimit+1)...), nil }
	require.NoError(t, o.send(t.Context(), fill))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- o.send(ctx, fill) }()
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
}

func TestClientIDIsOneUUIDPerProcess(t *testing.T) {
	id := ClientID()
	require.Len(t, id, 16)
	require.Equal(t, byte(0x40), id[6]&0xf0)
	require.Equal(t, byte(0x80), id[8]&0xc0)
	require.Equal(t, id, ClientID())
}

package hadooprpc

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/hapb"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

// recording is one connection of Hadoop 3.4.3.
type recording struct {
	name   string
	frames []recordedFrame
}

type recordedFrame struct {
	fromClient bool
	bytes      []byte // length prefix included; empty for an event such as the end
}

func recordings(tb testing.TB) []recording {
	tb.Helper()
	names, err := filepath.Glob("testdata/hrpc/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	var all []recording
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(tb, err)
		var doc struct {
			Frames []struct{ Dir, Hex string }
		}
		require.NoError(tb, json.Unmarshal(raw, &doc))
		r := recording{name: filepath.Base(name)}
		for _, f := range doc.Frames {
			b, err := hex.DecodeString(f.Hex)
			require.NoError(tb, err)
			r.frames = append(r.frames, recordedFrame{f.Dir == ">", b})
		}
		all = append(all, r)
	}
	return all
}

func TestRecordedFramesEncodeToTheSameBytes(t *testing.T) {
	seen := 0
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			for i, f := range r.frames {
				if len(f.bytes) == 0 {
					continue
				}
				seen++
				var got []byte
				switch {
				case i == 0:
					h, err := DecodeConnectionHeader(f.bytes)
					require.NoError(t, err)
					require.Equal(t, ConnectionHeader{Version: Version}, h)
					got = h.AppendTo(nil)
				case f.fromClient:
					req, err := DecodeRequest(f.bytes[4:])
					require.NoError(t, err, "frame %d", i)
					got, err = req.AppendFrame(nil)
					require.NoError(t, err)
				default:
					resp, err := DecodeResponse(f.bytes[4:])
					require.NoError(t, err, "frame %d", i)
					got, err = resp.AppendFrame(nil)
					require.NoError(t, err)
				}
				require.Equal(t, hex.EncodeToString(f.bytes), hex.EncodeToString(got), "frame %d", i)
			}
		})
	}
	require.Greater(t, seen, 200)
}

// TestServerAnswersRecordedCallsWithTheRecordedBytes plays the client's side of each recording to a server whose handlers
// do what the original's did, and compares the answers to the byte: headers, results, exceptions.
func TestServerAnswersRecordedCallsWithTheRecordedBytes(t *testing.T) {
	answers := 0
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			script := make(chan *Response, len(r.frames)) // what the handlers are to answer, in order
			for _, f := range r.frames {
				if !f.fromClient && len(f.bytes) > 0 {
					resp, err := DecodeResponse(f.bytes[4:])
					require.NoError(t, err)
					script <- resp
				}
			}
			srv := scriptedServer(t, script)
			client, serverEnd := net.Pipe()
			srv.start(serverEnd)
			defer client.Close()
			for i, f := range r.frames {
				switch {
				case len(f.bytes) == 0:
				case f.fromClient:
					_, err := client.Write(f.bytes)
					require.NoError(t, err)
				default:
					answers++
					got := make([]byte, len(f.bytes))
					_, err := io.ReadFull(client, got)
					require.NoError(t, err)
					require.Equal(t, hex.EncodeToString(f.bytes), hex.EncodeToString(got), "frame %d", i)
				}
			}
		})
	}
	require.Greater(t, answers, 60)
}

// raw is a message that is encoded as the given bytes.
func raw(b []byte) proto.Message {
	m := &hapb.MonitorHealthResponse{}
	m.ProtoReflect().SetUnknown(b)
	return m
}

func scriptedServer(t *testing.T, script <-chan *Response) *Server {
	t.Helper()
	srv := NewServer(zaptest.NewLogger(t), ServerOptions{})
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	play := func(context.Context, []byte) (proto.Message, error) {
		r := <-script
		if r.Header.GetStatus() != rpcpb.RpcResponseHeader_SUCCESS {
			return nil, exceptionOf(r.Header)
		}
		return raw(r.Body), nil
	}
	for protocol, methods := range map[string][]string{
		"org.apache.hadoop.ha.HAServiceProtocol": {"monitorHealth", "getServiceStatus", "transitionToActive", "transitionToStandby", "transitionToObserver"},
		"org.apache.hadoop.ha.ZKFCProtocol":      {"cedeActive", "gracefulFailover"},
	} {
		p := Protocol{Name: protocol, Version: 1, Methods: map[string]Method{}}
		for _, m := range methods {
			p.Methods[m] = play
		}
		srv.Register(p)
	}
	return srv
}

// TestClientSendsTheRecordedBytes compares what a client sends with what haadmin sent; only the client's id and the number
// of the call differ.
func TestClientSendsTheRecordedBytes(t *testing.T) {
	for _, r := range recordings(t) {
		if r.name != "020-haadmin-nn2.json" && r.name != "014-haadmin-zkfc2.json" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			ctxFrame, err := DecodeRequest(r.frames[1].bytes[4:])
			require.NoError(t, err)
			callFrame, err := DecodeRequest(r.frames[2].bytes[4:])
			require.NoError(t, err)

			near, far := net.Pipe()
			defer far.Close()
			c := newConn(near, "recorded", callFrame.Method.GetDeclaringClassProtocolName(), 1,
				ClientOptions{User: "root", CallerContext: "CLI", MaxFrame: 1 << 20})
			result := make(chan error, 1)
			go func() {
				result <- c.Call(context.Background(), callFrame.Method.GetMethodName(), raw(callFrame.Body), &hapb.MonitorHealthResponse{})
			}()
			ctxFrame.Header.ClientId = processID()
			want := append([]byte(nil), r.frames[0].bytes...)
			want, err = ctxFrame.AppendFrame(want)
			require.NoError(t, err)
			got := make([]byte, len(want))
			_, err = io.ReadFull(far, got)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(got))

			sent, err := readFrame(far, 1<<20)
			require.NoError(t, err)
			req, err := DecodeRequest(sent)
			require.NoError(t, err)
			callFrame.Header.ClientId, callFrame.Header.CallId = processID(), req.Header.CallId
			want, err = callFrame.AppendFrame(nil)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(want[4:]), hex.EncodeToString(sent))

			answer, err := response(req.Header.GetCallId(), 0, req.Header.ClientId, nil, nil).AppendFrame(nil)
			require.NoError(t, err)
			_, err = far.Write(answer)
			require.NoError(t, err)
			require.NoError(t, <-result)
			require.NoError(t, c.Close())
		})
	}
}

func TestRecordedExceptionIsRead(t *testing.T) {
	for _, r := range recordings(t) {
		if r.name != "053-zkfc2-nn2.json" {
			continue
		}
		for _, f := range r.frames {
			if f.fromClient || len(f.bytes) == 0 {
				continue
			}
			resp, err := DecodeResponse(f.bytes[4:])
			require.NoError(t, err)
			if resp.Header.GetStatus() != rpcpb.RpcResponseHeader_ERROR {
				continue
			}
			e := exceptionOf(resp.Header)
			require.Equal(t, ClassHealthCheck, e.Class)
			require.Equal(t, "The NameNode has no resources available", e.Message)
			require.Contains(t, e.Stack, "\tat org.apache.hadoop.hdfs.server.namenode.NameNode.monitorHealth")
			require.Equal(t, "HealthCheckFailedException: The NameNode has no resources available", e.Error())
			require.False(t, e.Fatal)
			return
		}
	}
	t.Fatal("no recorded exception found")
}

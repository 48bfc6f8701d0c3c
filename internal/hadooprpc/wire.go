package hadooprpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc/rpcpb"
)

// Version is the IPC version that this package speaks.
const Version = 9

// The authentication protocols of the connection header.
const (
	AuthNone byte = 0
	AuthSASL byte = 0xdf
)

// Call ids below zero are not calls.
const (
	callIDInvalid = -1 // a response to something that could not be read
	callIDContext = -3
	callIDPing    = -4
)

// DefaultMaxFrame is the largest frame accepted unless set otherwise, in bytes (ipc.maximum.data.length: 128 MiB).
const DefaultMaxFrame = 128 << 20

const (
	magic     = "hrpc"
	headerLen = 7
)

// ErrFrameTooLarge is wrapped by the error for a frame whose announced length is negative or over the limit.
var ErrFrameTooLarge = errors.New("frame too large")

// ErrMalformed is wrapped by the error for a frame that cannot be decoded.
var ErrMalformed = errors.New("malformed frame")

var deterministic = proto.MarshalOptions{Deterministic: true}

// ConnectionHeader is the seven bytes that open a connection.
type ConnectionHeader struct {
	Version      byte
	ServiceClass byte
	Auth         byte
}

// AppendTo appends the header's bytes.
func (h ConnectionHeader) AppendTo(b []byte) []byte {
	return append(append(b, magic...), h.Version, h.ServiceClass, h.Auth)
}

// DecodeConnectionHeader reads the seven bytes.
func DecodeConnectionHeader(b []byte) (ConnectionHeader, error) {
	if len(b) < headerLen || string(b[:4]) != magic {
		return ConnectionHeader{}, fmt.Errorf("%w: connection does not begin with %q but with %q", ErrMalformed, magic, b[:min(len(b), headerLen)])
	}
	return ConnectionHeader{Version: b[4], ServiceClass: b[5], Auth: b[6]}, nil
}

// Request is one frame from a client. Context is set for call id -3, Method and Body for calls.
type Request struct {
	Header  *rpcpb.RpcRequestHeader
	Context *rpcpb.IpcConnectionContext
	Method  *rpcpb.RequestHeader
	Body    []byte // the request message without its length
}

// DecodeRequest reads one frame, without its four length bytes. Body points into frame. On an error the header is
// still set when it could be read, so that the answer can name the call.
func DecodeRequest(frame []byte) (*Request, error) {
	r := &Request{}
	h := &rpcpb.RpcRequestHeader{}
	rest, err := takeMessage(frame, h, "RpcRequestHeaderProto")
	if err != nil {
		return r, err
	}
	r.Header = h
	switch {
	case h.GetCallId() == callIDContext:
		c := &rpcpb.IpcConnectionContext{}
		if rest, err = takeMessage(rest, c, "IpcConnectionContextProto"); err != nil {
			return r, err
		}
		r.Context = c
	case h.GetCallId() >= 0:
		m := &rpcpb.RequestHeader{}
		if rest, err = takeMessage(rest, m, "RequestHeaderProto"); err != nil {
			return r, err
		}
		r.Method = m
		if r.Body, rest, err = takeDelimited(rest); err != nil {
			return r, fmt.Errorf("request of %s: %w", m.GetMethodName(), err)
		}
	default:
		return r, nil // pings carry nothing; what else there is, the server judges by its call id
	}
	if len(rest) != 0 {
		return r, fmt.Errorf("%w: %d bytes after the request", ErrMalformed, len(rest))
	}
	return r, nil
}

// AppendFrame appends the frame, length included.
func (r *Request) AppendFrame(b []byte) ([]byte, error) {
	return appendFrame(b, func(b []byte) ([]byte, error) {
		b, err := appendMessage(b, r.Header)
		if err == nil && r.Context != nil {
			b, err = appendMessage(b, r.Context)
		}
		if err == nil && r.Method != nil {
			if b, err = appendMessage(b, r.Method); err == nil {
				b = protowire.AppendBytes(b, r.Body)
			}
		}
		return b, err
	})
}

// Response is one frame from a server. Body is nil unless the status is SUCCESS.
type Response struct {
	Header *rpcpb.RpcResponseHeader
	Body   []byte // the response message without its length
}

// DecodeResponse reads one frame, without its four length bytes. Body points into frame.
func DecodeResponse(frame []byte) (*Response, error) {
	r := &Response{Header: &rpcpb.RpcResponseHeader{}}
	rest, err := takeMessage(frame, r.Header, "RpcResponseHeaderProto")
	if err != nil {
		return nil, err
	}
	if r.Header.GetStatus() == rpcpb.RpcResponseHeader_SUCCESS {
		if r.Body, rest, err = takeDelimited(rest); err != nil {
			return nil, fmt.Errorf("response message: %w", err)
		}
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the response", ErrMalformed, len(rest))
	}
	return r, nil
}

// AppendFrame appends the frame, length included.
func (r *Response) AppendFrame(b []byte) ([]byte, error) {
	return appendFrame(b, func(b []byte) ([]byte, error) {
		b, err := appendMessage(b, r.Header)
		if err == nil && r.Header.GetStatus() == rpcpb.RpcResponseHeader_SUCCESS {
			b = protowire.AppendBytes(b, r.Body)
		}
		return b, err
	})
}

// appendFrame appends what fill appends, with its length in four bytes before it.
func appendFrame(b []byte, fill func([]byte) ([]byte, error)) ([]byte, error) {
	start := len(b)
	b, err := fill(append(b, 0, 0, 0, 0))
	if err != nil {
		return b[:start], err
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b, nil
}

func appendMessage(b []byte, m proto.Message) ([]byte, error) {
	b = protowire.AppendVarint(b, uint64(deterministic.Size(m)))
	b, err := deterministic.MarshalAppend(b, m)
	if err != nil {
		return b, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return b, nil
}

func takeMessage(b []byte, m proto.Message, name string) ([]byte, error) {
	body, rest, err := takeDelimited(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := proto.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("%w: error decoding %s: %w", ErrMalformed, name, err)
	}
	return rest, nil
}

func takeDelimited(b []byte) (body, rest []byte, err error) {
	n, size := protowire.ConsumeVarint(b)
	if size < 0 {
		return nil, nil, fmt.Errorf("%w: bad length of a message", ErrMalformed)
	}
	b = b[size:]
	if n > uint64(len(b)) {
		return nil, nil, fmt.Errorf("%w: message of %d bytes where %d are left", ErrMalformed, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// readFrame reads a length and that many bytes. Memory grows with what has arrived, not with what was announced. The
// error is io.EOF only when the stream ends between frames.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	n := int64(int32(binary.BigEndian.Uint32(prefix[:])))
	if n < 0 || n > int64(limit) {
		return nil, fmt.Errorf("%w: length %d, at most %d allowed", ErrFrameTooLarge, n, limit)
	}
	const step = 64 << 10
	frame := make([]byte, 0, min(n, step))
	for int64(len(frame)) < n {
		have := len(frame)
		grow := int(min(n-int64(have), int64(max(step, have))))
		frame = append(frame, make([]byte, grow)...)
		if _, err := io.ReadFull(r, frame[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return frame, nil
}

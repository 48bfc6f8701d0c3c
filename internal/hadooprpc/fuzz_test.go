package hadooprpc

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func seed(f *testing.F, fromClient bool) {
	f.Helper()
	for _, r := range recordings(f) {
		for i, frame := range r.frames {
			if i > 0 && frame.fromClient == fromClient && len(frame.bytes) > 4 {
				f.Add(frame.bytes[4:])
			}
		}
	}
}

// FuzzDecodeRequest: no input panics, and what is accepted is encoded to something that decodes to the same.
func FuzzDecodeRequest(f *testing.F) {
	seed(f, true)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRequest(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		once, err := r.AppendFrame(nil)
		require.NoError(t, err)
		again, err := DecodeRequest(once[4:])
		require.NoError(t, err)
		twice, err := again.AppendFrame(nil)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

func FuzzDecodeResponse(f *testing.F) {
	seed(f, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeResponse(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		_ = exceptionOf(r.Header)
		once, err := r.AppendFrame(nil)
		require.NoError(t, err)
		again, err := DecodeResponse(once[4:])
		require.NoError(t, err)
		twice, err := again.AppendFrame(nil)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 1, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := readFrame(bytes.NewReader(b), 1<<16)
		if err == nil {
			require.Equal(t, b[4:4+len(frame)], frame)
		}
	})
}

// FuzzServer: whatever a client sends, the server neither panics nor keeps the connection's goroutines.
func FuzzServer(f *testing.F) {
	for _, r := range recordings(f) {
		var all []byte
		for _, frame := range r.frames {
			if frame.fromClient {
				all = append(all, frame.bytes...)
			}
		}
		f.Add(all)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		srv := NewServer(zap.NewNop(), ServerOptions{MaxFrame: 1 << 16})
		near, far := net.Pipe()
		srv.start(far)
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = io.Copy(io.Discard, near)
		}()
		_, _ = near.Write(b)
		require.NoError(t, near.Close())
		<-drained
		require.NoError(t, srv.Close())
	})
}

package sock

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two ends of a connection over loopback.
func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	a, err = net.Dial("tcp", l.Addr().String()) //nolint:noctx // as above
	require.NoError(t, err)
	b, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func TestBytesArriveAndTheEndIsSeen(t *testing.T) {
	a, b := pair(t)
	x, y := New(a), New(b)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than the sockets take at once
	done := make(chan error, 1)
	go func() {
		_, err := x.Write(sent)
		if err == nil {
			err = x.Close()
		}
		done <- err
	}()
	got, err := io.ReadAll(y)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.True(t, bytes.Equal(sent, got))
	_, err = x.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = x.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestTryWriteNeverWaits(t *testing.T) {
	a, b := pair(t)
	x := New(a)
	sent, piece := 0, make([]byte, 1<<20)
	for {
		n, err := x.TryWrite(piece)
		require.NoError(t, err)
		if n == 0 {
			break
		}
		sent += n
	}
	require.NoError(t, a.Close())
	got, err := io.Copy(io.Discard, b)
	require.NoError(t, err)
	require.EqualValues(t, sent, got)
}

func TestDeadlinesHold(t *testing.T) {
	a, _ := pair(t)
	x := New(a)
	require.NoError(t, x.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := x.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, x.SetWriteDeadline(time.Now().Add(time.Millisecond)))
	for err = nil; err == nil; {
		_, err = x.Write(make([]byte, 1<<20))
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// A connection without a file descriptor works, too.
func TestAPipe(t *testing.T) {
	a, b := net.Pipe()
	x, y := New(a), New(b)
	go func() { _, _ = x.Write([]byte("hello")); _ = x.Close() }()
	got, err := io.ReadAll(y)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	n, err := y.TryWrite([]byte("x"))
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, y.Close())
}

// A write that fails has written nothing, as io.Writer has it: not -1 bytes, as the system says.
func TestFailedWriteCountsNothing(t *testing.T) {
	a, b := pair(t)
	x := New(a)
	require.NoError(t, b.Close())
	for {
		n, err := x.TryWrite([]byte("x"))
		require.GreaterOrEqual(t, n, 0)
		if err != nil {
			require.Zero(t, n)
			break
		}
	}
	n, err := x.Write([]byte("x"))
	require.Error(t, err)
	require.Zero(t, n)
}

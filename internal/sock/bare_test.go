//go:build linux && (amd64 || arm64)

package sock

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// bare is the far end of a connection, taken out of Go's poller, and the near one.
func bare(t *testing.T) (near net.Conn, far *Bare) {
	t.Helper()
	near, b := pair(t)
	far, err := Detach(b)
	require.NoError(t, err)
	t.Cleanup(far.Close)
	return near, far
}

func newSet(t *testing.T) *Set {
	t.Helper()
	s, err := NewSet()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestBareSocketNeverWaits(t *testing.T) {
	near, far := bare(t)
	b := make([]byte, 100)
	n, err := far.TryRead(b)
	require.NoError(t, err)
	require.Zero(t, n, "nothing has come")
	_, err = far.TryWrite([]byte("hello"))
	require.NoError(t, err)
	n, err = near.Read(b)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b[:n]))
	for n = 1; n > 0; { // until the socket takes no more
		n, err = far.TryWrite(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, near.Close())
	set := newSet(t)
	require.NoError(t, set.Add(far, 1))
	require.Equal(t, []uint64{1}, set.Wait(nil), "its end")
	_, err = far.TryRead(b)
	require.Error(t, err)
	far.Close()
	far.Close()
	_, err = far.TryRead(b)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = far.TryWrite(b)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = far.Attach()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, set.Add(far, 2), net.ErrClosed)
	set.Remove(far)
}

func TestDetachedConnectionComesBack(t *testing.T) {
	near, far := bare(t)
	for _, text := range []string{"one", "two"} { // what has come meanwhile is not lost
		_, err := io.WriteString(near, text)
		require.NoError(t, err)
		nc, err := far.Attach()
		require.NoError(t, err)
		b := make([]byte, 3)
		_, err = io.ReadFull(nc, b)
		require.NoError(t, err)
		require.Equal(t, text, string(b))
		require.Equal(t, near.LocalAddr(), nc.RemoteAddr())
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(-time.Second)))
		_, err = nc.Read(b)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		far, err = Detach(nc)
		require.NoError(t, err)
		_, err = nc.Read(b)
		require.ErrorIs(t, err, net.ErrClosed)
	}
	far.Close()
	_, err := near.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	piped, _ := net.Pipe()
	_, err = Detach(piped)
	require.Error(t, err)
}

// What was set for the connection stays: package net probes new ones by itself.
func TestKeepAliveStaysAsItIs(t *testing.T) {
	for _, on := range []bool{false, true} {
		_, nc := pair(t)
		require.NoError(t, nc.(*net.TCPConn).SetKeepAlive(on))
		far, err := Detach(nc)
		require.NoError(t, err)
		nc, err = far.Attach()
		require.NoError(t, err)
		raw, err := nc.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		got := 0
		require.NoError(t, raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE) }))
		require.NoError(t, err)
		require.Equal(t, on, got != 0)
		require.NoError(t, nc.Close())
	}
}

func TestSetTellsUntilItIsRead(t *testing.T) {
	set := newSet(t)
	near1, far1 := bare(t)
	near2, far2 := bare(t)
	const big = 1<<40 + 7
	require.NoError(t, set.Add(far1, big))
	require.NoError(t, set.Add(far2, 2))
	_, err := near1.Write([]byte("x"))
	require.NoError(t, err)
	for range 3 {
		require.Equal(t, []uint64{big}, set.Wait(nil))
		require.False(t, set.Slept())
	}
	set.Remove(far1)
	_, err = near2.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, []uint64{2}, set.Wait(nil))
	require.NoError(t, set.Add(far1, 1))
	require.ElementsMatch(t, []uint64{1, 2}, set.Wait(nil))
}

func TestSetIsClosedWhileSomebodyWaits(t *testing.T) {
	set := newSet(t)
	_, far := bare(t)
	require.NoError(t, set.Add(far, 1))
	done := make(chan []uint64)
	go func() { done <- set.Wait(nil) }()
	set.Close()
	require.Empty(t, <-done)
	require.Empty(t, set.Wait(nil))
	require.ErrorIs(t, set.Add(far, 1), net.ErrClosed)
	set.Remove(far)
}

// Whoever has sent something and waits for the answer gets it, however the looks and the bytes fall together.
func TestNoReadinessIsLost(t *testing.T) {
	const conns, rounds = 6, 3000
	set := newSet(t)
	fars := make([]*Bare, conns)
	failed := make(chan error, conns)
	for i := range fars {
		var near net.Conn
		near, fars[i] = bare(t)
		require.NoError(t, set.Add(fars[i], uint64(i)))
		require.NoError(t, near.SetDeadline(time.Now().Add(time.Minute)))
		go func() {
			var b [8]byte
			for r := range rounds {
				binary.BigEndian.PutUint64(b[:], uint64(r))
				if _, err := near.Write(b[:]); err != nil {
					failed <- err
					return
				}
				if _, err := io.ReadFull(near, b[:]); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	answered := make(chan int)
	go func() {
		n := 0
		defer func() { answered <- n }()
		var numbers []uint64
		b := make([]byte, 8)
		for {
			if numbers = set.Wait(numbers); len(numbers) == 0 {
				return
			}
			for _, i := range numbers {
				if k, _ := fars[i].TryRead(b); k == 0 {
					continue
				}
				n++
				if _, err := fars[i].TryWrite(b); err != nil {
					return
				}
			}
		}
	}()
	for range fars {
		require.NoError(t, <-failed)
	}
	set.Close()
	require.Equal(t, conns*rounds, <-answered)
}

package zkclient

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A wake-up that finds nothing to write must not make the writer fill the buffer that it is writing.
func TestWriterNeverFillsTheBufferItWrites(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	require.NoError(t, theirs.SetDeadline(time.Now().Add(10*time.Second)))
	c := &Client{kick: make(chan struct{}, 1)}
	w := &Wire{nc: ours, Session: Session{Timeout: time.Hour}}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); _ = c.write(w, quit) }()
	submit := func(xid int32) {
		c.mu.Lock()
		c.appendFrame(xid, zkproto.OpSync, nil)
		c.mu.Unlock()
	}
	taken := func() {
		for empty := false; !empty; runtime.Gosched() {
			c.mu.Lock()
			empty = len(c.out) == 0
			c.mu.Unlock()
		}
	}
	woken := func() {
		for len(c.kick) > 0 {
			runtime.Gosched()
		}
	}
	read := func() byte {
		frame := make([]byte, 12)
		_, err := io.ReadFull(theirs, frame)
		require.NoError(t, err)
		return frame[7] // the xid's last byte
	}
	submit(1)
	require.EqualValues(t, 1, read())
	for range 3 {
		c.kick <- struct{}{}
		woken()
	}
	submit(2)
	taken() // and blocked in its write; the wake-up for it may still be there, if an earlier one found it
	submit(3)
	require.EqualValues(t, 2, read())
	require.EqualValues(t, 3, read())
	close(quit)
	<-done
}

package zkserver

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestGarbageIsNamedAndTheConnectionClosed(t *testing.T) {
	r := start(t)
	for name, c := range map[string]struct {
		send []byte
		log  string
	}{
		"http":           {[]byte("GET / HTTP/1.1\r\n\r\n"), `it begins with the text \"GET \"`},
		"tls":            {[]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, "it looks like TLS"},
		"negative":       {[]byte{0xff, 0xff, 0xff, 0xff}, "frame of -1 bytes"},
		"too large":      {[]byte{0x00, 0x10, 0x00, 0x00}, "frame of 1048576 bytes, allowed are 0 to 1048575"},
		"short connect":  {[]byte{0, 0, 0, 4, 1, 2, 3, 4}, "connect request"},
		"empty":          {[]byte{0, 0, 0, 0}, "connect request"},
		"unknown letter": {[]byte("abcd"), "it begins with the text"},
	} {
		t.Run(name, func(t *testing.T) {
			nc := r.dial()
			_, err := nc.Write(c.send)
			require.NoError(t, err)
			require.Empty(t, closedByServer(t, nc))
			r.awaitLog(strings.ReplaceAll(c.log, `\"`, `"`))
		})
	}
	require.Equal(t, zkproto.ErrOK, r.raw(zkclient.Handshake{}).ask(zkproto.OpExists, readBody("/", false)).Err)
}

func TestOversizedRequestOfASession(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxBuffer = 2048 })
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/fits", make([]byte, 1900), 0)).Err)
	require.NoError(t, c.Write(frame(9, zkproto.OpCreate, createBody("/a", make([]byte, 4096), 0))))
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }))
	r.awaitLog("raise jute.maxbuffer")
}

func TestHalfOpenFrame(t *testing.T) {
	r := start(t)
	nc := r.dial()
	_, err := nc.Write([]byte{0, 0, 0, 44, 0, 0})
	require.NoError(t, err)
	require.NoError(t, nc.(*net.TCPConn).CloseWrite())
	closedByServer(t, nc)
	r.awaitLog("within a frame")
}

// A frame that comes byte by byte, and a large one, are put together.
func TestFramesInPieces(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	big := bytes.Repeat([]byte("x"), 900_000)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/big", big, 0)).Err)
	for _, b := range frame(7, zkproto.OpGetData, readBody("/big", false)) {
		require.NoError(t, c.Write([]byte{b}))
	}
	rep := c.next()
	require.Equal(t, int32(7), rep.Xid)
	var data zkproto.GetDataReply
	data.Decode(&rep.body)
	require.Equal(t, big, data.Data)
}

// A client that asks for much and reads nothing is no longer read, and holds up nobody.
func TestSlowReaderHarmsNobody(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxSessionTimeout = time.Minute })
	slow := r.raw(zkclient.Handshake{Timeout: time.Minute})
	require.Equal(t, zkproto.ErrOK, slow.ask(zkproto.OpCreate, createBody("/big", make([]byte, 100_000), 0)).Err)
	const asked = 400 // 40 MB of replies
	var out []byte
	for i := range asked {
		out = append(out, frame(int32(i+100), zkproto.OpGetData, readBody("/big", false))...)
	}
	written := make(chan error, 1)
	go func() { written <- slow.Write(out) }()

	quick := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, quick.ask(zkproto.OpCreate, createBody("/q", nil, 0)).Err)
	for range 200 {
		require.Equal(t, zkproto.ErrOK, quick.ask(zkproto.OpSetData, setBody("/q", []byte("x"))).Err)
		require.Equal(t, zkproto.ErrOK, quick.ask(zkproto.OpGetData, readBody("/q", false)).Err)
	}
	for _, c := range r.port.Conns() {
		c.Lock()
		waiting := len(c.Out)
		c.Unlock()
		require.LessOrEqual(t, waiting, 2*cnxn.SoftLimit, "the outbox is not bounded")
	}
	for i := range asked { // and when it reads at last, everything is there
		require.Equal(t, int32(i+100), slow.next().Xid)
	}
	require.NoError(t, <-written)
}

func TestConnectionLimits(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxClientCnxns = 2 })
	one, _ := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	require.Empty(t, closedByServer(t, r.dial()))
	r.awaitLog("maxClientCnxns")
	require.NoError(t, one.Close())
	await(t, func() bool {
		w, err := zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{})
		if err == nil {
			_ = w.Close()
		}
		return err == nil
	}, "a closed connection makes room")
}

// More unanswered writes than globalOutstandingLimit: all are answered, and no connection hangs.
func TestManyOutstandingWrites(t *testing.T) {
	r := start(t, func(c *config.Config) { c.GlobalOutstandingLimit = 10 })
	const clients, each = 4, 300
	done := make(chan error, clients)
	cs := make([]*raw, clients)
	for i := range cs {
		cs[i] = r.raw(zkclient.Handshake{})
		require.Equal(t, zkproto.ErrOK, cs[i].ask(zkproto.OpCreate, createBody(fmt.Sprintf("/c%d", i), nil, 0)).Err)
	}
	for i, c := range cs {
		var out []byte
		for x := range each {
			out = append(out, frame(int32(x+10), zkproto.OpSetData, setBody(fmt.Sprintf("/c%d", i), []byte("v")))...)
		}
		go func() { done <- c.Write(out) }()
	}
	for _, c := range cs {
		for x := range each {
			require.Equal(t, int32(x+10), c.next().Xid)
		}
	}
	for range cs {
		require.NoError(t, <-done)
	}
	require.Zero(t, r.throttle.count.Load(), "every request was taken off the count")
}

func TestFourLetterWords(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Commands = []string{"ruok"} })
	ask := func(word string) string {
		nc := r.dial()
		_, err := nc.Write([]byte(word))
		require.NoError(t, err)
		return string(closedByServer(t, nc))
	}
	require.Equal(t, "imok", ask("ruok"))
	require.Contains(t, ask("srvr"), "Mode: standalone\nNode count: 5\n")
	require.Equal(t, "mntr is not executed because it is not in the whitelist.\n", ask("mntr"))
	require.Equal(t, "wchc is not executed because it is not in the whitelist.\n", ask("wchc"))
}

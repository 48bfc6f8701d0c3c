// Package zktest is a small fake ZooKeeper server for the tests of zkclient and of the tools built on it: one map of
// znodes, one lock, no disk, no ACL checks, no session expiry by time. It can do what a real server does only in bad
// moments: drop connections, forget sessions, fall silent.
package zktest

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Server is the fake. Its methods are safe for use by many goroutines.
type Server struct {
	l  net.Listener
	wg sync.WaitGroup

	mu       sync.Mutex
	conns    map[*conn]struct{}
	sessions map[zkproto.SessionID]struct{}
	next     zkproto.SessionID
	zxid     zkproto.Zxid
	nodes    map[string]*node
	silent   bool
	readOnly bool
	refuse   bool
	seen     []zkproto.OpCode
	set      []zkproto.SetWatchesRequest
}

// maxFrame is the largest request that is read: what is larger is no request, or too large for any server.
const maxFrame = 64 << 20

type conn struct {
	net.Conn
	session zkproto.SessionID
	auth    []zkproto.ClientInfo
	watches map[watch]struct{}
	out     []byte
}

type watch struct {
	path  string
	child bool
}

// Start listens on a free loopback port until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		l: l, conns: map[*conn]struct{}{}, sessions: map[zkproto.SessionID]struct{}{}, next: 0x100,
		nodes: map[string]*node{"/": {acl: zkproto.WorldAll()}, "/zookeeper": {acl: zkproto.WorldAll()}},
	}
	s.nodes["/"].stat.Cversion = -1
	s.wg.Go(s.accept)
	t.Cleanup(s.Stop)
	return s
}

// Addr is host:port.
func (s *Server) Addr() string { return s.l.Addr().String() }

// Stop closes the port and all connections. It may be called again.
func (s *Server) Stop() {
	_ = s.l.Close()
	s.Drop()
	s.wg.Wait()
}

// Drop breaks all connections. The sessions live on.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Expire forgets all sessions and breaks their connections.
func (s *Server) Expire() {
	s.mu.Lock()
	clear(s.sessions)
	s.mu.Unlock()
	s.Drop()
}

// Silence makes the server read requests and answer none.
func (s *Server) Silence(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

// ReadOnly makes the server say that it is cut off from its quorum, or not any more, to whoever comes from now on.
func (s *Server) ReadOnly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOnly = on
}

// Seen are the operations received so far, in order.
func (s *Server) Seen() []zkproto.OpCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]zkproto.OpCode(nil), s.seen...)
}

// Restored are the setWatches requests received so far.
func (s *Server) Restored() []zkproto.SetWatchesRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]zkproto.SetWatchesRequest(nil), s.set...)
}

func (s *Server) accept() {
	for {
		nc, err := s.l.Accept()
		if err != nil {
			return
		}
		c := &conn{Conn: nc, watches: map[watch]struct{}{}, auth: []zkproto.ClientInfo{{Scheme: "ip", User: "127.0.0.1"}}}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(c) })
	}
}

func (s *Server) serve(c *conn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		_ = c.Close()
	}()
	in := bufio.NewReader(c)
	for first := true; ; first = false {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return
		}
		if first && string(size[:]) == "isro" {
			s.mu.Lock()
			_, _ = io.WriteString(c, map[bool]string{false: "rw", true: "ro"}[s.readOnly])
			s.mu.Unlock()
			return
		}
		n := binary.BigEndian.Uint32(size[:])
		if n > maxFrame {
			return
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		s.mu.Lock()
		var more bool
		if first {
			more = s.connect(c, frame)
		} else {
			more = s.request(c, frame)
		}
		for p := range s.conns { // watch events go to other connections too
			if len(p.out) > 0 && (p != c || in.Buffered() == 0) {
				_, _ = p.Write(p.out)
				p.out = nil
			}
		}
		s.mu.Unlock()
		if !more {
			return
		}
	}
}

func (c *conn) send(record func([]byte) []byte) {
	at := len(c.out)
	c.out = record(append(c.out, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(c.out[at:], uint32(len(c.out)-at-4))
}

func (s *Server) connect(c *conn, frame []byte) bool {
	var req zkproto.ConnectRequest
	d := jute.NewDecoder(frame)
	req.Decode(&d)
	if d.Err() != nil {
		return false
	}
	resp := zkproto.ConnectResponse{TimeoutMillis: req.TimeoutMillis, SessionID: req.SessionID, Password: make([]byte, 16), HasReadOnly: true, ReadOnly: s.readOnly}
	if s.readOnly && !req.ReadOnly {
		return false
	}
	if req.SessionID == 0 {
		s.next++
		resp.SessionID = s.next
		s.sessions[s.next] = struct{}{}
	}
	_, known := s.sessions[resp.SessionID]
	if !known {
		resp.SessionID, resp.TimeoutMillis = 0, 0
	}
	c.session = resp.SessionID
	c.send(resp.AppendTo)
	return known
}

func (s *Server) request(c *conn, frame []byte) bool {
	d := jute.NewDecoder(frame)
	var h zkproto.RequestHeader
	h.Decode(&d)
	s.seen = append(s.seen, h.Op)
	if s.silent {
		return true
	}
	body, code := s.perform(c, h.Op, &d)
	c.send(func(b []byte) []byte {
		b = zkproto.ReplyHeader{Xid: h.Xid, Zxid: s.zxid, Err: code}.AppendTo(b)
		if code == zkproto.ErrOK && body != nil {
			b = body(b)
		}
		return b
	})
	return h.Op != zkproto.OpCloseSession
}

//go:build compat

package compat

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// patience is how long an answer may take before it counts as none.
const patience = 10 * time.Second

// side is one of the two servers as the differential test sees it.
type side struct {
	name  string
	addr  string
	log   string // the server's output, a file
	slots map[int]*slot
	names map[int64]string // what a session id is called in a comparison
}

// slot is one client's place: its session and the connection it has at the moment.
type slot struct {
	nc       net.Conn
	br       *bufio.Reader
	id       zkproto.SessionID
	password []byte
}

// packet is one received frame, or the reason why none came.
type packet struct {
	header zkproto.ReplyHeader
	body   []byte
	ended  string
}

func (p packet) event() bool { return p.ended == "" && p.header.Xid == zkproto.XidNotification }

func (s *slot) write(frames ...[]byte) {
	var b []byte
	for _, f := range frames {
		b = append(b, f...)
	}
	_, _ = s.nc.Write(b) // a connection that is gone shows when it is read
}

// frame reads one frame without its length.
func (s *slot) frame() ([]byte, error) {
	_ = s.nc.SetReadDeadline(time.Now().Add(patience))
	var head [4]byte
	if _, err := io.ReadFull(s.br, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:])&0xfffffff)
	_, err := io.ReadFull(s.br, b)
	return b, err
}

// next reads one packet.
func (s *slot) next() packet {
	b, err := s.frame()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return packet{ended: "no answer"}
	case err != nil:
		return packet{ended: "closed"}
	}
	d := jute.NewDecoder(b)
	var p packet
	p.header.Decode(&d)
	p.body = d.Rest()
	return p
}

// replies reads until n replies have come, and returns them with the events among them.
func (s *slot) replies(n int) []packet {
	var got []packet
	for n > 0 {
		p := s.next()
		got = append(got, p)
		if p.ended != "" {
			return got
		}
		if !p.event() {
			n--
		}
	}
	return got
}

func (s *slot) drop() {
	if s.nc != nil {
		_ = s.nc.Close()
		s.nc = nil
	}
}

// version6 tells whether this machine can reach itself by IPv6.
var version6 = sync.OnceValue(func() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	return l.Close() == nil
})

// reach is the address that a client connects to: that of IPv6 for every other one.
func (s *side) reach(slot int) string {
	if slot%2 == 1 && version6() {
		_, port, _ := net.SplitHostPort(s.addr)
		return net.JoinHostPort("::1", port)
	}
	return s.addr
}

// connect opens a connection and tells what the server answered to the connect request. The session's id and password are
// kept; so is the connection, if the answer grants one.
func (s *side) connect(i int, name string, q zkproto.ConnectRequest, cut int) (*zkproto.ConnectResponse, string) {
	sl := s.slots[i]
	if sl == nil {
		sl = &slot{}
		s.slots[i] = sl
	}
	nc, err := net.Dial("tcp", s.reach(i))
	if err != nil {
		return nil, "dial: " + err.Error()
	}
	old := sl.nc
	sl.nc, sl.br = nc, bufio.NewReader(nc)
	body := q.AppendTo(nil)
	body = body[:len(body)-min(cut, len(body))]
	sl.write(append(jute.AppendInt32(nil, int32(len(body))), body...))
	b, err := sl.frame()
	if old != nil {
		_ = old.Close()
	}
	if err != nil {
		sl.drop()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, "no answer"
		}
		return nil, "closed"
	}
	var r zkproto.ConnectResponse
	d := jute.NewDecoder(b)
	r.Decode(&d)
	if d.Err() != nil {
		return nil, "undecodable connect response"
	}
	if r.SessionID != 0 {
		sl.id, sl.password = r.SessionID, append([]byte(nil), r.Password...)
		s.names[int64(r.SessionID)] = name
		return &r, ""
	}
	p := sl.next()
	sl.drop()
	return &r, p.ended
}

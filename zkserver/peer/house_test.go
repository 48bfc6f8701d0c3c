package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is how long a test waits for what must come.
const patient = 10 * time.Second

// ended is a link whose end was told.
type ended struct {
	link   zab.Link
	reason error
}

// recorder is a Handler that keeps everything in channels.
type recorder struct {
	msgs    chan zab.Message
	ends    chan ended
	bodies  chan []byte
	receive func(io.Reader) error
	send    func(io.Writer) error
	entries []zab.Entry
	hold    chan struct{} // when set, Messages waits for it
}

func newRecorder() *recorder {
	return &recorder{msgs: make(chan zab.Message, 1<<16), ends: make(chan ended, 1<<10), bodies: make(chan []byte, 16)}
}

func (r *recorder) Messages(msgs []zab.Message) {
	if r.hold != nil {
		<-r.hold
	}
	for _, m := range msgs {
		r.msgs <- m
	}
}

func (r *recorder) Disconnected(l zab.Link, reason error) { r.ends <- ended{l, reason} }

func (r *recorder) ReceiveSnapshot(_ zab.Link, _ zab.Zxid, body io.Reader) error {
	if r.receive != nil {
		return r.receive(body)
	}
	b, err := io.ReadAll(body)
	if err == nil {
		r.bodies <- b
	}
	return err
}

func (r *recorder) SendSnapshot(_ zab.Link, _ zab.Zxid, w io.Writer) error {
	if r.send != nil {
		return r.send(w)
	}
	_, err := w.Write(emptySnapshot)
	return err
}

func (r *recorder) Replay(_ zab.Link, _, _ zab.Zxid, emit func(zab.Entry) error) error {
	for _, e := range r.entries {
		if err := emit(e); err != nil {
			return err
		}
	}
	return nil
}

// next waits for a message.
func (r *recorder) next(t *testing.T) zab.Message {
	t.Helper()
	return receive(t, r.msgs, "a message")
}

func receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patient):
		require.FailNow(t, "did not come: "+what)
	}
	return v
}

// emptySnapshot has no session, one access list with one entry and one without, and the root.
var emptySnapshot = func() []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, 2}
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 1)
	b = zkproto.AppendACLs(b, zkproto.WorldAll())
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff)
	b = append(b, 0, 0, 0, 0) // path ""
	b = append(b, 0, 0, 0, 3, 'a', 'b', 'c')
	b = append(b, bytes.Repeat([]byte{7}, afterData)...)
	return append(b, 0, 0, 0, 1, '/')
}()

// cluster is a few servers on this machine. Their ports are opened beforehand, so that each is known to all.
type cluster struct {
	t       *testing.T
	servers []Server
	mu      sync.Mutex
	opened  map[string]net.Listener
	peers   map[zab.Sid]*Peers
	rec     map[zab.Sid]*recorder
}

func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := &cluster{t: t, opened: make(map[string]net.Listener), peers: make(map[zab.Sid]*Peers), rec: make(map[zab.Sid]*recorder)}
	for i := range n {
		c.servers = append(c.servers, Server{ID: zab.Sid(i + 1), Quorum: []string{c.open()}, Election: []string{c.open()}})
	}
	t.Cleanup(func() {
		for _, p := range c.peers {
			p.Close()
		}
		for _, l := range c.opened {
			_ = l.Close()
		}
	})
	return c
}

// open reserves an address.
func (c *cluster) open() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[l.Addr().String()] = l
	return l.Addr().String()
}

// reserved hands out a listener that no server has taken yet.
func (c *cluster) reserved(address string) net.Listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.opened[address]
	delete(c.opened, address)
	return l
}

func (c *cluster) listen(ctx context.Context, address string) (net.Listener, error) {
	if l := c.reserved(address); l != nil {
		return l, nil
	}
	return listenTCP(ctx, address)
}

// start starts a server.
func (c *cluster) start(id zab.Sid, change ...func(*Config)) (*Peers, *recorder) {
	c.t.Helper()
	cfg := Config{ID: id, Servers: c.servers, Listen: c.listen}
	for _, f := range change {
		f(&cfg)
	}
	rec := newRecorder()
	p, err := New(cfg, rec)
	require.NoError(c.t, err)
	p.Start()
	c.peers[id], c.rec[id] = p, rec
	return p, rec
}

func (c *cluster) stop(id zab.Sid) {
	c.peers[id].Close()
	delete(c.peers, id)
}

// vote is a notification.
func vote(from, to zab.Sid, round int64) zab.Message {
	return zab.Message{Type: zab.Notification, From: from, To: to, Vote: &election.Notification{
		From: from, To: to, Vote: election.Vote{Leader: from, Round: round}, Version: 2, Config: []byte("version=0"),
	}}
}

// info is a learner's first message.
func info(from, to zab.Sid, link uint64) zab.Message {
	i := zab.LearnerInfo{Sid: from, ProtocolVersion: zab.ProtocolVersion}
	return zab.Message{Type: zab.FollowerInfo, From: from, To: to, Link: link, Data: i.AppendTo(nil)}
}

// join makes a link from a learner to a leader, and answers the leader's name for it.
func (c *cluster) join(learner, leader zab.Sid, link uint64) zab.Link {
	c.t.Helper()
	c.peers[learner].Send([]zab.Message{info(learner, leader, link)})
	m := c.rec[leader].next(c.t)
	require.Equal(c.t, zab.FollowerInfo, m.Type)
	require.Equal(c.t, learner, m.From)
	require.Equal(c.t, leader, m.To)
	return zab.Link{Peer: learner, Link: m.Link}
}

func entry(z zab.Zxid, n int) zab.Entry {
	return zab.Entry{Zxid: z, Data: bytes.Repeat([]byte(fmt.Sprint(z%10)), n)}
}

// finder looks through a log.
type finder struct{ logs *observer.ObservedLogs }

// find counts the lines whose error, or message, has a text; of one port, or of any if it is empty.
func (f finder) find(port, text string) int {
	n := 0
	for _, e := range f.logs.All() {
		fields := e.ContextMap()
		said, _ := fields["error"].(string)
		if strings.Contains(e.Message+" "+said, text) && (port == "" || fields["port"] == port) {
			n++
		}
	}
	return n
}

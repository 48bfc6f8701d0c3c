package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// cluster is an ensemble in memory: messages are delivered in order per link, everything happens when the test says so.
type cluster struct {
	t       testing.TB
	servers map[zab.Sid]*server
	order   []zab.Sid
	now     Time
	wire    []parcel
	cut     map[[2]zab.Sid]bool // no messages from, to
	hold    map[zab.Type]bool   // such messages stay on the wire
	trace   []string
	config  func(*Config)
	batch   bool // servers read all that has come before they act on it
	wakes   int  // how often a server had to be woken by the time
}

// parcel is a message on its way; of a SNAP, with the state.
type parcel struct {
	zab.Message
	state []zab.Entry
	fresh uint64 // generation of the receiver it is for; links end with their servers
	end   bool   // no message: the link is closed
}

// server is one member with its disk, and the host of its replica.
type server struct {
	c        *cluster
	id       zab.Sid
	r        *Replica
	up       bool
	life     uint64
	log      []zab.Entry // on disk
	applied  []zab.Entry // everything that is in the tree
	hard     zab.HardState
	tree     *tree.Tree
	events   []Event
	watched  []tree.Event
	slowDisk bool
	snaps    map[uint64][]zab.Entry // states that came with a SNAP, by link
	answered func(*Answer)
	foreign  int // transactions applied that nobody here waited for
}

// client is a connection to one server. Its requests must be answered in order, each once.
type client struct {
	at      *server
	session zkproto.SessionID
	est     *Established
	refused error
	closed  error
	heard   int64
	silent  bool
	dead    bool // the connection is gone
	xid     int32
	sent    []int32 // not answered
	answers []Answer
	lost    int
	ids     []zkproto.ID
}

const tickMillis = 10

func newCluster(t testing.TB, n int, config func(*Config)) *cluster {
	c := &cluster{
		t: t, servers: map[zab.Sid]*server{}, cut: map[[2]zab.Sid]bool{}, hold: map[zab.Type]bool{},
		now: Time{Mono: 1000, Wall: 1_700_000_000_000}, config: config,
	}
	for i := range n {
		c.order = append(c.order, zab.Sid(i+1))
	}
	for _, id := range c.order {
		s := &server{c: c, id: id}
		c.servers[id] = s
		s.start()
	}
	return c
}

func (c *cluster) voters() []zab.Sid { return c.order }

func (s *server) start() {
	t := s.c.t
	s.life++
	s.up = true
	s.applied = append([]zab.Entry(nil), s.log...)
	sessions := s.build()
	registry, err := auth.New(auth.Config{})
	require.NoError(t, err)
	q, err := quorum.NewMajority(s.c.voters()...)
	require.NoError(t, err)
	cfg := Config{
		Zab: zab.Config{
			ID: s.id, Quorum: q, AcceptedEpoch: s.hard.AcceptedEpoch, CurrentEpoch: s.hard.CurrentEpoch,
			LastZxid: s.tree.LastZxid(), InitTicks: 100, SyncTicks: 50, PingTicks: 5,
		},
		Tree: s.tree, Sessions: sessions, Registry: registry, Host: s, Now: s.c.now, TickMillis: tickMillis, BucketMillis: 100,
	}
	if s.c.config != nil {
		s.c.config(&cfg)
	}
	if cfg.Zab.Observer && quorum.Index(cfg.Zab.Quorum, s.id) >= 0 {
		q, err = quorum.NewMajority(s.c.voters()[:len(s.c.voters())-1]...)
		require.NoError(t, err)
		cfg.Zab.Quorum = q
	}
	s.r, err = New(cfg)
	require.NoError(t, err)
	s.snaps = map[uint64][]zab.Entry{}
	s.perform()
}

// build makes the tree of what is applied, and returns the sessions.
func (s *server) build() map[zkproto.SessionID]int32 {
	s.tree = tree.New()
	sessions := map[zkproto.SessionID]int32{}
	for _, e := range s.applied {
		h, txn, _, err := DecodeTxn(e.Data)
		require.NoError(s.c.t, err)
		switch x := txn.(type) {
		case *zkproto.CreateSessionTxn:
			sessions[h.ClientID] = x.TimeoutMillis
		case *zkproto.CloseSessionTxn:
			delete(sessions, h.ClientID)
		}
		s.tree.Apply(&h, txn, nil)
	}
	return sessions
}

// crash ends a server; what its disk has is kept.
func (c *cluster) crash(id zab.Sid) {
	s := c.servers[id]
	s.up = false
	for _, other := range c.order {
		o := c.servers[other]
		if o == s || !o.up {
			continue
		}
		o.disconnectedFrom(id)
	}
	kept := c.wire[:0]
	for _, p := range c.wire {
		if p.From != id && p.To != id {
			kept = append(kept, p)
		}
	}
	c.wire = kept
}

// disconnectedFrom ends all links with a peer.
func (s *server) disconnectedFrom(id zab.Sid) {
	for link := range uint64(64) {
		s.r.Disconnected(zab.Link{Peer: id, Link: link})
		for life := range uint64(8) {
			s.r.Disconnected(zab.Link{Peer: id, Link: life<<32 | link})
		}
	}
	s.perform()
}

// perform is the driver's loop.
func (s *server) perform() {
	for s.r.HasReady() {
		rd := s.r.Ready()
		if rd.Install != nil {
			s.applied = append([]zab.Entry(nil), s.snaps[rd.Install.Link]...)
			s.log = append([]zab.Entry(nil), s.applied...)
			s.r.Replaced(s.rebuilt())
		}
		if rd.Truncate != nil {
			s.log = upTo(s.log, *rd.Truncate)
			if s.tree.LastZxid() > *rd.Truncate {
				s.applied = upTo(s.applied, *rd.Truncate)
				s.r.Replaced(s.rebuilt())
			}
		}
		s.log = append(s.log, rd.Entries...)
		s.hard = rd.HardState
		require.NoError(s.c.t, s.r.Apply(rd.Committed))
		s.applied = append(s.applied, rd.Committed...)
		s.r.Finish(&rd)
		s.post(rd.Messages)
		for _, l := range rd.Drop {
			if peer := s.c.servers[l.Peer]; peer != nil && peer.up && !s.c.cut[[2]zab.Sid{s.id, l.Peer}] {
				m := zab.Message{From: s.id, To: l.Peer, Link: peer.linkOf(s, l.Link)}
				s.c.wire = append(s.c.wire, parcel{Message: m, fresh: peer.life, end: true}) // behind what was sent
			}
		}
		if n := len(s.log); n > 0 && !s.slowDisk {
			s.r.Persisted(s.log[n-1].Zxid)
		}
	}
	if s.r.Waiting() {
		s.r.Finish(nil)
	}
	if s.r.HasReady() {
		s.perform()
	}
}

func (s *server) rebuilt() (*tree.Tree, map[zkproto.SessionID]int32) {
	sessions := s.build()
	return s.tree, sessions
}

func upTo(entries []zab.Entry, z zkproto.Zxid) []zab.Entry {
	for i := range entries {
		if entries[i].Zxid > z {
			return entries[:i]
		}
	}
	return entries
}

// linkOf is how s knows the link that the other end calls link: a leader's name of it has the learner's life in it, so
// that a link is never named twice.
func (s *server) linkOf(other *server, link uint64) uint64 {
	if link>>32 != 0 {
		return link & 0xffffffff
	}
	return link | other.life<<32
}

func (s *server) post(messages []zab.Message) {
	for _, m := range messages {
		to := s.c.servers[m.To]
		if to == nil || !to.up || s.c.cut[[2]zab.Sid{s.id, m.To}] {
			continue
		}
		p := parcel{Message: m, fresh: to.life}
		if m.Type != zab.Notification {
			p.Link = to.linkOf(s, m.Link)
		}
		if m.Type == zab.Snap {
			p.state = append([]zab.Entry(nil), s.applied...)
		}
		s.c.wire = append(s.c.wire, p)
	}
}

// settle delivers messages until there are none.
func (c *cluster) settle() {
	for round := 0; ; round++ {
		require.Less(c.t, round, 10000, "the cluster does not come to rest")
		kept, batch := []parcel(nil), c.wire
		c.wire = nil
		for _, p := range batch {
			if c.hold[p.Type] {
				kept = append(kept, p)
				continue
			}
			c.deliver(p)
		}
		if c.batch {
			for _, id := range c.order {
				if c.servers[id].up {
					c.servers[id].perform()
				}
			}
		}
		moved := len(kept) < len(batch)
		c.wire = append(kept, c.wire...)
		if !moved {
			return
		}
	}
}

func (c *cluster) deliver(p parcel) {
	to := c.servers[p.To]
	if !to.up || p.fresh != to.life || c.cut[[2]zab.Sid{p.From, p.To}] {
		return
	}
	if p.end {
		to.r.Pass(c.now)
		to.r.Disconnected(zab.Link{Peer: p.From, Link: p.Link})
		to.perform()
		return
	}
	if p.Type == zab.Snap {
		to.snaps[p.Link] = p.state
	}
	to.r.Pass(c.now)
	if err := to.r.Step(p.Message); err != nil {
		c.trace = append(c.trace, err.Error())
	}
	if !c.batch {
		to.perform()
	}
}

// tick lets time pass for everybody, and delivers.
func (c *cluster) tick(n int) {
	for range n {
		c.now.Mono += tickMillis
		c.now.Wall += tickMillis
		for _, id := range c.order {
			if s := c.servers[id]; s.up && c.now.Mono >= s.r.Deadline() {
				c.wakes++
				s.r.Pass(c.now)
				s.perform()
			}
		}
		c.settle()
	}
}

// leader waits until somebody leads and everybody who is up and connected serves.
func (c *cluster) leader() *server {
	c.t.Helper()
	for range 400 {
		var leader *server
		serving := true
		for _, id := range c.order {
			s := c.servers[id]
			if !s.up {
				continue
			}
			serving = serving && s.r.Mode() == ModeReadWrite
			if s.r.Leading() {
				leader = s
			}
		}
		if leader != nil && serving {
			return leader
		}
		c.tick(1)
	}
	for _, id := range c.order {
		c.t.Logf("server %d: up=%v %s %s", id, c.servers[id].up, c.servers[id].r.Node().Status(), c.servers[id].r.Mode())
	}
	c.t.Fatal("no leader")
	return nil
}

// learner is a server that is up and does not lead; the n-th of them.
func (c *cluster) learner(n int) *server {
	c.t.Helper()
	for _, id := range c.order {
		s := c.servers[id]
		if s.up && !s.r.Leading() {
			if n == 0 {
				return s
			}
			n--
		}
	}
	c.t.Fatal("no such learner")
	return nil
}

// Heard implements Host.
func (s *server) Heard(from any) int64 {
	w := from.(*client)
	if w.silent {
		return w.heard
	}
	return s.c.now.Mono
}

// Answer implements Host.
func (s *server) Answer(a *Answer) {
	if a.From == nil {
		s.foreign++
		return
	}
	if a.Op == zkproto.OpCreateSession {
		return
	}
	w := a.From.(*client)
	if s.answered != nil {
		s.answered(a)
	}
	if w.dead {
		return
	}
	require.NotEmpty(s.c.t, w.sent, "an answer to nothing: %+v", a)
	if a.Lost {
		w.lost++
		w.sent = w.sent[1:]
		return
	}
	require.NoError(s.c.t, w.closed, "an answer after the end")
	require.Equal(s.c.t, w.sent[0], a.Xid, "answers in order")
	w.sent = w.sent[1:]
	w.answers = append(w.answers, *a)
}

// Notify implements Host.
func (s *server) Notify(ev tree.Event) { s.watched = append(s.watched, ev) }

// Established implements Host.
func (s *server) Established(from any, e *Established) {
	w := from.(*client)
	require.Nil(s.c.t, w.est)
	w.est, w.session = e, e.Session
}

// Refused implements Host.
func (s *server) Refused(from any, reason error) {
	w := from.(*client)
	require.Nil(s.c.t, w.est)
	require.NoError(s.c.t, w.refused)
	w.refused = reason
}

// Close implements Host.
func (s *server) Close(from any, reason error) {
	w := from.(*client)
	require.NotNil(s.c.t, w.est)
	require.NoError(s.c.t, w.closed)
	w.closed = reason
}

// Event implements Host.
func (s *server) Event(e Event) { s.events = append(s.events, e) }

func (s *server) saw(k EventKind) int {
	n := 0
	for _, e := range s.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// same checks that all servers that are up have the same tree and the same sessions.
func (c *cluster) same() {
	c.t.Helper()
	var first *server
	for _, id := range c.order {
		s := c.servers[id]
		if !s.up {
			continue
		}
		if first == nil {
			first = s
			continue
		}
		require.Equal(c.t, first.tree.LastZxid(), s.tree.LastZxid(), "servers %d and %d", first.id, s.id)
		require.Equal(c.t, first.tree.Digest(), s.tree.Digest(), "servers %d and %d", first.id, s.id)
		require.Equal(c.t, first.r.Sessions(), s.r.Sessions(), "servers %d and %d", first.id, s.id)
		require.Zero(c.t, s.tree.DigestMismatches())
		require.Zero(c.t, s.r.prep.Outstanding())
	}
}

// data is what a server's tree holds at a path.
func (s *server) data(path string) string {
	b, _, _, ok := s.tree.Get(path)
	if !ok {
		return fmt.Sprintf("no %s", path)
	}
	return string(b)
}

package zab

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// wire is a message under way, or the end of a link (close). Links are unique over a whole run: the learner's id, its life,
// and the number its core gave, in decimal digits.
type wire struct {
	Message
	body   []Entry // of a SNAP
	closes bool
}

// server is a node with its disk and its tree. The tree is the list of entries applied.
type server struct {
	id      Sid
	node    *Node
	hist    []Entry // durable: snapshot and log together
	start   Zxid    // the log on disk begins behind this
	hard    HardState
	pending []Entry // appended, not synced
	applied []Entry
	life    uint64
	observer,
	wasServing bool
	bodies       map[uint64][]Entry
	verify       quorum.Verifier    // its own view of who votes, if it is not the cluster's
	active, seen *quorum.Membership // the files of a dynamic configuration
	fixed        *quorum.Membership // what is in zoo.cfg, without reconfiguration
	links        map[Link]bool      // open, by the wire's numbers
}

// Floor implements Storage.
func (s *server) Floor(z Zxid) (Zxid, bool) {
	if z < s.start {
		return 0, false
	}
	floor := s.start
	for _, e := range s.hist {
		if e.Zxid <= z && e.Zxid > floor {
			floor = e.Zxid
		}
	}
	return floor, true
}

// cluster is servers and the network between them: FIFO for each pair, anything between pairs.
type cluster struct {
	t       testing.TB
	ids     []Sid
	servers map[Sid]*server
	queues  map[[2]Sid][]wire
	cut     map[[2]Sid]bool
	verify  quorum.Verifier
	cfg     Config
	trace   *strings.Builder // nil: none
	noFloor bool             // the logs on disk cannot be read back
	dynamic bool             // with reconfiguration

	leaders map[uint32]Sid // who led which epoch
	history []Entry        // committed, ever
}

func newCluster(t testing.TB, voters, observers int) *cluster {
	c := &cluster{
		t: t, servers: map[Sid]*server{}, queues: map[[2]Sid][]wire{}, cut: map[[2]Sid]bool{}, leaders: map[uint32]Sid{},
		cfg: Config{InitTicks: 40, SyncTicks: 20, PingTicks: 4, FinalizeTicks: 1, NotifyMinTicks: 2, NotifyMaxTicks: 8, KeepCommitted: 4},
	}
	var sids []Sid
	for i := 1; i <= voters; i++ {
		sids = append(sids, Sid(i))
	}
	c.verify = majority(t, sids...)
	for i := 1; i <= voters+observers; i++ {
		c.ids = append(c.ids, Sid(i))
		c.servers[Sid(i)] = &server{id: Sid(i), observer: i > voters}
	}
	return c
}

func (c *cluster) startAll() {
	for _, id := range c.ids {
		c.restart(id)
	}
}

func (c *cluster) tracef(format string, args ...any) {
	if c.trace != nil {
		fmt.Fprintf(c.trace, format+"\n", args...)
	}
}

func last(list []Entry) Zxid {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1].Zxid
}

func (c *cluster) restart(id Sid) {
	s := c.servers[id]
	if s.node != nil {
		return
	}
	cfg := c.cfg
	cfg.ID, cfg.Quorum, cfg.Observer, cfg.Bottom = id, c.verify, s.observer, s.start
	if s.verify != nil {
		cfg.Quorum = s.verify
	}
	if s.fixed != nil {
		cfg.Quorum, cfg.Active, cfg.LastSeen, cfg.Membership = nil, s.fixed, s.seen, proposedConfig
	}
	if c.dynamic {
		if s.active == nil {
			s.active = c.members(c.ids, 0)
		}
		cfg.Quorum, cfg.Active, cfg.LastSeen, cfg.ReconfigEnabled, cfg.Membership = nil, s.active, s.seen, true, proposedConfig
	}
	if !c.noFloor {
		cfg.Storage = s
	}
	cfg.AcceptedEpoch, cfg.CurrentEpoch, cfg.LastZxid = s.hard.AcceptedEpoch, s.hard.CurrentEpoch, last(s.hist)
	n, err := New(cfg)
	require.NoError(c.t, err)
	s.node, s.life, s.wasServing = n, s.life+1, false
	s.applied = slices.Clone(s.hist)
	s.bodies, s.links = map[uint64][]Entry{}, map[Link]bool{}
	c.process(s)
}

// members is the configuration of which all servers of the cluster with these ids are part.
func (c *cluster) members(ids []Sid, version int64) *quorum.Membership {
	var list []quorum.Member
	for _, id := range ids {
		list = append(list, quorum.Member{
			ID: id, Addresses: []quorum.Address{{Host: fmt.Sprintf("h%d", id), QuorumPort: 1, ElectionPort: 2}},
			Observer: c.servers[id].observer, ClientHost: "0.0.0.0", ClientPort: 3,
		})
	}
	m, err := quorum.NewMembership(list, nil, nil, version)
	require.NoError(c.t, err)
	return m
}

// proposedConfig reads entries of the form "reconfig TEXT".
func proposedConfig(data []byte) (*quorum.Membership, bool) {
	text, ok := strings.CutPrefix(string(data), "reconfig ")
	if !ok {
		return nil, false
	}
	m, err := quorum.ParseMembership([]byte(text))
	return m, err == nil
}

// join starts a server that is to become a member: its configuration has the present ones and itself.
func (c *cluster) join(id Sid, observer bool) {
	present := slices.Clone(c.ids)
	c.ids = append(c.ids, id)
	c.servers[id] = &server{id: id, observer: observer}
	c.servers[id].active = c.members(append(present, id), 0)
	c.restart(id)
}

// reconfig asks a leader for another membership and proposes it.
func (c *cluster) reconfig(id Sid, r zkproto.ReconfigRequest) error {
	n := c.servers[id].node
	if n == nil {
		return ErrNotLeading
	}
	m, err := n.Reconfigure(&r, n.NextZxid())
	if err != nil {
		return err
	}
	return c.propose(id, "reconfig "+m.String())
}

// crash loses what is not synced, but for the first keep entries.
func (c *cluster) crash(id Sid, keep int) {
	s := c.servers[id]
	if s.node == nil {
		return
	}
	s.hist = append(s.hist, s.pending[:min(keep, len(s.pending))]...)
	s.node, s.pending = nil, nil
	for _, peer := range c.ids {
		c.queues[[2]Sid{peer, id}] = nil
	}
	c.closeAll(s, func(Link) bool { return true })
}

// closeAll closes links from one end; the other hears of it after all that was sent before.
func (c *cluster) closeAll(s *server, which func(Link) bool) {
	for _, peer := range c.ids {
		var found []uint64
		for l := range s.links {
			if l.Peer == peer && which(l) {
				found = append(found, l.Link)
			}
		}
		slices.Sort(found)
		for _, link := range found {
			delete(s.links, Link{Peer: peer, Link: link})
			key := [2]Sid{s.id, peer}
			c.queues[key] = append(c.queues[key], wire{Message: Message{From: s.id, To: peer, Link: link}, closes: true})
		}
	}
}

func (c *cluster) sync(id Sid) {
	s := c.servers[id]
	if s.node == nil || len(s.pending) == 0 {
		return
	}
	s.hist = append(s.hist, s.pending...)
	s.pending = nil
	s.node.Persisted(last(s.hist))
	c.process(s)
}

func (c *cluster) tick(id Sid) {
	if s := c.servers[id]; s.node != nil {
		idle := s.node.NextTick() > 1 && !s.node.HasReady()
		s.node.Tick()
		require.False(c.t, idle && s.node.HasReady(), "NextTick has promised that this tick does nothing")
		c.process(s)
	}
}

func (c *cluster) propose(id Sid, data string) error {
	s := c.servers[id]
	if s.node == nil {
		return ErrNotLeading
	}
	err := s.node.Propose(Entry{Zxid: s.node.NextZxid(), Data: []byte(data)})
	c.process(s)
	return err
}

// process does the driver's duties.
func (c *cluster) process(s *server) {
	for s.node.HasReady() {
		r := s.node.Ready()
		if r.Install != nil {
			body, ok := s.bodies[r.Install.Link]
			require.True(c.t, ok, "no snapshot has come")
			s.hist, s.applied, s.pending, s.start = slices.Clone(body), slices.Clone(body), nil, r.Install.Zxid
		}
		if r.Truncate != nil {
			s.hist = append(s.hist, s.pending...)
			s.hist, s.pending = cutEntries(s.hist, *r.Truncate), nil
			if last(s.applied) > *r.Truncate {
				s.applied = slices.Clone(s.hist)
			}
			require.Equal(c.t, *r.Truncate, last(s.hist), "truncated to an entry that is not there")
			require.GreaterOrEqual(c.t, *r.Truncate, s.start, "truncated behind the snapshot")
		}
		s.pending = append(s.pending, r.Entries...)
		if r.SaveAccepted || r.SaveCurrent {
			s.hard = r.HardState
		}
		if r.ActiveConfig != nil {
			s.active, s.seen = r.ActiveConfig, nil
		}
		if r.SeenConfig != nil {
			if s.seen = r.SeenConfig; s.seen.Version <= s.active.Version {
				s.seen = nil
			}
		}
		for _, m := range r.Messages {
			c.transmit(s, m)
		}
		for _, e := range r.Committed {
			require.Greater(c.t, e.Zxid, last(s.applied), "server %d applies twice or out of order", s.id)
			s.applied = append(s.applied, e)
		}
		for _, l := range r.Drop {
			c.closeAll(s, func(o Link) bool { return o.Peer == l.Peer && o.Link == c.toWire(s, l) })
		}
		for _, e := range r.Events {
			c.tracef("%d %s: %s (peer %d, %s)", s.id, e.Kind, e.Reason, e.Peer, e.Zxid)
		}
		if r.StatusChanged {
			c.tracef("%d is %s", s.id, r.Status)
		}
		c.check(s, r)
	}
}

func (s *server) linkBase() uint64 { return uint64(s.id)*1_000_000 + s.life*1000 }

// toWire gives the run-wide number of a link the core named: its own number when it is the learner.
func (c *cluster) toWire(s *server, l Link) uint64 {
	if l.Link < 1000 && l.Link != 0 {
		return s.linkBase() + l.Link
	}
	return l.Link
}

func (c *cluster) transmit(s *server, m Message) {
	key := [2]Sid{s.id, m.To}
	w := wire{Message: m}
	if m.Type != Notification {
		w.Link = c.toWire(s, Link{Link: m.Link})
		l := Link{Peer: m.To, Link: w.Link}
		if m.Type == FollowerInfo || m.Type == ObserverInfo {
			s.links[l] = true
		}
		if !s.links[l] {
			return
		}
	}
	switch m.Type {
	case Snap:
		w.body = slices.Clone(cutEntries(slices.Clone(s.applied), m.Zxid))
		require.Equal(c.t, m.Zxid, last(w.body), "the tree does not hold what the snapshot is labelled")
	case Replay:
		for _, e := range s.hist {
			if e.Zxid > m.After && e.Zxid <= m.Zxid {
				p := wire{Message: Message{Type: Proposal, From: s.id, To: m.To, Link: w.Link, Zxid: e.Zxid, Data: e.Data}}
				q := wire{Message: Message{Type: Commit, From: s.id, To: m.To, Link: w.Link, Zxid: e.Zxid}}
				c.queues[key] = append(c.queues[key], p, q)
			}
		}
		return
	}
	c.queues[key] = append(c.queues[key], w)
}

// deliver hands over the first message of a pair; false if there is none.
func (c *cluster) deliver(from, to Sid, lose bool) bool {
	key := [2]Sid{from, to}
	q := c.queues[key]
	if len(q) == 0 {
		return false
	}
	w := q[0]
	c.queues[key] = q[1:]
	s := c.servers[to]
	lose = lose || c.cut[key]
	if w.Type != Notification && !w.closes && (lose || s.node == nil) {
		// A stream does not lose one message: the link breaks, for both.
		w.closes = true
		sender := c.servers[from]
		if sender.node != nil && sender.links[Link{Peer: to, Link: w.Link}] {
			delete(sender.links, Link{Peer: to, Link: w.Link})
			sender.node.Disconnected(Link{Peer: to, Link: c.toCore(sender, w.Link)})
			c.process(sender)
		}
	} else if lose && !w.closes {
		return true
	}
	if s.node == nil {
		return true
	}
	l := Link{Peer: from, Link: w.Link}
	switch {
	case w.closes:
		if s.links[l] {
			delete(s.links, l)
			s.node.Disconnected(Link{Peer: from, Link: c.toCore(s, w.Link)})
		}
	case w.Type == Notification:
		require.NoError(c.t, s.node.Step(w.Message))
	default:
		if w.Type == FollowerInfo || w.Type == ObserverInfo {
			s.links[l] = true
		}
		if !s.links[l] {
			return true
		}
		if w.Type == Snap {
			s.bodies[c.toCore(s, w.Link)] = w.body
		}
		m := w.Message
		m.Link = c.toCore(s, w.Link)
		c.tracef("%d>%d %s %s", from, to, m.Type, m.Zxid)
		if err := s.node.Step(m); err != nil {
			c.tracef("%d error: %v", to, err)
			c.closeAll(s, func(o Link) bool { return o == l })
		}
	}
	c.process(s)
	return true
}

// toCore turns a wire's link number into the one the core knows: its own if this life of it opened the link.
func (c *cluster) toCore(s *server, link uint64) uint64 {
	for l := range s.links {
		if l.Link == link && s.node.Status().Leader == l.Peer && link == s.linkBase()+s.node.link {
			return s.node.link
		}
	}
	if link == s.linkBase()+s.node.link && s.node.Status().Role != Leading {
		return s.node.link
	}
	return link
}

// settle delivers and syncs until nothing moves.
func (c *cluster) settle() {
	for rounds, moved := 0, true; moved; rounds++ {
		require.Less(c.t, rounds, 1000, "messages go round without end")
		moved = false
		for _, from := range c.ids {
			for _, to := range c.ids {
				for n := len(c.queues[[2]Sid{from, to}]); n > 0; n-- {
					moved = c.deliver(from, to, false) || moved
				}
			}
		}
		for _, id := range c.ids {
			if len(c.servers[id].pending) > 0 && c.servers[id].node != nil {
				c.sync(id)
				moved = true
			}
		}
	}
}

// run lets time pass, with everything delivered in between.
func (c *cluster) run(ticks int) {
	for range ticks {
		c.settle()
		for _, id := range c.ids {
			c.tick(id)
		}
	}
	c.settle()
}

// leader is the established leader of the newest epoch, or none.
func (c *cluster) leader() Sid {
	best, epoch := quorum.None, uint32(0)
	for _, id := range c.ids {
		if n := c.servers[id].node; n != nil {
			if st := n.Status(); st.Role == Leading && st.Serving() && st.Epoch > epoch {
				best, epoch = id, st.Epoch
			}
		}
	}
	return best
}

// check holds each step against what Zab promises: one leader per epoch, committed prefixes equal, nothing lost.
func (c *cluster) check(s *server, r Ready) {
	st := s.node.Status()
	if !st.Serving() {
		s.wasServing = false
		return
	}
	if st.Role == Leading {
		if other, ok := c.leaders[st.Epoch]; ok {
			require.Equal(c.t, other, s.id, "two leaders in epoch %d", st.Epoch)
		}
		c.leaders[st.Epoch] = s.id
	}
	for i, e := range s.applied {
		if e.Zxid > s.node.CommittedZxid() {
			require.Fail(c.t, "uncommitted entry applied while serving", "server %d, %s", s.id, e.Zxid)
		}
		if i == len(c.history) {
			c.history = append(c.history, e)
		}
		if c.history[i].Zxid != e.Zxid || string(c.history[i].Data) != string(e.Data) {
			require.Fail(c.t, "committed prefixes differ", "server %d has %s %q, committed was %s %q",
				s.id, e.Zxid, e.Data, c.history[i].Zxid, c.history[i].Data)
		}
	}
	if st.Role == Leading && !s.wasServing {
		require.Len(c.t, s.applied, len(c.history), "new leader %d lacks committed entries", s.id)
	}
	s.wasServing = true
	_ = r
}

package sim

import (
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// network is what lies between the servers: connections to quorum ports, each FIFO in both directions and independent of all
// others, and notifications, which may be lost.
type network struct {
	w       *World
	blocked [][]bool  // from, to: nothing passes
	extra   [][]int64 // from, to: additional delay
	lastAt  [][]int64 // from, to: when the last notification arrives
	conns   []*conn   // open at one end at least
}

// conn is one connection to a quorum port. A partition holds up what is sent, as TCP does; it is delivered when the
// partition ends before the connection does.
type conn struct {
	ends  [2]end  // 0: the learner, who dialed; 1: the leader
	pipes [2]pipe // what ends[i] sends
	tries int
	// accepted tells that the leader's side has answered.
	accepted bool
}

// end is one server's side of a connection.
type end struct {
	s    *server
	life int
	link zab.Link // as this server's core knows it
	open bool
}

// pipe is one direction of a connection.
type pipe struct {
	q    []wire
	last int64 // when the last one arrives
	held *body // nothing passes before this snapshot has been written
}

// wire is a message under way, or the end of the connection.
type wire struct {
	at     int64
	m      zab.Message
	body   *body // of a SNAP
	closes bool
}

// acceptedLinks is where the numbers of accepted connections begin, apart from those that the cores give to their own.
const acceptedLinks = 1 << 32

func (n *network) init(w *World, servers int) {
	n.w = w
	n.blocked, n.extra, n.lastAt = make([][]bool, servers), make([][]int64, servers), make([][]int64, servers)
	for i := range servers {
		n.blocked[i], n.extra[i], n.lastAt[i] = make([]bool, servers), make([]int64, servers), make([]int64, servers)
	}
}

// delay is how long a message from one server to another takes now.
func (n *network) delay(from, to int) int64 {
	w := n.w
	d := w.between(w.plan.latency[0], w.plan.latency[1]) + n.extra[from][to]
	if w.chance(w.plan.spike) {
		d += w.between(0, 20*millisecond)
	}
	return d
}

// vote sends a notification. It may get lost; and what was sent last on one connection is sent again on the next, which may be
// read before the old one has been read to its end: it may come twice, and the second time behind what was sent later.
func (n *network) vote(from *server, m zab.Message) {
	w := n.w
	to := w.server(m.To)
	if to == nil || w.chance(w.plan.loseVote) && !w.calm {
		return
	}
	at := max(w.now+n.delay(from.place, to.place), n.lastAt[from.place][to.place])
	n.lastAt[from.place][to.place] = at
	deliver := func() {
		if n.blocked[from.place][to.place] {
			return
		}
		to.do(func() { to.step(m) })
	}
	w.events.push(at, deliver)
	if w.chance(w.plan.strayVote) {
		w.events.push(at+w.between(0, 100*millisecond), deliver)
	}
}

// dial opens a connection to the leader's quorum port and sends the first message on it.
func (n *network) dial(s *server, m zab.Message) {
	if !s.finds(m.To) {
		n.w.failf("%s is to join server %d and has no address of it", s, m.To)
	}
	c := &conn{}
	c.ends[0] = end{s: s, life: s.life, link: zab.Link{Peer: m.To, Link: m.Link}, open: true}
	c.ends[1] = end{s: n.w.server(m.To)}
	s.links[c.ends[0].link] = c
	n.conns = append(n.conns, c)
	n.try(c, m)
}

// try is one attempt to connect; it is repeated, like a driver does.
func (n *network) try(c *conn, m zab.Message) {
	from, to := c.ends[0].s, c.ends[1].s
	n.w.after(n.delay(from.place, to.place)+n.delay(to.place, from.place), func() {
		if !c.alive(0) {
			return
		}
		if to.up && !n.blocked[from.place][to.place] && !n.blocked[to.place][from.place] {
			to.accepted++
			c.accepted = true
			c.ends[1].life, c.ends[1].open = to.life, true
			c.ends[1].link = zab.Link{Peer: from.id, Link: acceptedLinks + to.accepted}
			to.links[c.ends[1].link] = c
			n.send(c, 0, wire{m: m})
			return
		}
		if c.tries++; c.tries > 20 {
			from.do(func() { from.disconnected(c, 0) })
			return
		}
		n.w.after(n.w.between(5*millisecond, 40*millisecond), func() { n.try(c, m) })
	})
}

// alive tells whether an end is open and its server has not died since.
func (c *conn) alive(i int) bool {
	e := &c.ends[i]
	return e.open && e.s.up && e.life == e.s.life
}

// send puts a message into the pipe of one end.
func (n *network) send(c *conn, i int, m wire) {
	p := &c.pipes[i]
	from, to := c.ends[i].s.place, c.ends[1-i].s.place
	if n.w.broken == LoseMessages && !m.closes && !n.w.calm && n.w.chance(100) {
		return
	}
	m.at = max(n.w.now+n.delay(from, to), p.last)
	p.last = m.at
	p.q = append(p.q, m)
	if m.body != nil && !m.body.done {
		p.held = m.body
	}
	n.w.events.push(m.at, func() { n.pump(c, i) })
}

// pump delivers what is due on one direction.
func (n *network) pump(c *conn, i int) {
	p := &c.pipes[i]
	from, to := c.ends[i].s, c.ends[1-i].s
	if n.blocked[from.place][to.place] {
		return
	}
	if p.held != nil {
		if !p.held.done {
			return
		}
		p.held = nil
	}
	due := 0
	for due < len(p.q) && p.q[due].at <= n.w.now {
		if b := p.q[due].body; b != nil && !b.done {
			p.held = b
			break
		}
		due++
	}
	if due == 0 {
		return
	}
	batch := p.q[:due:due]
	p.q = p.q[due:]
	if !to.powered {
		return // into the void
	}
	if !to.up || c.ends[1-i].life != to.life {
		n.reset(c, 1-i)
		return
	}
	to.do(func() { to.receive(c, 1-i, batch) })
}

// reset tells the other end that nobody is at this one.
func (n *network) reset(c *conn, i int) {
	if c.alive(1 - i) {
		n.send(c, i, wire{closes: true})
	}
}

// close closes a server's own end; the other hears of it behind all that was sent.
func (n *network) close(c *conn, i int) {
	e := &c.ends[i]
	if !e.open {
		return
	}
	e.open = false
	delete(e.s.links, e.link)
	c.pipes[i].held = nil
	if c.ends[1-i].s != nil {
		n.send(c, i, wire{closes: true})
	}
}

// dead closes the ends of a server that has died: at once, and the kernel tells the others, or, without power, only when
// the machine is back.
func (n *network) dead(s *server, told bool) {
	for _, c := range n.conns {
		for i := range c.ends {
			e := &c.ends[i]
			if e.s != s || !e.open {
				continue
			}
			e.open = false
			if told {
				n.send(c, i, wire{closes: true})
			} else {
				c.pipes[i].q = nil // what the machine had in its buffers
			}
		}
	}
}

// back tells those who still believe in a connection to this machine, which is running again, that it is gone.
func (n *network) back(s *server) {
	kept := n.conns[:0]
	for _, c := range n.conns {
		for i := range c.ends {
			if c.ends[i].s == s && !c.ends[i].open && c.accepted {
				n.reset(c, i)
			}
		}
		if c.alive(0) || c.alive(1) {
			kept = append(kept, c)
		}
	}
	clear(n.conns[len(kept):])
	n.conns = kept
}

// set opens or blocks one direction between two servers.
func (n *network) set(from, to int, blocked bool) {
	if n.blocked[from][to] == blocked {
		return
	}
	n.blocked[from][to] = blocked
	if blocked {
		return
	}
	for _, c := range n.conns {
		for i := range c.ends {
			if c.ends[i].s != nil && c.ends[i].s.place == from && c.ends[1-i].s.place == to && len(c.pipes[i].q) > 0 {
				// A retransmission takes its time.
				n.w.after(n.w.between(0, 30*millisecond), func() { n.pump(c, i) })
			}
		}
	}
}

// heal ends all partitions and delays.
func (n *network) heal() {
	for i := range n.blocked {
		for j := range n.blocked[i] {
			n.extra[i][j] = 0
			n.set(i, j, false)
		}
	}
}

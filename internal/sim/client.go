package sim

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/history"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/session"
)

// client is a client with its library: it keeps a session over connections to one server after another, carries its
// watches over, pings, and gives a connection up on which it hears nothing.
type client struct {
	w       *World
	number  int
	timeout int32 // milliseconds
	session zkproto.SessionID
	seat    *seat // the connection; nil: none
	conns   int   // connections so far
	ready   bool  // the session is established on it
	closing bool  // a closeSession is under way
	done    bool  // it will not come back
	mute    bool  // it is stopped: it says nothing
	heard   int64 // when anything came
	spoke   int64
	lastIn  int64 // when the last request arrives
	xid     int32
	asked   map[int32]*asked
	watches map[string]watched
	seen    zkproto.Zxid // highest zxid in an answer or event
	mine    []string     // ephemerals it has made in this session, acknowledged
	serial  int
}

// watched is a watch that has not gone off: the client has seen the state of a zxid and is to be told of the next change.
type watched struct {
	from  zkproto.Zxid
	exist bool // left where there was no znode
}

// asked is a request that was sent.
type asked struct {
	op    zkproto.OpCode
	path  string
	watch bool
	op1   int          // number in the history; -1: none
	floor zkproto.Zxid // the last zxid acknowledged to anybody when it was sent
	eph   bool
}

func (c *client) String() string { return fmt.Sprintf("client %d", c.number) }

func (w *World) addClient(number int) {
	c := &client{w: w, number: number, timeout: int32(w.between(200, 1200)), asked: map[int32]*asked{}, watches: map[string]watched{}}
	w.clients = append(w.clients, c)
	w.after(w.between(0, 100*millisecond), c.connect)
	w.after(w.between(0, 100*millisecond), c.pulse)
	w.after(w.between(0, 200*millisecond), c.act)
}

// connect tries some server.
func (c *client) connect() {
	if c.seat != nil || c.done {
		return
	}
	w := c.w
	s := w.servers[w.rng.IntN(len(w.servers))]
	c.conns++
	number := c.conns
	c.heard, c.ready, c.lastIn = w.now, false, 0
	seat := &seat{s: s, c: c, number: number}
	c.seat = seat
	req := &replica.Connect{From: seat, Session: c.session, Timeout: c.timeout, LastZxidSeen: c.seen}
	if c.session != 0 {
		p := session.Password(c.session)
		req.Password = p[:]
	}
	w.after(w.between(w.plan.latency[0], w.plan.latency[1]), func() {
		if !s.powered {
			return // silence, until the client loses patience
		}
		if !s.up {
			w.after(w.between(50, 500), func() { c.lost(number) })
			return
		}
		seat.life, seat.open = s.life, true
		s.do(func() {
			if !seat.open {
				return
			}
			f := s.machine.(*full)
			f.seats = append(f.seats, seat)
			seat.heard = s.time().Mono
			f.r.At(s.time())
			f.r.Connect(req)
		})
	})
}

// lost is the end of a connection, as the client sees it.
func (c *client) lost(number int) {
	if c.seat == nil || c.conns != number {
		return
	}
	c.seat, c.ready = nil, false
	clear(c.asked) // what is not answered stays unknown
	c.w.after(c.w.between(0, 20*millisecond), c.connect)
}

// hangUp closes the connection from the client's side.
func (c *client) hangUp() {
	seat := c.seat
	if seat == nil {
		return
	}
	at := max(c.w.now+c.w.between(c.w.plan.latency[0], c.w.plan.latency[1]), c.lastIn)
	c.w.events.push(at, func() {
		if seat.alive() {
			seat.s.do(seat.gone)
		}
	})
	c.lost(c.conns)
}

// serverDied is the end of a process with this client on it.
func (c *client) serverDied(s *server, told bool) {
	seat := c.seat
	if seat == nil || seat.s != s || !seat.open {
		return
	}
	if number := c.conns; told {
		c.w.after(c.w.between(c.w.plan.latency[0], c.w.plan.latency[1]), func() { c.lost(number) })
	}
}

// pulse is the library's clock: pings, and patience.
func (c *client) pulse() {
	if c.done {
		return
	}
	w := c.w
	t := int64(c.timeout) * millisecond
	switch {
	case c.seat == nil || c.mute:
	case w.now-c.heard > t*2/3:
		c.hangUp()
	case c.ready && w.now-c.spoke > t/4:
		c.send(zkproto.OpPing, nil, &asked{op1: -1})
	}
	w.after(t/10, c.pulse)
}

// send sends a request.
func (c *client) send(op zkproto.OpCode, body []byte, a *asked) {
	w := c.w
	c.xid++
	c.spoke = w.now
	a.op, a.floor = op, w.oracle.ackedTo
	c.asked[c.xid] = a
	if a.op1 >= 0 {
		w.sent[a.op1] = request{c.session, c.xid}
	}
	c.lastIn = max(w.now+w.between(w.plan.latency[0], w.plan.latency[1]), c.lastIn)
	seat, q := c.seat, ask{op: op, xid: c.xid, body: body}
	if w.tracing && op != zkproto.OpPing {
		w.tracef("%s asks %s: op %d xid %d %s", c, seat.s, op, c.xid, a.path)
	}
	w.events.push(c.lastIn, func() {
		if !seat.alive() {
			return
		}
		seat.s.do(func() {
			if seat.open {
				seat.request(q)
			}
		})
	})
}

// take takes what a server says.
func (c *client) take(seat *seat, r *reply) {
	if c.seat != seat || c.done {
		return
	}
	w := c.w
	c.heard = w.now
	switch r.kind {
	case isClosed:
		c.lost(c.conns)
	case isConnected:
		c.connected(r)
	case isEvent:
		c.event(r)
	case isReply:
		c.reply(r)
	}
}

func (c *client) connected(r *reply) {
	w := c.w
	if w.tracing {
		w.tracef("%s has session %s on %s", c, r.session, c.seat.s)
	}
	if r.session == 0 {
		w.oracle.toldExpired(c)
		c.forget()
		return
	}
	c.session, c.ready, c.closing = r.session, true, false
	if len(c.watches) == 0 {
		return
	}
	req := zkproto.SetWatchesRequest{RelativeZxid: c.seen, Exist: []string{}, Child: []string{}, Data: []string{}}
	for _, path := range keys {
		switch x, ok := c.watches[path]; {
		case ok && x.exist:
			req.Exist = append(req.Exist, path)
		case ok:
			req.Data = append(req.Data, path)
		}
	}
	c.send(zkproto.OpSetWatches, req.AppendTo(nil, zkproto.OpSetWatches), &asked{op1: -1})
}

// forget begins anew: the session is gone.
func (c *client) forget() {
	c.session, c.seen, c.closing, c.mine = 0, 0, false, nil
	clear(c.watches)
}

// event is a watch that went off.
func (c *client) event(r *reply) {
	w := c.w
	if w.tracing {
		w.tracef("%s is told: %s %s", c, r.event.Path, r.event.Type)
	}
	if r.zxid > 0 {
		c.see(r.zxid, "event")
	}
	if _, ok := c.watches[r.event.Path]; !ok {
		w.failf("%s is told of %s, which it does not watch", c, r.event.Path)
	}
	delete(c.watches, r.event.Path)
}

// see checks that what this client is shown never goes back.
func (c *client) see(z zkproto.Zxid, what string) {
	if z < c.seen {
		c.w.failf("%s has seen %s and gets an %s of %s from %s", c, c.seen, what, z, c.seat.s)
	}
	c.seen = z
}

func (c *client) reply(r *reply) {
	w := c.w
	a := c.asked[r.xid]
	if a == nil {
		w.failf("%s gets an answer to request %d, which it has not asked", c, r.xid)
	}
	delete(c.asked, r.xid)
	if w.tracing && a.op != zkproto.OpPing {
		w.tracef("%s has its answer: xid %d %s %s", c, r.xid, r.zxid, r.err)
	}
	c.see(r.zxid, "answer")
	c.checkWatches(a, r.zxid)
	if a.op1 >= 0 {
		c.record(a, r)
	}
	if a.watch && (r.err == zkproto.ErrOK || a.op == zkproto.OpExists) {
		c.watches[a.path] = watched{from: r.zxid, exist: r.err != zkproto.ErrOK}
	}
	switch {
	case a.op == zkproto.OpSync && r.zxid < a.floor:
		w.failf("%s: a sync is answered from %s, and %s was acknowledged before it was asked for", c, r.zxid, a.floor)
	case a.op.IsWrite() && r.err == zkproto.ErrOK:
		if r.zxid <= a.floor && a.op != zkproto.OpCloseSession { // that of a local session is no transaction
			w.failf("%s: a write is answered as %s, and %s was acknowledged before it was sent", c, r.zxid, a.floor)
		}
		if r.zxid > a.floor {
			w.oracle.acknowledged(c.seat.s, r.zxid)
		}
		if a.eph {
			c.mine = append(c.mine, a.path)
		}
	}
	if a.op == zkproto.OpCloseSession {
		w.oracle.toldExpired(c)
		c.seat, c.ready = nil, false
		c.forget()
		clear(c.asked)
		if w.quiet {
			c.done = true
			return
		}
		w.after(w.between(0, 50*millisecond), c.connect)
	}
}

// checkWatches: an event comes before the first answer that shows the change, or something after it.
func (c *client) checkWatches(a *asked, z zkproto.Zxid) {
	for _, path := range keys {
		x, ok := c.watches[path]
		switch {
		case !ok:
		case a.op == zkproto.OpSetWatches && x.exist:
			// Created and deleted while there was no connection: that is told to nobody, as in the original.
			x.from = z
			c.watches[path] = x
		case c.w.oracle.changed(path, x.from, z):
			c.w.failf("%s gets an answer from the state of %s and was not told of the change of %s, which it had seen at %s", c, z, path, x.from)
		}
	}
}

// record puts an answer into the history.
func (c *client) record(a *asked, r *reply) {
	w := c.w
	w.history.End(a.op1, w.now, func(o *history.Op) {
		o.Seen = int64(r.zxid)
		switch r.err {
		case zkproto.ErrOK:
			o.Outcome = history.OK
			o.Found, o.Version, o.Mzxid = true, r.stat.Version, int64(r.stat.Mzxid)
			switch o.Kind {
			case history.Read:
				o.Value = string(r.data)
			case history.Create, history.Delete:
				o.Mzxid = int64(r.zxid)
			case history.Set, history.Sync:
			}
		case zkproto.ErrNoNode:
			o.Outcome, o.Reason = history.Refused, history.NoNode
			if o.Kind == history.Read {
				o.Outcome, o.Reason = history.OK, history.NoReason
			}
		case zkproto.ErrNodeExists:
			o.Outcome, o.Reason = history.Refused, history.NodeExists
		case zkproto.ErrBadVersion:
			o.Outcome, o.Reason = history.Refused, history.BadVersion
		case zkproto.ErrSessionExpired, zkproto.ErrSessionMoved:
			o.Outcome = history.Never
		default:
			w.failf("%s is answered %v", c, r.err)
		}
	})
}

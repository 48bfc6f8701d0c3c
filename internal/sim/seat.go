package sim

import (
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/watch"
)

// seat is the server's end of a client's connection: the requests in order, reads behind writes, as package pipeline has
// it. The wire between the two is a pair of FIFOs without bytes.
type seat struct {
	s       *server
	life    int
	c       *client
	number  int // of the client's connection
	session zkproto.SessionID
	heard   int64 // milliseconds of the server's clock
	fifo    pipeline.FIFO
	held    []ask // reads that came while the server had no leader
	open    bool
	lastOut int64 // when the last answer arrives
}

// ask is a request on its way.
type ask struct {
	op   zkproto.OpCode
	xid  int32
	body []byte
}

type replyKind uint8

const (
	isReply replyKind = iota
	isEvent
	isConnected
	isClosed
)

// reply is what a server says.
type reply struct {
	kind    replyKind
	xid     int32
	zxid    zkproto.Zxid
	err     zkproto.Error
	session zkproto.SessionID
	stat    zkproto.Stat
	data    []byte
	event   zkproto.WatcherEvent
}

func (c *seat) alive() bool { return c.open && c.s.up && c.life == c.s.life }

// send puts an answer on the wire.
func (c *seat) send(r reply) {
	w := c.s.w
	if !c.open {
		return
	}
	if r.kind == isEvent && w.broken == EventLate && w.chance(3) {
		w.after(w.between(0, 20*millisecond), func() { c.c.take(c, &r) })
		return
	}
	c.lastOut = max(w.now+w.between(w.plan.latency[0], w.plan.latency[1]), c.lastOut)
	w.events.push(c.lastOut, func() { c.c.take(c, &r) })
}

// close ends the connection from the server's side, or because the client did.
func (c *seat) close(reason error) {
	if !c.open {
		return
	}
	if c.s.w.tracing {
		c.s.w.tracef("%s closes the connection of %s: %v", c.s, c.c, reason)
	}
	c.send(reply{kind: isClosed})
	c.leave()
}

// leave forgets the connection.
func (c *seat) leave() {
	c.open = false
	f, ok := c.s.machine.(*full)
	if !ok {
		return
	}
	c.fifo.Clear()
	c.held = nil
	f.watches.RemoveWatcher(c)
	for i, o := range f.seats {
		if o == c {
			f.seats = append(f.seats[:i:i], f.seats[i+1:]...)
			break
		}
	}
}

// gone is the end of the connection, seen by the server.
func (c *seat) gone() {
	if !c.open {
		return
	}
	c.leave()
	f := c.s.machine.(*full)
	f.r.At(c.s.time())
	f.r.Detach(c, c.session)
}

// request takes what the client asks.
func (c *seat) request(a ask) {
	f := c.s.machine.(*full)
	now := c.s.time()
	c.heard = now.Mono
	f.r.At(now)
	it := pipeline.Item{Op: a.op, Xid: a.xid, Body: a.body}
	if a.op.IsWrite() || a.op == zkproto.OpSync && c.s.w.broken != SyncAtOnce {
		if len(c.held) > 0 {
			c.answerHeld()
		}
		it.Write = true
		c.fifo.PushWrite(it)
		if c.s.w.broken == SendTwice && a.op == zkproto.OpSetData && c.s.w.chance(10) {
			f.r.Submit(&replica.Request{From: &seat{s: c.s}, Session: c.session, Op: a.op, Xid: -a.xid - 1000, Body: a.body, IDs: anyone})
		}
		ids := anyone
		if a.op == zkproto.OpReconfig {
			ids = administrator
		}
		f.r.Submit(&replica.Request{From: c, Session: c.session, Op: a.op, Xid: a.xid, Body: a.body, IDs: ids})
		return
	}
	switch {
	case !c.fifo.Idle() && c.s.w.broken != StaleRead:
		c.fifo.PushRead(it)
	case f.r.Mode() != replica.ModeReadWrite || len(c.held) > 0:
		c.held = append(c.held, a)
	default:
		c.read(&it)
	}
}

var (
	anyone        = []zkproto.ID{{Scheme: "ip", ID: "127.0.0.1"}}
	administrator = []zkproto.ID{{Scheme: "super", ID: ""}}
)

// answerHeld answers the reads that waited for a leader.
func (c *seat) answerHeld() {
	held := c.held
	c.held = nil
	for i := range held {
		if c.open {
			c.read(&pipeline.Item{Op: held[i].op, Xid: held[i].xid, Body: held[i].body})
		}
	}
}

// answer ends a write or a sync, and the reads behind it.
func (c *seat) answer(a *replica.Answer) {
	if !c.alive() {
		return
	}
	if a.Lost {
		c.close(replica.ErrUnknownFate)
		f := c.s.machine.(*full)
		c.s.w.after(0, func() { c.s.do(func() { f.r.Detach(c, c.session) }) })
		return
	}
	it, ok := c.fifo.PopWrite()
	if !ok || it.Xid != a.Xid || it.Op != a.Op {
		c.s.w.failf("%s answers request %d (%d) of %s, whose next is %d (%d)", c.s, a.Xid, a.Op, c.c, it.Xid, it.Op)
	}
	c.send(reply{xid: a.Xid, zxid: c.s.state.Tree.LastZxid(), err: a.Result.Err, stat: a.Result.Stat})
	for it, ok = c.fifo.PopRead(); ok && c.open; it, ok = c.fifo.PopRead() {
		c.read(&it)
	}
	if a.Op == zkproto.OpCloseSession && a.Result.Err == zkproto.ErrOK {
		c.send(reply{kind: isClosed})
		c.leave()
	}
}

// read answers from the tree.
func (c *seat) read(it *pipeline.Item) {
	f := c.s.machine.(*full)
	t := c.s.state.Tree
	r := reply{xid: it.Xid, zxid: t.LastZxid()}
	d := jute.NewDecoder(it.Body)
	switch it.Op {
	case zkproto.OpGetData, zkproto.OpExists:
		path, watched := string(d.NotNull()), d.Bool()
		var ok bool
		r.data, r.stat, _, ok = t.Get(path)
		if !ok {
			r.err = zkproto.ErrNoNode
		}
		if watched && (ok || it.Op == zkproto.OpExists) {
			f.watches.Add(path, c, watch.Data)
		}
	case zkproto.OpSetWatches:
		var req zkproto.SetWatchesRequest
		req.Decode(&d, it.Op)
		if c.s.w.broken == ForgetWatches {
			break
		}
		for _, ev := range f.watches.SetWatches(t, c, &req, nil) {
			c.send(reply{kind: isEvent, zxid: -1, event: ev})
		}
	default: // ping
	}
	c.send(r)
}

package sim

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// server is one machine with its disk, and the process on it while it lives. It is the driver: it does the duties that
// package zab asks of one.
type server struct {
	w        *World
	id       zab.Sid
	place    int // in World.servers
	observer bool
	disk     disk
	accepted uint64 // connections, over all lives
	drift    int64  // length of a tick in microseconds, by this machine's clock
	offset   int64  // of its wall clock

	powered bool // the machine
	up      bool // the process
	paused  bool
	backlog []func() // what waits for a paused process
	buried  bool     // it will not start again
	life    int
	armed   int // the process dies at the armed-th point from now; 0: never
	onDeath func()
	atEpoch bool // it will die when it writes an epoch file
	doing   bool

	// Of one life:
	machine  machine
	wake     int64              // when the timer fires
	heard    *quorum.Membership // addresses that others have told
	store    *store.Store
	state    *store.State // the tree and the sessions as they are now
	links    map[zab.Link]*conn
	toLog    []txnlog.Record
	busy     bool   // a sync is under way
	job      uint64 // its number
	jobLast  zab.Zxid
	logged   int // entries since the last snapshot
	snapping bool
	synced   zab.Zxid
	bodies   map[zab.Link]*store.Received
	serving  bool
	changes  uint64
}

func (s *server) String() string { return fmt.Sprintf("server %d", s.id) }

func (w *World) server(id zab.Sid) *server {
	if i := int(id) - 1; i >= 0 && i < len(w.servers) {
		return w.servers[i]
	}
	return nil
}

// clock is this machine's wall clock in microseconds.
func (s *server) clock() int64 {
	return 1_600_000_000_000_000 + s.offset + s.w.now*s.w.plan.tick/s.drift
}

// died ends the handling of an input in the middle: the process is gone.
type died struct{ s *server }

// point is a place where the process may die.
func (s *server) point() {
	if s.armed == 0 || !s.up {
		return
	}
	if s.armed--; s.armed == 0 {
		if s.onDeath != nil {
			s.onDeath()
		}
		panic(died{s})
	}
}

// do lets the process handle one input, and then do its duties. A paused one does it later, a dead one never.
func (s *server) do(fn func()) {
	switch {
	case !s.up:
		return
	case s.paused:
		s.backlog = append(s.backlog, fn)
		return
	case s.doing:
		s.w.failf("%s is busy with itself", s)
	}
	s.doing = true
	defer func() {
		s.doing = false
		if r := recover(); r != nil {
			if d, ok := r.(died); !ok || d.s != s {
				panic(r)
			}
		}
	}()
	if s.machine != nil {
		s.machine.pass(s.time().Mono)
	}
	fn()
	s.perform()
	s.arm()
}

// fail stops the process, as a failed disk must.
func (s *server) fail(err error) {
	s.w.fault("%s stops: %v", s, err)
	s.kill(false)
	s.w.restartLater(s)
	panic(died{s})
}

// kill ends the process; with power, the machine's as well.
func (s *server) kill(power bool) {
	if !s.up {
		s.powered = s.powered && !power
		return
	}
	s.up, s.paused, s.backlog, s.armed, s.onDeath = false, false, nil, 0, nil
	s.atEpoch = false
	s.powered = !power
	s.w.net.dead(s, !power)
	s.disk.crash(power)
	s.w.oracle.stopped(s)
	for _, c := range s.w.clients {
		c.serverDied(s, !power)
	}
	s.machine, s.store, s.links, s.bodies, s.toLog, s.state = nil, nil, nil, nil, nil, nil
}

// start starts the process: it recovers from its disk.
func (s *server) start() {
	if s.up || s.buried {
		return
	}
	w := s.w
	s.life++
	s.powered, s.up, s.doing, s.serving = true, true, false, false
	s.links, s.bodies = map[zab.Link]*conn{}, map[zab.Link]*store.Received{}
	s.heard = nil
	s.busy, s.snapping, s.logged, s.toLog, s.wake = false, false, 0, nil, 0
	s.disk.attach()
	w.net.back(s)
	s.do(s.recover)
	w.arbiter.watch(s, s.life)
}

func (s *server) recover() {
	w := s.w
	var err error
	if s.store, s.state, err = s.disk.open(); err != nil {
		s.refuse(err)
	}
	last := s.state.LastZxid
	hard, err := store.LoadEpochs(s.disk.fs, dir, last)
	if err != nil {
		s.refuse(err)
	}
	s.synced, s.changes = last, 0
	w.oracle.started(s, last, hard.AcceptedEpoch, hard.CurrentEpoch)
	cfg := zab.Config{
		ID: s.id, Quorum: w.plan.quorum, Observer: s.observer, AcceptedEpoch: hard.AcceptedEpoch, CurrentEpoch: hard.CurrentEpoch,
		LastZxid: last, Bottom: s.state.SnapshotZxid, Storage: storage{s}, InitTicks: w.plan.initTicks, SyncTicks: w.plan.syncTicks, PingTicks: w.plan.pingTicks,
		FinalizeTicks: 1, NotifyMinTicks: 2, NotifyMaxTicks: 10, KeepCommitted: w.plan.keep, ObserverMaster: w.plan.masters, ReturnTicks: w.plan.returns,
		Oracle: w.opt.Oracle,
	}
	if err = s.configure(&cfg); err != nil {
		s.refuse(err)
	}
	if s.machine, err = w.newMachine(s, cfg); err != nil {
		s.refuse(err)
	}
	if w.tracing {
		w.tracef("%s starts: zxid %s, accepted epoch %d, current epoch %d", s, last, hard.AcceptedEpoch, hard.CurrentEpoch)
	}
}

// refuse is a server that does not start: nothing that the simulator does to a disk excuses that, but a call that failed.
func (s *server) refuse(err error) {
	if errors.Is(err, errDisk) {
		s.fail(err)
	}
	s.w.failf("%s does not start: %v", s, err)
}

// arm sets the process's timer to when the core wants to be woken. It is never early, and often a little late.
func (s *server) arm() {
	w := s.w
	at := s.machine.deadline()*millisecond*s.drift/w.plan.tick + 1 + w.between(0, millisecond)
	if s.wake > w.now && s.wake <= at {
		return
	}
	s.wake = max(at, w.now+1)
	life, wake := s.life, s.wake
	w.events.push(wake, func() { s.woken(life, wake) })
}

// woken is the timer. It may be an old one.
func (s *server) woken(life int, wake int64) {
	switch {
	case s.life != life || !s.up || s.wake != wake:
	case s.paused:
		s.wake = s.w.now + s.drift
		wake = s.wake
		s.w.events.push(wake, func() { s.woken(life, wake) })
	default:
		s.do(func() {})
	}
}

// step hands a message to the core.
func (s *server) step(m zab.Message) {
	if s.w.tracing && m.Type != zab.Ping {
		s.w.tracef("%d>%d %s", m.From, m.To, messageText(&m))
	}
	if err := s.machine.step(m); err != nil {
		s.w.tracef("%s: %v", s, err)
		if c := s.links[zab.Link{Peer: m.From, Link: m.Link}]; c != nil {
			s.w.net.close(c, c.side(s))
		}
	}
}

func messageText(m *zab.Message) string {
	if m.Vote != nil {
		v := m.Vote
		return fmt.Sprintf("%s %s round %d votes %d (%s, epoch %d)", m.Type, v.State, v.Vote.Round, v.Vote.Leader, v.Vote.Zxid, v.Vote.PeerEpoch)
	}
	return fmt.Sprintf("%s %s link %d", m.Type, m.Zxid, m.Link&^acceptedLinks)
}

// side tells which end is the server's.
func (c *conn) side(s *server) int {
	if c.ends[0].s == s {
		return 0
	}
	return 1
}

// receive takes a batch of what came on a connection.
func (s *server) receive(c *conn, i int, batch []wire) {
	for k := range batch {
		e := &c.ends[i]
		if !e.open {
			s.w.net.reset(c, i)
			return
		}
		if batch[k].closes {
			s.disconnected(c, i)
			continue
		}
		m := batch[k].m
		m.From, m.To, m.Link = e.link.Peer, s.id, e.link.Link
		if m.Type == zab.Snap {
			r, err := s.store.Receive(m.Zxid, bytes.NewReader(batch[k].body.bytes), nil)
			if err != nil {
				s.fail(err)
			}
			s.bodies[e.link] = r
		}
		s.step(m)
		s.point()
		if s.w.chance(s.w.plan.oneByOne) {
			s.perform()
		}
	}
}

// disconnected is the end of a connection, seen from one side.
func (s *server) disconnected(c *conn, i int) {
	e := &c.ends[i]
	if !e.open {
		return
	}
	e.open = false
	delete(s.links, e.link)
	s.machine.disconnected(e.link)
}

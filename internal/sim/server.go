package sim

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
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
	life    int
	armed   int // the process dies at the armed-th point from now; 0: never
	onDeath func()
	atEpoch bool // it will die when it writes an epoch file
	doing   bool

	// Of one life:
	machine  machine
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
	late     zab.Zxid // PersistedAfterCut
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
	fn()
	s.perform()
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
	if s.up {
		return
	}
	w := s.w
	s.life++
	s.powered, s.up, s.doing, s.serving = true, true, false, false
	s.links, s.bodies = map[zab.Link]*conn{}, map[zab.Link]*store.Received{}
	s.busy, s.snapping, s.logged, s.toLog = false, false, 0, nil
	s.disk.attach()
	w.net.back(s)
	s.do(s.recover)
	if s.up {
		life := s.life
		w.after(w.between(0, s.drift), func() { s.ticker(life) })
	}
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
		FinalizeTicks: 1, NotifyMinTicks: 2, NotifyMaxTicks: 10, KeepCommitted: w.plan.keep,
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

// ticker is the process's clock.
func (s *server) ticker(life int) {
	if s.life != life || !s.up {
		return
	}
	if !s.paused { // a ticker keeps nothing for those who are late
		s.do(func() { s.machine.tick(s.clock()) })
	}
	s.w.after(s.drift, func() { s.ticker(life) })
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
			r, err := s.store.Receive(m.Zxid, bytes.NewReader(batch[k].body.bytes))
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

// perform does the duties, in the order of zab's documentation.
func (s *server) perform() {
	for {
		if !s.machine.hasReady() {
			if s.machine.finish(nil); !s.machine.hasReady() {
				break
			}
		}
		s.point()
		r := s.machine.ready()
		if s.w.tracing {
			s.traceReady(&r)
		}
		if r.Install != nil {
			s.install(r.Install)
		}
		if r.Truncate != nil {
			s.truncate(*r.Truncate)
		}
		s.point()
		s.append(r.Entries)
		if s.w.broken != SendBeforeSave {
			s.saveEpochs(&r)
		}
		s.saveMembers(&r)
		s.point()
		walks := s.send(r.Messages)
		s.point()
		if s.w.broken == SendBeforeSave {
			s.saveEpochs(&r)
		}
		s.apply(&r)
		for _, b := range walks {
			b.begin()
		}
		s.machine.finish(&r)
		for _, l := range r.Drop {
			if c := s.links[l]; c != nil {
				s.w.net.close(c, c.side(s))
			}
		}
		if r.StatusChanged {
			s.statusChanged(r.Status)
		}
		s.startJob()
	}
	s.startJob()
}

// apply makes committed entries visible.
func (s *server) apply(r *zab.Ready) {
	entries := r.Committed
	if s.w.broken == ApplyEarly && !r.Status.Serving() && r.Status.Role != zab.Looking {
		entries = r.Entries
	}
	for i := range entries {
		if s.w.broken == ApplyEarly && entries[i].Zxid <= s.state.Tree.LastZxid() {
			continue
		}
		s.w.oracle.applying(s, &entries[i])
		s.machine.apply(entries[i : i+1])
		s.w.oracle.applied(s)
	}
	if s.late != 0 {
		s.machine.persisted(s.late)
		s.late = 0
	}
}

func (s *server) traceReady(r *zab.Ready) {
	for _, e := range r.Events {
		s.w.tracef("%s: %s: %s", s, e.Kind, e.Reason)
	}
	if r.StatusChanged {
		s.w.tracef("%s is %s", s, r.Status)
	}
	if r.Install != nil {
		s.w.tracef("%s installs a snapshot, %s", s, r.Install.Zxid)
	}
	if r.Truncate != nil {
		s.w.tracef("%s truncates its log to %s", s, *r.Truncate)
	}
	if n := len(r.Entries); n > 0 {
		s.w.tracef("%s logs %s to %s", s, r.Entries[0].Zxid, r.Entries[n-1].Zxid)
	}
	if n := len(r.Committed); n > 0 {
		s.w.tracef("%s applies %s to %s", s, r.Committed[0].Zxid, r.CommittedTo)
	}
}

// statusChanged keeps track of whether clients are answered.
func (s *server) statusChanged(st zab.Status) {
	s.serving = st.Serving()
	s.w.oracle.status(s, st)
}

func (s *server) install(sn *zab.Snapshot) {
	link := zab.Link{Peer: sn.From, Link: sn.Link}
	r := s.bodies[link]
	if r == nil {
		s.w.failf("%s is to install a snapshot that has not come", s)
	}
	s.drain()
	st, err := s.store.Install(r)
	if err != nil {
		s.fail(err)
	}
	clear(s.bodies)
	s.replaced(st, sn.Zxid)
}

func (s *server) truncate(z zab.Zxid) {
	before := s.jobLast
	s.drain()
	cut := z
	if s.w.broken == TruncateTooLittle {
		cut++
	}
	st, err := s.store.Truncate(cut, s.state.Tree)
	if err != nil {
		s.refuse(err)
	}
	s.w.oracle.truncated(s, z)
	if st != nil {
		s.replaced(st, z)
	}
	if s.w.broken == PersistedAfterCut {
		s.late = before
	}
}

// replaced goes on with another state that ends at z.
func (s *server) replaced(st *store.State, z zab.Zxid) {
	s.state, s.snapping = st, false
	s.w.oracle.truncated(s, z)
	s.machine.replaced()
}

// append hands entries to the disk.
func (s *server) append(entries []zab.Entry) {
	for i := range entries {
		s.w.oracle.appended(s, &entries[i])
		s.toLog = append(s.toLog, txnlog.Record{Zxid: entries[i].Zxid, Data: entries[i].Data})
	}
}

// startJob gives the disk what waits for it, if it is idle.
func (s *server) startJob() {
	if s.busy || len(s.toLog) == 0 {
		return
	}
	w := s.w
	s.busy = true
	s.job++
	job := s.job
	recs := s.toLog
	s.toLog = nil
	s.logged += len(recs)
	s.jobLast = recs[len(recs)-1].Zxid
	s.snapshotIfDue()
	s.store.Logged(recs)
	if err := s.store.Log.Append(recs); err != nil {
		s.fail(err)
	}
	if w.broken == AckBeforeSync {
		s.machine.persisted(s.jobLast)
	}
	life := s.life
	w.after(w.between(w.plan.syncTime[0], w.plan.syncTime[1])+w.nemesis.slow[s.place], func() {
		if s.life == life {
			s.do(func() { s.finishJob(job) })
		}
	})
}

func (s *server) finishJob(job uint64) {
	if job != s.job || !s.busy {
		return // a truncation or installation was quicker
	}
	if err := s.store.Log.Sync(); err != nil {
		s.fail(err)
	}
	s.busy = false
	s.synced = s.jobLast
	if s.w.tracing {
		s.w.tracef("%s has synced %s", s, s.synced)
	}
	s.point()
	s.machine.persisted(s.synced)
}

// drain lets the log finish what it was given. The core is not told.
func (s *server) drain() {
	s.store.Logged(s.toLog)
	if err := s.store.Log.Append(s.toLog); err != nil {
		s.fail(err)
	}
	s.toLog, s.busy = nil, false
	s.job++
	if err := s.store.Log.Sync(); err != nil {
		s.fail(err)
	}
	s.point()
}

// snapshotIfDue starts a snapshot of what is applied and begins a new segment of the log. The snapshot takes its name only
// when the log is synced as far as the snapshot goes, so that the log on disk never has a gap.
func (s *server) snapshotIfDue() {
	if s.logged < s.w.plan.snapCount || s.snapping || !s.serving {
		return
	}
	s.logged, s.snapping = 0, true
	if err := s.store.Log.Roll(); err != nil {
		s.fail(err)
	}
	s.takeSnapshot(s.state.Tree.LastZxid(), s.keepSnapshot).begin()
}

func (s *server) keepSnapshot(b *body) {
	if b.tree != s.state.Tree {
		return
	}
	if s.synced < b.end {
		s.w.after(s.w.between(100, 1000), func() { s.do(func() { s.keepSnapshot(b) }) })
		return
	}
	s.snapping = false
	if _, err := snapshot.Write(s.disk.fs, dir, b.zxid, b); err != nil {
		s.fail(err)
	}
	if _, err := snapshot.Retain(s.disk.fs, dir, dir, 2); err != nil {
		s.fail(err)
	}
	if s.w.tracing {
		s.w.tracef("%s has written snapshot %s", s, b.zxid)
	}
}

// saveEpochs writes the epoch files.
func (s *server) saveEpochs(r *zab.Ready) {
	if s.atEpoch && (r.SaveAccepted || r.SaveCurrent) {
		s.atEpoch = false
		s.w.nemesis.epoch(s, r.Status.Leader)
	}
	accepted := r.SaveAccepted && s.w.broken != ForgetAccepted
	if err := store.SaveEpochs(s.disk.fs, dir, r.HardState, accepted, r.SaveCurrent); err != nil {
		s.fail(err)
	}
	if r.SaveAccepted {
		s.w.oracle.promised(s, r.HardState.AcceptedEpoch)
	}
}

// send sends messages. It answers the snapshots that are to be taken once the committed entries are applied.
func (s *server) send(list []zab.Message) (walks []*body) {
	w := s.w
	for i := range list {
		m := list[i]
		switch m.Type {
		case zab.Notification:
			w.net.vote(s, m)
			continue
		case zab.FollowerInfo, zab.ObserverInfo:
			w.net.dial(s, m)
			continue
		}
		link := zab.Link{Peer: m.To, Link: m.Link}
		c := s.links[link]
		if c == nil {
			continue
		}
		out := wire{m: m}
		switch m.Type {
		case zab.Snap:
			side := c.side(s)
			out.body = s.takeSnapshot(m.Zxid, func(b *body) {
				b.encode()
				w.after(0, func() { w.net.pump(c, side) })
			})
			walks = append(walks, out.body)
		case zab.Replay:
			if err := s.replay(c, m); err != nil {
				w.tracef("%s cannot replay its log: %v", s, err)
				w.net.close(c, c.side(s))
				w.after(0, func() { s.do(func() { s.machine.disconnected(link) }) })
			}
			continue
		}
		w.net.send(c, c.side(s), out)
		s.point()
	}
	return walks
}

// replay sends a part of the log.
func (s *server) replay(c *conn, m zab.Message) error {
	return s.store.Replay(m.After, m.Zxid, func(r txnlog.Record) error {
		data := append([]byte(nil), r.Data...)
		s.w.net.send(c, c.side(s), wire{m: zab.Message{Type: zab.Proposal, Zxid: r.Zxid, Data: data}})
		s.w.net.send(c, c.side(s), wire{m: zab.Message{Type: zab.Commit, Zxid: r.Zxid}})
		return nil
	})
}

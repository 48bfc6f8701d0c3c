package zkserver

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// core is what the core goroutine owns, or whoever else has its lock for a moment (direct.go).
type core struct {
	mu    sync.Mutex
	asked atomic.Bool // there is something to do; whoever has the lock looks before the next one sleeps (direct.go)
	ended bool        // nobody may step any more

	replica   *replica.Replica
	interval  time.Duration   // between two ticks, when there is no better knowledge
	alarm     clock.Timer     // wakes the core goroutine of a member of an ensemble when a tick is due
	alarmAt   time.Time       // zero: not set
	draining  bool            // the server stops, and finishes what is under way
	bucket    time.Duration   // width of an expiry bucket
	toLog     []txnlog.Record // handed out by zab, not yet given to the disk
	spare     []txnlog.Record // the slice the disk has finished with
	logged    zkproto.Zxid    // the end of what is durable, as the replica was told last
	batches   []*pipeline.Batch[*client]
	peerItems []peerItem
	dirty     []*client    // have an answer to flush
	told      []*client    // have an event to flush
	telling   atomic.Int32 // goroutines that send events
	watchers  []*client    // scratch for events
	now       time.Time    // of the current step
	giveUp    chan struct{}
	view      ensembleView
	worked    replica.Work     // what the metrics have of it
	proposed  ackTimes         // of a leader
	away      map[zab.Sid]bool // what the election was told of who can be reached
	silent    map[zab.Sid]bool // and of who can be heard only

	sinceSnapshot int   // transactions logged
	bytesSince    int64 // bytes logged
	snapAfter     int   // take a snapshot after so many transactions
	snapBytes     int64 // or so many bytes; 0 for no limit
	snapshotting  atomic.Bool
	quotaTold     map[string]time.Time // when a path's quota was last complained about
}

// applyChunk is how many transactions are applied before readers are let in.
const applyChunk = 128

// directBatch is up to how many requests a connection's own goroutine may bring as the core, and up to how many transactions, however
// large, the core syncs itself: at low load nothing would go on beside the fsync, and two changes of goroutine are saved (a sixth of the
// latency of a single write, a third of its processor time). It syncs more of them if they are little (disk.go).
const directBatch = 2

// feedBatch is how many transactions are gathered before the disk gets them while there are more requests to prepare.
const feedBatch = 64

// peerBatch is how many messages of peers are taken before what they cause is done.
const peerBatch = 256

// run is the core goroutine.
func (s *Server) run() {
	c := &s.core
	defer func() {
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		close(s.coreDone)
	}()
	if s.peers != nil {
		most := s.mostLog()
		s.group.Go(func() { s.lookBack(most) })
	}
	due, stop := s.ticks()
	defer stop()
	s.beat.Store(s.clock.Now().UnixNano())
	stopping := s.stopping
	var patience time.Time // when stopping: until then what is under way may be finished
	for {
		ready := s.wake
		if c.asked.Load() {
			ready = closedWake // do not wait, but see what else there is: there may be more for ever
		}
		ticked := false
		select {
		case <-due:
			ticked = true
		case <-stopping:
			stopping = nil
			patience = s.clock.Now().Add(drainTime)
		case <-s.failed:
			return
		case <-c.giveUp:
			return
		case <-ready:
		}
		c.mu.Lock()
		c.draining = stopping == nil
		if ticked {
			s.tick()
		}
		s.step()
		done := stopping == nil && (!c.asked.Load() && s.idle() || s.peers != nil && s.clock.Now().After(patience))
		c.mu.Unlock()
		if done {
			return
		}
	}
}

// closedWake is always ready.
var closedWake = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// drainTime is how long a member of an ensemble that stops goes on with what is under way. It may never be done: a leader's
// followers forward ever more. What is left goes on under the next leader.
const drainTime = 250 * time.Millisecond

// idle tells whether everything is answered that can be.
func (s *Server) idle() bool {
	c := &s.core
	return (c.replica.Outstanding() == 0 || !s.serves()) && len(c.toLog) == 0 && !s.disk.busy.Load()
}

// abandon makes the core end at once, and returns the channel that tells when it has.
func (c *core) abandon(s *Server) <-chan struct{} {
	select {
	case <-s.coreDone:
	default:
		close(c.giveUp)
	}
	return s.coreDone
}

// moment is a time as the replica counts it.
func (s *Server) moment(t time.Time) replica.Time {
	return replica.Time{Mono: s.sinceStart(t), Wall: t.UnixMilli()}
}

// step does everything there is to do now. What comes meanwhile asks for another one.
func (s *Server) step() {
	c := &s.core
	c.asked.Store(false) // before anything is taken
	if s.Err() != nil {
		return // nothing may be answered any more
	}
	s.passTime()
	s.hearDisk()
	s.feedDisk(false) // before anything that takes time: the disk must not wait
	s.perform()
	if s.peers != nil {
		s.hearPeers()
	}
	c.batches = s.inbox.Take(c.batches[:0])
	for _, b := range c.batches {
		for i := range b.Requests {
			s.request(b, i)
		}
		s.inbox.GiveBack(b)
		if s.perform(); len(c.toLog) >= feedBatch {
			s.feedDisk(false)
		}
	}
	s.finishWaiting()
	s.feedDisk(false)
	s.syncHere()
	s.flush()
	s.setAlarm()
}

// syncHere makes durable what is little enough for that, and does what follows from it. Who waits for other answers has them before.
func (s *Server) syncHere() {
	for s.syncsHere() {
		s.flush()
		if !s.feedDisk(true) || s.Err() != nil || !s.hearDisk() {
			return
		}
		s.perform()
		s.finishWaiting()
	}
}

// hearDisk tells the replica what is durable now, and whether that is more than before.
func (s *Server) hearDisk() bool {
	c := &s.core
	z := s.disk.lastPersisted()
	if z <= c.logged {
		return false
	}
	s.countSynced(c.logged, z)
	c.logged = z
	c.replica.Persisted(z)
	return true
}

// finishWaiting answers what waited only for what is done by now. That may end the role.
func (s *Server) finishWaiting() {
	if s.core.replica.Waiting() {
		s.treeMu.RLock() // reads behind it may be answered, too
		s.core.replica.Finish(nil)
		s.treeMu.RUnlock()
		s.perform()
	}
	s.countWork()
}

// perform does what zab asks for, in the order of its duties.
func (s *Server) perform() {
	c := &s.core
	for c.replica.HasReady() {
		r := c.replica.Ready()
		if s.peers != nil {
			if err := s.beforeSending(&r); err != nil {
				s.fail(err)
				return
			}
		}
		for _, e := range r.Entries {
			c.toLog = append(c.toLog, txnlog.Record{Zxid: e.Zxid, Data: e.Data})
		}
		if s.peers != nil {
			s.standBack(r.Messages)
			s.peers.Send(r.Messages)
			s.countReady(&r)
		}
		s.apply(r.Committed)
		if s.peers == nil {
			continue // no role ends or begins, and step asks for the rest
		}
		s.treeMu.RLock()
		c.replica.Finish(&r)
		s.treeMu.RUnlock()
		if len(r.Drop) > 0 {
			s.peers.Drop(r.Drop)
		}
	}
}

// apply makes committed transactions visible and answers them.
func (s *Server) apply(entries []zab.Entry) {
	if len(entries) > 0 {
		s.core.now = s.clock.Now()
	}
	for len(entries) > 0 {
		n := min(len(entries), applyChunk)
		s.treeMu.Lock()
		err := s.core.replica.Apply(entries[:n])
		s.treeMu.Unlock()
		if err != nil {
			s.fail(fmt.Errorf("zkserver: %w", err))
			return
		}
		entries = entries[n:]
	}
}

// syncsHere tells whether what waits for the disk is left to whoever is the core.
func (s *Server) syncsHere() bool {
	return s.peers == nil && len(s.core.toLog) > 0 && isFew(s.core.toLog) && !s.disk.busy.Load()
}

// feedDisk gives the disk what waits for it, if it is idle, and begins a snapshot when one is due. Small batches are
// left for a call with here set, which syncs them itself and tells so. In an ensemble it never does: a quorum may decide
// without this server's disk, and the others must be answered even while that hangs.
func (s *Server) feedDisk(here bool) (synced bool) {
	c := &s.core
	if len(c.toLog) == 0 || s.disk.busy.Load() || s.syncsHere() && !here {
		return false
	}
	job := diskJob{records: c.toLog}
	c.toLog, c.spare = c.spare[:0], c.toLog
	s.store.Logged(job.records)
	c.sinceSnapshot += len(job.records)
	var bytes int64
	for i := range job.records {
		bytes += int64(len(job.records[i].Data))
	}
	c.bytesSince += bytes
	s.filling(bytes)
	s.trimmer.logged(bytes)
	job.roll = s.snapshotIfDue()
	if s.peers == nil && isFew(job.records) && !job.roll {
		s.disk.writeHere(s, job)
		return true
	}
	s.disk.submit(job)
	return false
}

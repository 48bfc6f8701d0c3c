package zkserver

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// core is what the core goroutine owns.
type core struct {
	node        *zab.Node
	prep        *prep.Prep
	sessions    *session.Table
	owners      map[zkproto.SessionID]*client // which connection a session has now
	bucket      time.Duration                 // width of an expiry bucket
	inflight    pipeline.Ring[proposal]       // what was proposed and is not applied, and what must wait behind it
	toLog       []txnlog.Record               // handed out by zab, not yet given to the disk
	spare       []txnlog.Record               // the slice the disk has finished with
	arena       []byte                        // encoded transactions are cut from it
	proposed    zkproto.Zxid
	nextSession zkproto.SessionID
	batches     []*pipeline.Batch[*client]
	dirty       []*client    // have an answer to flush
	told        []*client    // have an event to flush
	telling     atomic.Int32 // goroutines that send events
	watchers    []*client    // scratch for events
	now         time.Time    // of the current step
	giveUp      chan struct{}

	sinceSnapshot int   // transactions logged
	bytesSince    int64 // bytes logged
	snapAfter     int   // take a snapshot after so many transactions
	snapBytes     int64 // or so many bytes; 0 for no limit
	snapshotting  atomic.Bool
	quotaTold     map[string]time.Time // when a path's quota was last complained about
	lastTick      time.Time
}

// proposal is a request between its preparation and its reply.
type proposal struct {
	from     *client // nil: nobody waits
	header   zkproto.TxnHeader
	txn      zkproto.Txn // nil: nothing to apply, the reply is due when everything before it is applied
	op       zkproto.OpCode
	xid      int32
	err      zkproto.Error // when txn is nil
	arrived  int64
	path     string // of sync
	nullPath bool
	size     int // of the request's body
	// digest is the tree's after the transaction; Version 0 for none.
	digest zkproto.TxnDigest
	audit  *audited // nil: not for the audit log
}

// applyChunk is how many transactions are applied before readers are let in.
const applyChunk = 128

// directBatch is up to how many transactions the core syncs itself: at low load nothing would go on beside the fsync, and
// two changes of goroutine are saved (a sixth of the latency of a single write, a third of its processor time).
const directBatch = 2

// feedBatch is how many transactions are gathered before the disk gets them while there are more requests to prepare.
const feedBatch = 64

// arenaSize is the size of the pieces that encoded transactions are cut from.
const arenaSize = 256 << 10

// run is the core goroutine.
func (s *Server) run() {
	defer close(s.coreDone)
	c := &s.core
	c.lastTick = s.clock.Now()
	ticker := s.clock.NewTicker(c.bucket)
	defer ticker.Stop()
	stopping := s.stopping
	for {
		select {
		case <-s.wake:
		case <-ticker.C():
			s.tick()
		case <-stopping:
			stopping = nil
		case <-s.failed:
			return
		case <-c.giveUp:
			return
		}
		for s.step() {
		}
		if stopping == nil && c.inflight.Len() == 0 && !s.disk.busy.Load() {
			return
		}
	}
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

// step does everything there is to do now and tells whether more may have come meanwhile.
func (s *Server) step() (more bool) {
	c := &s.core
	if s.Err() != nil {
		return false // nothing may be answered any more
	}
	c.now = s.clock.Now()
	if z := s.disk.lastPersisted(); z > c.node.CommittedZxid() {
		c.node.Persisted(z)
		more = true
	}
	s.feedDisk(false) // before anything that takes time: the disk must not wait
	s.perform()
	c.batches = s.inbox.Take(c.batches[:0])
	for _, b := range c.batches {
		for i := range b.Requests {
			s.request(b, i)
		}
		s.inbox.GiveBack(b)
		more = true
		if s.perform(); len(c.toLog) >= feedBatch {
			s.feedDisk(false)
		}
	}
	s.finishWaiting()
	s.feedDisk(false)
	s.flush()
	s.feedDisk(true) // last of all: it may take the time of an fsync
	return more
}

// perform does what zab asks for.
func (s *Server) perform() {
	c := &s.core
	for c.node.HasReady() {
		r := c.node.Ready()
		for _, e := range r.Entries {
			c.toLog = append(c.toLog, txnlog.Record{Zxid: e.Zxid, Data: e.Data})
		}
		for _, e := range r.Events {
			s.log.Debug("zab", zap.Stringer("event", e.Kind), zap.Stringer("zxid", e.Zxid), zap.String("reason", e.Reason))
		}
		s.apply(r.Committed)
	}
}

// feedDisk gives the disk what waits for it, if it is idle, and begins a snapshot when one is due. Small batches are
// left for a call with here set, which syncs them itself.
func (s *Server) feedDisk(here bool) {
	c := &s.core
	if len(c.toLog) == 0 || s.disk.busy.Load() || len(c.toLog) <= directBatch && !here {
		return
	}
	job := diskJob{records: c.toLog}
	c.toLog, c.spare = c.spare[:0], c.toLog
	c.sinceSnapshot += len(job.records)
	for i := range job.records {
		c.bytesSince += int64(len(job.records[i].Data))
	}
	job.roll = s.snapshotIfDue()
	if len(job.records) <= directBatch && !job.roll {
		s.disk.writeHere(s, job)
		return
	}
	s.disk.submit(job)
}

// propose gives a prepared transaction its place in history. size is about what it takes encoded.
func (s *Server) propose(p proposal, size int) {
	c := &s.core
	data := c.encode(&p, size+256)
	if err := c.node.Propose(zab.Entry{Zxid: p.header.Zxid, Data: data}); err != nil {
		s.fail(fmt.Errorf("zkserver: %w", err))
		return
	}
	c.proposed = p.header.Zxid
	s.stats.prepared.Add(1)
	c.inflight.Push(p)
}

// encode cuts the encoded transaction from the arena; what is too large for that gets memory of its own. size is a guess
// that only costs time when it is wrong.
func (c *core) encode(p *proposal, size int) []byte {
	if size > arenaSize/8 {
		return p.append(make([]byte, 0, size))
	}
	if cap(c.arena)-len(c.arena) < size {
		c.arena = make([]byte, 0, arenaSize)
	}
	buf := p.append(c.arena[len(c.arena):])
	if len(buf) <= cap(c.arena)-len(c.arena) {
		c.arena = c.arena[:len(c.arena)+len(buf)]
	}
	return buf[:len(buf):len(buf)]
}

// append appends a transaction as it is logged.
func (p *proposal) append(b []byte) []byte {
	b = p.txn.AppendTo(p.header.AppendTo(b))
	if p.digest.Version != 0 {
		b = p.digest.AppendTo(b)
	}
	return b
}

// apply makes committed transactions visible and answers them.
func (s *Server) apply(entries []zab.Entry) {
	if len(entries) > 0 {
		s.core.now = s.clock.Now()
	}
	for len(entries) > 0 {
		n := min(len(entries), applyChunk)
		s.treeMu.Lock()
		for i := range entries[:n] {
			s.applyOne(&entries[i])
		}
		s.treeMu.Unlock()
		entries = entries[n:]
	}
}

func (s *Server) applyOne(e *zab.Entry) {
	c := &s.core
	for front := c.inflight.Front(); front != nil && front.txn == nil; front = c.inflight.Front() {
		p, _ := c.inflight.Pop()
		s.answer(&p, tree.Result{Err: p.err})
	}
	p, ok := c.inflight.Pop()
	if !ok || p.header.Zxid != e.Zxid {
		s.fail(fmt.Errorf("zkserver: transaction %s was committed, %s was expected", e.Zxid, p.header.Zxid))
		return
	}
	res := s.tree.Apply(&p.header, p.txn, s.notify)
	if p.digest.Version != 0 && s.tree.Verify(p.digest) {
		s.digestMismatch(s.tree, p.header.Zxid)
	}
	c.prep.Applied(p.header.Zxid)
	s.stats.propagation.Observe(time.Duration(c.now.UnixMilli()-p.header.Time) * time.Millisecond)
	s.answer(&p, res)
}

// finishWaiting answers what waited only for the transactions before it.
func (s *Server) finishWaiting() {
	c := &s.core
	front := c.inflight.Front()
	if front == nil || front.txn != nil {
		return
	}
	s.treeMu.RLock() // reads behind it may be answered, too
	for ; front != nil && front.txn == nil; front = c.inflight.Front() {
		p, _ := c.inflight.Pop()
		s.answer(&p, tree.Result{Err: p.err})
	}
	s.treeMu.RUnlock()
}

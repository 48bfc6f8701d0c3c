package sim

import (
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

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
		if s.w.broken != SendBeforeSave {
			s.saveEpochs(&r)
		}
		s.saveMembers(&r)
		s.point()
		s.append(r.Entries)
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
	s.synced = min(s.synced, z)
	if st != nil {
		s.replaced(st, z)
	}
}

// replaced goes on with another state that ends at z.
func (s *server) replaced(st *store.State, z zab.Zxid) {
	s.state, s.snapping, s.synced = st, false, z
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

package replica

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// observe looks, after each input, whether zab has given its role up.
func (r *Replica) observe() {
	if r.alone {
		return
	}
	st := r.node.Status()
	if st.Changes != r.changes {
		r.changes = st.Changes
		r.end()
	}
	if r.mode == ModeReadOnly && st.Phase >= zab.Synchronization {
		r.endReadOnly()
	}
}

// end ends the role: nothing is answered from now on. What is under way becomes requests again, and waits.
func (r *Replica) end() {
	if r.role == roleNone {
		return
	}
	if r.role == roleLeader {
		r.sessions.Reset(r.now.Mono)
		r.prep.Reset(r.tree)
	}
	r.role, r.spent, r.moving, r.lostAt = roleNone, false, false, r.now.Mono
	for range r.queue.Len() {
		it, _ := r.queue.Pop()
		if it.data == nil && it.from == nil {
			continue // a learner's, or this server's own as leader
		}
		it.txn, it.header, it.digest = nil, zkproto.TxnHeader{}, zkproto.TxnDigest{}
		if it.kind == kindSync {
			it.sent = false
		}
		r.queue.Push(it)
	}
	for v, ok := r.pending.Pop(); ok; v, ok = r.pending.Pop() {
		if v.connect != nil {
			r.connects = append(r.connects, *v.connect)
		}
	}
	r.marks.Clear()
	r.left, r.behind = nil, nil
	r.setMode(ModeHeld, "the role has ended")
	if r.cfg.RejoinGrace < 0 {
		r.down()
	}
}

// begin begins a role: everything that was committed before it is applied.
func (r *Replica) begin(st zab.Status) {
	r.epoch = st.Epoch
	r.tree.Settled() // a leader's snapshot may have held parts of what came after it
	r.role = roleLearner
	if st.Role == zab.Leading {
		r.role = roleLeader
		r.prep.Reset(r.tree)
		r.sessions.Reset(r.now.Mono)
	}
	r.setMode(ModeReadWrite, "")
	r.resume()
}

// resume lets everything that waited for a role go on: first the clients that stayed, then their requests in order, then
// those who want to connect.
func (r *Replica) resume() {
	waiting := make([]item, 0, r.queue.Len())
	for it, ok := r.queue.Pop(); ok; it, ok = r.queue.Pop() {
		waiting = append(waiting, it)
	}
	r.resumeSeats()
	for i := range waiting {
		// The same leader still: it may propose what it had got by the old link, or not.
		it := &waiting[i]
		if it.sent && it.epoch == r.epoch && it.op != zkproto.OpCreateSession && r.seats.attached(it.from, it.session) {
			r.leave(r.seats.of(it.session), ErrUnknownFate)
		}
	}
	n := int64(0)
	for i := range waiting {
		it := &waiting[i]
		if it.from != nil && !r.seats.attached(it.from, it.session) {
			r.lost(it)
			continue
		}
		if it.sent {
			n++
		}
		it.sent = false
		r.dispatch(it, it.body())
	}
	if n > 0 {
		r.host.Event(Event{Kind: EventResent, N: n})
	}
	connects := r.connects
	r.connects = nil
	for i := range connects {
		r.connect(&connects[i])
	}
}

// resumeSeats makes the clients that stayed known to the leader: this server, or the one it follows.
func (r *Replica) resumeSeats() {
	for i := len(r.seats.list) - 1; i >= 0; i-- { // from the end: leave puts the last one, which is done, into the gap
		s := r.seats.list[i]
		switch {
		case r.role == roleLearner:
			s.stale, s.reported = !s.local && !s.creating && !s.upgraded, never
		case r.cfg.LeaderServesNot:
			r.leave(s, ErrLeaderDoesNotServe)
		case s.local || s.creating || s.upgraded:
		case r.sessions.SetOwner(s.session, r.self) != zkproto.ErrOK:
			r.leave(s, ErrExpired)
		}
	}
}

// tickMode ends what is bounded by time.
func (r *Replica) tickMode() {
	if r.role != roleNone {
		return
	}
	since := r.now.Mono - r.lostAt
	switch {
	case r.mode == ModeHeld && since >= r.cfg.RejoinGrace:
		r.down()
	case r.mode == ModeDown && r.cfg.ReadOnly && since >= r.cfg.ReadOnlyAfter && r.node.Status().Role == zab.Looking:
		r.setMode(ModeReadOnly, fmt.Sprintf("no quorum for %d ms", since))
	}
}

// down gives the clients up that were held.
func (r *Replica) down() {
	r.closeAll(ErrNotServing)
	connects := r.connects
	r.connects = nil
	for i := range connects {
		r.host.Refused(connects[i].From, ErrNotServing)
	}
	r.setMode(ModeDown, "no role within the grace time")
}

// endReadOnly sends the clients of the read-only time away: the state may change under them.
func (r *Replica) endReadOnly() {
	r.closeAll(ErrQuorumBack)
	if !r.cfg.LocalSessions {
		r.local = session.New(r.cfg.BucketMillis, r.now.Mono)
	}
	r.lostAt = r.now.Mono
	r.setMode(ModeHeld, "a quorum is back")
}

// closeAll closes all clients. What they have asked for is not answered.
func (r *Replica) closeAll(reason error) {
	for range r.queue.Len() {
		it, _ := r.queue.Pop()
		r.lost(&it)
	}
	n := len(r.seats.list)
	for i := n - 1; i >= 0; i-- {
		r.leave(r.seats.list[i], reason)
	}
	if n > 0 {
		r.host.Event(Event{Kind: EventClosed, N: int64(n), Reason: reason.Error()})
	}
}

func (r *Replica) setMode(m Mode, reason string) {
	if r.mode == m {
		return
	}
	r.mode = m
	r.host.Event(Event{Kind: EventMode, Mode: m, N: int64(len(r.seats.list)), Reason: reason})
}

// epochOver tells whether a new epoch has to begin: the zxids of this one are used up, and everything proposed is committed, and
// applied once all Readys are done. Clients feel a change of leader, which is to say a pause.
func (r *Replica) epochOver() bool { return r.spent && r.node.Outstanding() == 0 }

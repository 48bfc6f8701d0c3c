package replica

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/session"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// role is what the replica does at present. It begins when zab's role serves and everything before is applied, and ends
// with zab's role.
type role uint8

const (
	roleNone role = iota
	roleLeader
	roleLearner
)

// Replica is one server's state and what is under way. Make it with New.
type Replica struct {
	cfg   Config
	host  Host
	node  *zab.Node
	tree  *tree.Tree
	prep  *prep.Prep
	alone bool // standalone

	now      Time
	lastTick int64
	role     role
	mode     Mode
	epoch    uint32 // of the role
	changes  uint64 // Status.Changes when last looked at
	lostAt   int64  // when the last role ended
	spent    bool   // leader: the zxids of this epoch are used up
	moving   bool   // observer: it is about to move to a follower

	queue    pipeline.Ring[item]
	marks    pipeline.Ring[zkproto.Zxid] // learner: SYNCs that have come, and what has to be applied before each
	pending  pipeline.Ring[revalidation] // learner: REVALIDATEs that are not answered
	connects []Connect                   // came while nothing could be decided
	left     []left                      // learner: who else was heard of since the last ping: clients that have gone, those of observers
	// behind has the sessions that observers have used by this follower, and the observer that has each now; the zero Link is
	// this server.
	behind map[zkproto.SessionID]zab.Link

	sessions    *session.Table // of the ensemble
	local       *session.Table // of this server; nil when there are none
	seats       seats
	nextSession zkproto.SessionID
	self        session.Owner

	work Work // but for that of prep

	arena  []byte // encoded transactions and requests are cut from it
	notify func(tree.Event)
	answer Answer       // handed to the host
	ask    prep.Request // scratch
}

// New makes a replica: standalone it leads at once, else it looks for a leader. Call Tick from now on, and do what Ready
// says.
func New(cfg Config) (*Replica, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	r := &Replica{
		cfg: cfg, host: cfg.Host, tree: cfg.Tree, alone: cfg.Zab.Standalone, now: cfg.Now, lastTick: cfg.Now.Mono,
		lostAt: cfg.Now.Mono, mode: ModeHeld, self: ownerOf(cfg.Zab.ID),
	}
	if cfg.RejoinGrace < 0 {
		r.mode = ModeDown
	}
	if !r.alone {
		if cfg.Zab.Membership == nil {
			cfg.Zab.Membership = PeekMembership
		}
		r.cfg.Prep.Reconfigure = r.reconfigure
	}
	node, err := zab.New(cfg.Zab)
	if err != nil {
		return nil, err
	}
	r.node = node
	r.changes = node.Status().Changes
	r.notify = cfg.Host.Notify
	r.seats.init()
	r.setSessions(cfg.Sessions)
	if cfg.LocalSessions || cfg.ReadOnly {
		r.local = session.New(cfg.BucketMillis, cfg.Now.Mono)
	}
	id := int64(cfg.Zab.ID)
	if r.alone {
		id = 0 // as the original standalone
	}
	r.nextSession = session.FirstID(id, cfg.Now.Wall)
	r.prep = prep.New(r.tree, r.judge(), cfg.Registry, r.cfg.Prep)
	if r.alone {
		r.begin(node.Status())
	}
	return r, nil
}

// ownerOf is how the session table knows a server: 0 is nobody.
func ownerOf(sid zab.Sid) session.Owner { return session.Owner(sid) + 1 }

// setSessions fills the table of the ensemble's sessions anew.
func (r *Replica) setSessions(all map[zkproto.SessionID]int32) {
	r.sessions = session.New(r.cfg.BucketMillis, r.now.Mono)
	for id, timeout := range all {
		r.sessions.Add(id, timeout, r.now.Mono) // every timeout starts again when clients can be served again
	}
}

// At tells the time of the inputs that follow. It causes nothing.
func (r *Replica) At(now Time) { r.now = now }

// Tick tells that Config.TickMillis have passed: zab's tick, expiry of sessions, the end of grace times. In an ensemble
// it is called every 10 ms, standalone once per bucket.
func (r *Replica) Tick(now Time) {
	r.now = now
	late := now.Mono - r.lastTick - r.cfg.TickMillis
	r.lastTick = now.Mono
	if late > max(4*int64(r.cfg.BucketMillis), 250) {
		r.forgive(late)
	}
	r.node.Tick()
	r.observe()
	r.tickMode()
	r.expire()
}

// Step takes a message from a peer. An error is a *zab.MessageError: close the link it came by.
func (r *Replica) Step(m zab.Message) error {
	if m.Type == zab.Ping && r.role == roleLearner && m.From == r.node.Upstream() {
		r.node.SetPingData(r.touches())
	}
	err := r.node.Step(m)
	r.observe()
	return err
}

// Disconnected tells that a link has ended, whoever closed it.
func (r *Replica) Disconnected(l zab.Link) {
	r.node.Disconnected(l)
	r.observe()
}

// Persisted tells that the log is synced up to and including zxid; see zab.Node.Persisted.
func (r *Replica) Persisted(z zkproto.Zxid) {
	r.node.Persisted(z)
	r.observe()
}

// StepDown gives the leadership up, or leaves the leader, at once: an orderly stop, or an operator's wish.
func (r *Replica) StepDown(reason string) {
	r.node.StepDown(reason)
	r.observe()
}

// HasReady tells whether Ready has something to do.
func (r *Replica) HasReady() bool { return r.node.HasReady() }

// Ready takes what there is to do: zab's, see the package comment for the order of duties. Forwarded is not the driver's
// business: Finish takes care of it.
func (r *Replica) Ready() zab.Ready {
	rd := r.node.Ready()
	if r.role == roleLearner {
		for i := range rd.Forwarded {
			if rd.Forwarded[i].Type == zab.Sync {
				r.marks.Push(rd.Forwarded[i].After)
			}
		}
	}
	return rd
}

// Waiting tells whether Finish(nil) would answer something, or begin or end something. There may be a Ready then.
func (r *Replica) Waiting() bool {
	front := r.queue.Front()
	return front != nil && r.role != roleNone && r.ripe(front) || front != nil && r.mode == ModeReadOnly || r.epochOver() ||
		r.moving != (r.role == roleLearner && r.node.CanMove()) || r.moving && r.drained()
}

// Finish ends the work on a Ready, after its Committed are applied: messages that zab passes on, the beginning of a role,
// answers that wait for no transaction. With nil it only answers these: call it after Submits without a Ready, when
// Waiting. The tree is locked, for reading at least.
func (r *Replica) Finish(rd *zab.Ready) {
	if rd != nil {
		if r.role == roleNone && rd.Status.Serving() && rd.Status.Changes == r.changes {
			r.begin(rd.Status)
		}
		if len(rd.Forwarded) > 0 && rd.Status.Changes == r.changes {
			r.passedOn(rd.Forwarded)
		}
	}
	r.answerRipe()
	if r.epochOver() {
		r.StepDown("the zxids of this epoch are used up")
	}
	r.move()
}

// ripe tells whether the first item of the queue needs no transaction before its answer.
func (r *Replica) ripe(front *item) bool {
	switch front.kind {
	case kindReply:
		return true
	case kindSync:
		return r.syncDone(front)
	default:
		return false
	}
}

// answerRipe answers what needs no transaction, as far as it is first in the queue.
func (r *Replica) answerRipe() {
	if r.role == roleNone && r.mode != ModeReadOnly {
		return
	}
	for front := r.queue.Front(); front != nil && r.ripe(front); front = r.queue.Front() {
		r.replyFirst()
	}
}

// replyFirst answers the first item of the queue, which needs no transaction.
func (r *Replica) replyFirst() {
	it, _ := r.queue.Pop()
	if it.kind == kindSync && r.role == roleLearner {
		r.marks.Pop()
	}
	r.reply(&it)
}

// Mode tells how clients are served. Events of kind EventMode tell when it changes.
func (r *Replica) Mode() Mode { return r.mode }

// Leading tells whether this server leads and prepares requests (standalone: always).
func (r *Replica) Leading() bool { return r.role == roleLeader }

// Node is the zab node, for its Status and other questions. Inputs go to the Replica only.
func (r *Replica) Node() *zab.Node { return r.node }

// Sessions are the committed sessions of the ensemble and their timeouts in milliseconds, as a snapshot wants them.
func (r *Replica) Sessions() map[zkproto.SessionID]int32 { return r.sessions.Timeouts() }

// SessionTable is the table of the ensemble's sessions, for looking at.
func (r *Replica) SessionTable() *session.Table { return r.sessions }

// LocalSessions is the number of sessions only this server knows.
func (r *Replica) LocalSessions() int {
	if r.local == nil {
		return 0
	}
	return r.local.Len()
}

// Clients is the number of clients that have a session by a connection to this server.
func (r *Replica) Clients() int { return len(r.seats.list) }

// Outstanding is the number of requests that are not answered.
func (r *Replica) Outstanding() int { return r.queue.Len() }

// Proposed is the zxid of the last proposal of this leader; 0 when it has made none.
func (r *Replica) Proposed() zkproto.Zxid { return r.node.LastZxid() }

// Work is what a server has done as the leader, since it was started.
type Work struct {
	Prepared int64 // requests, its own and those of learners, that were turned into transactions or refused
	Queued   int64 // changes of znodes that they make
	Removed  int64 // and those of them that were applied
}

// Work is what this server has done as the leader so far.
func (r *Replica) Work() Work {
	queued, removed := r.prep.Changes()
	return Work{Prepared: r.work.Prepared, Queued: r.work.Queued + queued, Removed: r.work.Removed + removed}
}

// Replaced tells that the tree is another one now, built from a snapshot of the leader's (Install) or anew after a cut of
// the log (Truncate). It must be called before Apply. Clients are closed: their watches may have missed events.
func (r *Replica) Replaced(t *tree.Tree, sessions map[zkproto.SessionID]int32) {
	r.tree = t
	r.setSessions(sessions)
	r.work = r.Work() // the new Prep counts from 0
	r.prep = prep.New(r.tree, r.judge(), r.cfg.Registry, r.cfg.Prep)
	r.closeAll(ErrStateReplaced)
}

package sim

import (
	"errors"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/prep"
	"github.com/holdfast-ha/holdfast/zkserver/replica"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/watch"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// full is a whole server: a replica, watches, and the server's ends of its clients' connections. It implements
// replica.Host.
type full struct {
	s       *server
	r       *replica.Replica
	watches *watch.Manager[*seat]
	seats   []*seat // open connections, in the order in which they came
	told    []*seat // scratch
	release bool    // reads that were held may be answered
}

func newFull(s *server, cfg zab.Config) (*full, error) {
	reg, err := auth.New(auth.Config{})
	if err != nil {
		return nil, err
	}
	f := &full{s: s, watches: watch.New[*seat]()}
	p := &s.w.plan
	f.r, err = replica.New(replica.Config{
		Zab: cfg, Tree: s.state.Tree, Sessions: s.state.Sessions, Registry: reg, Host: f, Now: s.time(),
		BucketMillis: 20, TickMillis: p.tick / millisecond, RejoinGrace: p.grace,
		LocalSessions: p.local, LocalUpgrade: p.local, LeaderServesNot: p.leaderServesNot,
		Prep: prep.Config{ReconfigEnabled: p.members != nil},
	})
	return f, err
}

// time is the server's time.
func (s *server) time() replica.Time {
	return replica.Time{Mono: s.w.now * s.w.plan.tick / s.drift / millisecond, Wall: s.clock() / millisecond}
}

func (f *full) pass(int64)               { f.r.Pass(f.s.time()) }
func (f *full) deadline() int64          { return f.r.Deadline() }
func (f *full) step(m zab.Message) error { return f.r.Step(m) }
func (f *full) disconnected(l zab.Link)  { f.r.Disconnected(l) }
func (f *full) persisted(z zab.Zxid)     { f.r.Persisted(z) }
func (f *full) oracle(yes bool)          { f.r.SetOracle(yes) }
func (f *full) hasReady() bool           { return f.r.HasReady() }
func (f *full) ready() zab.Ready         { return f.r.Ready() }
func (f *full) node() *zab.Node          { return f.r.Node() }

func (f *full) sessionTimeouts() map[zkproto.SessionID]int32 { return f.r.Sessions() }

func (f *full) replaced() { f.r.Replaced(f.s.state.Tree, f.s.state.Sessions) }

func (f *full) apply(entries []zab.Entry) {
	if err := f.r.Apply(entries); err != nil {
		f.s.w.failf("%s: %v", f.s, err)
	}
}

func (f *full) finish(r *zab.Ready) {
	if r != nil || f.r.Waiting() {
		f.r.Finish(r)
	}
	if f.release {
		f.release = false
		for _, c := range f.seats {
			c.answerHeld()
		}
	}
}

// Heard implements replica.Host.
func (f *full) Heard(from any) int64 { return from.(*seat).heard }

// Answer implements replica.Host.
func (f *full) Answer(a *replica.Answer) {
	if a.Op == zkproto.OpCloseSession && a.Header.Type == zkproto.OpCloseSession {
		f.s.w.oracle.sessionClosed(f.s, a.Session)
	}
	if a.From == nil || a.Op == zkproto.OpCreateSession {
		return
	}
	a.From.(*seat).answer(a)
}

// Notify implements replica.Host.
func (f *full) Notify(ev tree.Event) {
	f.told = f.watches.Trigger(ev, f.told[:0])
	for _, c := range f.told {
		c.send(reply{kind: isEvent, zxid: ev.Zxid, event: zkproto.WatcherEvent{Type: ev.Type, State: zkproto.StateSyncConnected, Path: ev.Path}})
	}
}

// Established implements replica.Host.
func (f *full) Established(from any, e *replica.Established) {
	c := from.(*seat)
	c.session = e.Session
	c.send(reply{kind: isConnected, session: e.Session, zxid: f.s.state.Tree.LastZxid()})
}

// Refused implements replica.Host.
func (f *full) Refused(from any, reason error) {
	c := from.(*seat)
	if errors.Is(reason, replica.ErrExpired) || errors.Is(reason, replica.ErrPassword) || errors.Is(reason, replica.ErrCreate) {
		c.send(reply{kind: isConnected}) // session 0: it is gone
	}
	c.close(reason)
}

// Close implements replica.Host.
func (f *full) Close(from any, reason error) { from.(*seat).close(reason) }

// Event implements replica.Host.
func (f *full) Event(e replica.Event) {
	w := f.s.w
	switch e.Kind {
	case replica.EventMode:
		f.release = f.release || e.Mode == replica.ModeReadWrite
	case replica.EventDigest:
		w.failf("%s: the tree does not have the digest that the leader has at %s", f.s, e.Zxid)
	case replica.EventBadMessage:
		w.failf("%s: bad message: %s", f.s, e.Reason)
	default:
	}
	if w.tracing {
		w.tracef("%s: event %d mode %s session %s %s n %d %s", f.s, e.Kind, e.Mode, e.Session, e.Zxid, e.N, e.Reason)
	}
}

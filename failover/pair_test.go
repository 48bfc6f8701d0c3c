package failover_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/elector/electortest"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
)

const (
	parent     = "/hadoop-ha/ns1"
	lock       = parent + "/" + elector.LockName
	breadcrumb = parent + "/" + elector.BreadcrumbName
)

// stub is a service in memory. Each test makes it ill as it likes.
type stub struct {
	mu     sync.Mutex
	state  target.State
	dead   bool
	hang   bool
	woken  chan struct{} // ends the calls that hang
	ill    bool
	refuse error         // what transitionToActive answers
	slow   time.Duration // transitionToActive takes that long, and health checks hang meanwhile
	down   chan struct{}

	slowStandby time.Duration // transitionToStandby takes that long
	calls       []string
}

var errDead = errors.New("connection refused")

func (s *stub) ask(ctx context.Context) error {
	s.mu.Lock()
	dead, hang, woken := s.dead, s.hang, s.woken
	if !dead && s.down == nil {
		s.down = make(chan struct{})
	}
	s.mu.Unlock()
	if dead {
		return errDead
	}
	if hang {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		}
	}
	return nil
}

// freeze is SIGSTOP, wake is SIGCONT.
func (s *stub) freeze() { s.set(func() { s.hang, s.woken = true, make(chan struct{}) }) }
func (s *stub) wake()   { s.set(func() { s.hang = false; close(s.woken) }) }

func (s *stub) MonitorHealth(ctx context.Context) error {
	if err := s.ask(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ill {
		return target.Unhealthy("no resources")
	}
	return nil
}

func (s *stub) Status(ctx context.Context) (target.Status, error) {
	if err := s.ask(ctx); err != nil {
		return target.Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return target.Status{State: s.state, ReadyToBecomeActive: true}, nil
}

func (s *stub) become(ctx context.Context, st target.State) error {
	if err := s.ask(ctx); err != nil {
		return err
	}
	if st == target.Active && s.slow > 0 {
		s.set(func() { s.hang = true })
		time.Sleep(s.slow)
		s.set(func() { s.hang = false })
	}
	if st == target.Standby {
		time.Sleep(s.slowStandby)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, st.String())
	if st == target.Active && s.refuse != nil {
		return s.refuse
	}
	s.state = st
	return nil
}

func (s *stub) TransitionToActive(ctx context.Context, _ target.RequestSource) error {
	return s.become(ctx, target.Active)
}

func (s *stub) TransitionToStandby(ctx context.Context, _ target.RequestSource) error {
	return s.become(ctx, target.Standby)
}

func (s *stub) TransitionToObserver(ctx context.Context, _ target.RequestSource) error {
	return s.become(ctx, target.Observer)
}

func (s *stub) Down() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

func (s *stub) Close() error { return nil }

func (s *stub) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *stub) kill() {
	s.set(func() {
		s.dead = true
		close(s.down)
		s.down = nil
	})
}

func (s *stub) is() target.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

type fencer func(context.Context, target.Identity) (fencing.Record, error)

func (f fencer) Fence(ctx context.Context, n target.Identity) (fencing.Record, error) {
	return f(ctx, n)
}

// pair is two nodes over one ZooKeeper in memory. A third node without anything running may be configured.
type pair struct {
	t        *testing.T
	world    *electortest.World
	svc      map[string]*stub
	ctl      map[string]*failover.Controller
	stop     map[string]func()
	halt     map[string]func(error)  // stop with a cause
	end      map[string]func() error // waits until it has stopped by itself
	cancel   map[string]func(error)
	onLine   func(node, line string) // from the goroutine that logs it, which it may delay
	patience time.Duration
	self     failover.Fencer
	fence    func(target.Identity) error
	diagnose func(context.Context) ([]byte, error)
	tail     func(context.Context) ([]byte, error)
	frozen   map[string]bool // controllers that do not answer
	others   []target.Identity

	mu     sync.Mutex
	events []failover.Event
}

// lines is a log that hands its lines to onLine.
type lines struct {
	p  *pair
	id string
}

func (lines) Enabled(zapcore.Level) bool                 { return true }
func (l lines) With([]zapcore.Field) zapcore.Core        { return l }
func (lines) Write(zapcore.Entry, []zapcore.Field) error { return nil }
func (lines) Sync() error                                { return nil }

func (l lines) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	l.p.mu.Lock()
	f := l.p.onLine
	l.p.mu.Unlock()
	if f != nil {
		f(l.id, e.Message)
	}
	return c
}

func identity(id string) target.Identity {
	n := int(id[2] - '0')
	return target.Identity{NameserviceID: "ns1", ServiceID: id, Host: "127.0.0.1", Port: 8020 + n, ZKFCPort: 8010 + n}
}

type peer struct {
	p  *pair
	id string
}

func (x peer) find() (c *failover.Controller, frozen bool) {
	x.p.mu.Lock()
	defer x.p.mu.Unlock()
	return x.p.ctl[x.id], x.p.frozen[x.id]
}

func (x peer) CedeActive(ctx context.Context, ms int32) error {
	c, frozen := x.find()
	if frozen {
		<-ctx.Done()
		return ctx.Err()
	}
	if c == nil {
		return errDead
	}
	return c.CedeActive(ctx, ms)
}

func (x peer) GracefulFailover(ctx context.Context) error {
	c, frozen := x.find()
	if frozen {
		<-ctx.Done()
		return ctx.Err()
	}
	if c == nil {
		return errDead
	}
	return c.GracefulFailover(ctx)
}

func (peer) Close() error { return nil }

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{
		t: t, world: electortest.New(), svc: map[string]*stub{}, ctl: map[string]*failover.Controller{},
		stop: map[string]func(){}, halt: map[string]func(error){}, end: map[string]func() error{}, cancel: map[string]func(error){}, frozen: map[string]bool{},
		fence:  func(target.Identity) error { return nil },
		others: []target.Identity{identity("nn1"), identity("nn2")},
	}
	for _, id := range []string{"nn1", "nn2"} {
		p.svc[id] = &stub{state: target.Standby}
	}
	t.Cleanup(func() {
		for _, id := range []string{"nn1", "nn2"} {
			if p.stop[id] != nil {
				p.stop[id]()
			}
		}
	})
	return p
}

// start runs the controller of a node; the first to start becomes active.
func (p *pair) start(ids ...string) *pair {
	p.t.Helper()
	for _, id := range ids {
		var others []target.Identity
		for _, o := range p.others {
			if o.ServiceID != id {
				others = append(others, o)
			}
		}
		c, err := failover.New(failover.Config{
			Local: identity(id), Others: others, Parent: parent, Service: p.svc[id],
			Connect: p.world.Resuming(id), Look: p.world.Connect, ReconnectPatience: p.patience, SelfFence: p.self,
			Dial:     func(n target.Identity) target.Service { return p.svc[n.ServiceID] },
			DialPeer: func(n target.Identity) failover.Peer { return peer{p, n.ServiceID} },
			Fencer: fencer(func(_ context.Context, n target.Identity) (fencing.Record, error) {
				p.mu.Lock()
				defer p.mu.Unlock()
				return fencing.Record{Method: "shell(x)"}, p.fence(n)
			}),
			Diagnose: p.diagnose, LogTail: p.tail,
			Log: zap.New(zapcore.NewNopCore(), zap.WrapCore(func(zapcore.Core) zapcore.Core { return lines{p, id} })),
			Listener: func(e failover.Event) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.events = append(p.events, e)
			},
		})
		require.NoError(p.t, err)
		ctx, cancel := context.WithCancelCause(p.t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		p.set(id, c)
		p.cancel[id] = func(cause error) { cancel(cause) }
		p.end[id] = func() error {
			defer p.set(id, nil)
			return <-done
		}
		p.halt[id] = func(cause error) {
			cancel(cause)
			require.NoError(p.t, p.end[id]())
		}
		once := sync.OnceFunc(func() { p.halt[id](nil) })
		p.stop[id] = func() {
			if p.ctl[id] == c {
				once()
			}
		}
		synctest.Wait()
	}
	return p
}

func (p *pair) set(id string, c *failover.Controller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctl[id] = c
}

// freeze makes the controller of a node answer no calls.
func (p *pair) freeze(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen[id] = true
}

// after lets time pass and tells the states of both services.
func (p *pair) after(d time.Duration) [2]target.State {
	time.Sleep(d)
	synctest.Wait()
	return [2]target.State{p.svc["nn1"].is(), p.svc["nn2"].is()}
}

func (p *pair) names(node string, from time.Time) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, e := range p.events {
		if e.Node == node && !e.Time.Before(from) {
			out = append(out, e.Name)
		}
	}
	return out
}

package failover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/healthcheck"
)

// Why Run ends by itself.
var (
	// ErrMonitorFailed: the health monitor broke, the controller knows nothing any more.
	ErrMonitorFailed = errors.New("health monitor failed")
	// ErrNoZooKeeper: no new session could be opened for Config.ReconnectPatience.
	ErrNoZooKeeper = errors.New("Failed to reEstablish connection with ZooKeeper") //nolint:revive,staticcheck // the original's words
)

// Controller drives one node. Make it with New.
type Controller struct {
	cfg     Config
	log     *zap.Logger
	name    string                     // of the local service, for messages
	names   map[target.Identity]string // of all: a dead name server must not delay a failover
	data    []byte                     // of the local node, for ZooKeeper
	elector *elector.Elector
	epoch   time.Time     // Observed.Now counts from here
	turn    chan struct{} // held during a transition of the local service: one at a time
	look    chan time.Duration
	giveUp  context.CancelCauseFunc
	life    context.Context // ends when Run begins to end
	end     context.CancelFunc
	ceding  chan struct{} // told when this node is asked to cede
	ceded   chan struct{} // told when that is done

	mu       sync.Mutex
	health   healthcheck.State
	silent   bool // not responding because of its silence
	reported target.State
	belief   Belief
	changing int       // transitions under way
	changed  time.Time // end of the last one
	last     attempt
	news     chan struct{} // closed when last or health changes
	lockID   int64
	created  time.Duration      // how long the last create of the lock took
	returned bool               // the service is to be made standby at once
	linked   bool               // to ZooKeeper
	stopping bool               // nothing is decided any more
	sick     context.CancelFunc // ends what is done about a hanging service
	evidence chan struct{}      // closed when the looks at a sick service have ended
	waiting  *time.Timer        // for a session, with Config.ReconnectPatience
	lastSeen time.Time          // when the last check ended, whatever it found

	events sync.Mutex // keeps events in order

	diagnosing atomic.Bool
	beside     sync.WaitGroup // what runs beside the failover
}

// attempt is the last attempt to become active.
type attempt struct {
	at  time.Time
	err error
}

// New checks the configuration and returns a controller that does nothing until Run.
func New(cfg Config) (*Controller, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Controller{
		cfg: cfg, log: cfg.Log, epoch: time.Now(), names: map[target.Identity]string{},
		turn: make(chan struct{}, 1), look: make(chan time.Duration, 1), news: make(chan struct{}),
		giveUp: func(error) {}, ceding: make(chan struct{}, 1), ceded: make(chan struct{}, 1), sick: func() {},
	}
	c.lastSeen = c.epoch
	c.life, c.end = context.WithCancel(context.Background())
	for _, id := range append([]target.Identity{cfg.Local}, cfg.Others...) {
		c.names[id] = displayName(context.Background(), id)
	}
	c.name = c.names[cfg.Local]
	if c.data, err = target.MarshalNodeInfo(cfg.Local); err != nil {
		return nil, err
	}
	c.elector = elector.New(elector.Config{
		Parent: cfg.Parent, Connect: cfg.Connect, Look: cfg.Look, App: app{c}, Observe: c.observe, Log: cfg.Log,
	})
	return c, nil
}

// busy tells whether a transition of the local service is under way.
func (c *Controller) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changing > 0
}

// nameOf is how messages name a node.
func (c *Controller) nameOf(id target.Identity) string {
	if n := c.names[id]; n != "" {
		return n
	}
	return "NameNode at " + id.Addr()
}

// Run controls the service until ctx ends, and then hands over in an orderly way: another node takes over at once, and
// nobody is fenced. (The original leaves its lock to expire.) With the cause ErrRestart, role and lock are kept for the
// controller's next run. The error is nil then.
func (c *Controller) Run(ctx context.Context) error {
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c.mu.Lock()
	c.giveUp = stop
	c.mu.Unlock()
	c.emit(EventStarted, c.name, 0)

	electing, stopElector := context.WithCancel(context.WithoutCancel(ctx))
	defer stopElector()
	var workers, election sync.WaitGroup
	election.Go(func() { _ = c.elector.Run(electing) })
	workers.Go(func() { c.lookAgain(work) })
	workers.Go(func() {
		health := c.cfg.Health
		health.Busy, health.Answered = c.busy, c.answered
		monitor := healthcheck.New(c.cfg.Service, health, func(r healthcheck.Report) { c.report(work, r) })
		if err := monitor.Run(work); err != nil {
			c.log.Error("Fatal error occurred:Health monitor failed!", zap.Error(err))
			stop(fmt.Errorf("%w: %w", ErrMonitorFailed, err))
		}
	})
	<-work.Done()
	cause := context.Cause(work)
	c.end()
	workers.Wait()
	c.mu.Lock()
	c.stopping = true
	c.sick()
	c.mu.Unlock()
	c.beside.Wait()
	c.handOver(context.WithoutCancel(ctx), cause)
	stopElector()
	election.Wait()
	c.connected()
	c.emit(EventStopped, "", 0)
	if errors.Is(cause, ErrMonitorFailed) || errors.Is(cause, ErrNoZooKeeper) {
		return cause
	}
	return nil
}

// report is what the health monitor tells.
func (c *Controller) report(work context.Context, r healthcheck.Report) {
	if r.Down {
		c.emit(EventServiceDown, r.Err.Error(), 0)
		return
	}
	c.mu.Lock()
	before := c.health
	c.health, c.lastSeen = r.State, time.Now()
	c.silent = r.State == healthcheck.NotResponding && errors.Is(r.Err, context.DeadlineExceeded)
	stale := false
	if r.Status != nil {
		c.reported = r.Status.State
		stale = r.Began.Before(c.changed)
	}
	if r.Changed {
		close(c.news)
		c.news = make(chan struct{})
	}
	c.mu.Unlock()
	if r.Changed {
		c.log.Named(healthClass).Info("Entering state "+r.State.String(), zap.NamedError("reason", r.Err))
		c.log.Info("Local service " + c.name + " entered state: " + r.State.String())
		c.emit(EventHealthChanged, r.State.String(), time.Since(r.Began))
	}
	if r.Status != nil && !stale {
		c.decide(StateReported)
	}
	if r.Changed {
		c.sickened(work, before, r.State)
		c.decide(HealthChanged)
	}
}

// answered is told each answer of the service at once.
func (c *Controller) answered(s target.Status, asked time.Time) {
	c.mu.Lock()
	c.sick() // it lives: whatever was done about its hanging ends
	c.silent = false
	stale := asked.Before(c.changed)
	if !stale {
		c.reported = s.State
	}
	c.mu.Unlock()
	if stale {
		return
	}
	c.decide(Answered)
	c.mu.Lock()
	returned := c.returned
	c.returned = false
	c.mu.Unlock()
	if returned { // and nothing else before that is done: the election comes after it
		_ = c.standDown(c.life)
	}
}

// decide asks the policy and carries its answer out.
func (c *Controller) decide(cause Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return
	}
	before := c.belief
	o := Observed{Health: c.health, Silent: c.silent, Reported: c.reported, Changing: c.changing > 0, Now: time.Since(c.epoch)}
	var acts []Action
	acts, c.belief = Decide(cause, o, before)
	for _, a := range acts {
		c.perform(a, o, before)
	}
}

func (c *Controller) perform(a Action, o Observed, before Belief) {
	switch a {
	case JoinElection:
		c.elector.Join(c.data, o.Reported == target.Active)
	case QuitFenced:
		c.log.Info("Quitting master election for " + c.name + " and marking that fencing is necessary")
		c.elector.Quit(true)
	case QuitClean:
		c.log.Info("Ensuring that " + c.name + " does not participate in active master election")
		c.elector.Quit(false)
	case StayOut:
		c.log.Info(fmt.Sprintf("Would have joined master election, but this node is prohibited from doing so for %d more ms",
			(c.belief.HoldUntil - o.Now).Milliseconds()))
	case LookAgain:
		c.lookIn(c.belief.HoldUntil - o.Now)
	case TellMismatch:
		c.log.Error(fmt.Sprintf("Local service %s has changed the serviceState to %s. Expected was %s. "+
			"Quitting election marking fencing necessary.", c.name, o.Reported, before.Expected))
		c.emitLocked(EventStateChanged, fmt.Sprintf("%s, expected was %s", o.Reported, before.Expected), 0)
	case GiveUp:
		c.giveUp(ErrMonitorFailed)
	case StandDown:
		c.log.Warn("Local service " + c.name + " hung while it was active, and answers again: making it standby at once")
		c.emitLocked(EventReturned, "", 0)
		c.returned = true
	case FenceSelf:
		c.fenceSelf()
	}
}

// lookIn asks for another decision after d; a later wish replaces an earlier one.
func (c *Controller) lookIn(d time.Duration) {
	select {
	case <-c.look:
	default:
	}
	select {
	case c.look <- d:
	default:
	}
}

func (c *Controller) lookAgain(ctx context.Context) {
	t := time.NewTimer(time.Hour)
	t.Stop()
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-c.look:
			t.Reset(d)
		case <-t.C:
			c.decide(HoldEnded)
		}
	}
}

// record keeps the outcome of an attempt to become active, for whoever asked for a failover.
func (c *Controller) record(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = attempt{at: time.Now(), err: err}
	close(c.news)
	c.news = make(chan struct{})
}

func (c *Controller) emit(name, detail string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emitLocked(name, detail, took)
}

// emitLocked is emit for those who hold mu.
func (c *Controller) emitLocked(name, detail string, took time.Duration) {
	c.events.Lock()
	defer c.events.Unlock()
	c.cfg.Listener(Event{
		Time: time.Now(), Node: c.cfg.Local.ServiceID, Name: name, Detail: detail,
		Correlation: fmt.Sprintf("%s/0x%x", c.cfg.Local.NameserviceID, c.lockID),
		Millis:      float64(took.Microseconds()) / 1000,
	})
}

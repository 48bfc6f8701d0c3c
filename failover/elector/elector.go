package elector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// What the requests of a Client end with, besides other errors.
var (
	ErrNoNode     = errors.New("no such znode")
	ErrNodeExists = errors.New("znode exists")
	ErrBadVersion = errors.New("znode has another version")
	// ErrLost: the connection broke, the request may or may not have been done.
	ErrLost = errors.New("connection to zookeeper lost")
	// ErrNoActive: nobody holds the lock.
	ErrNoActive = errors.New("no node is active")
)

// The names of the two znodes below the parent, the original's.
const (
	LockName       = "ActiveStandbyElectorLock"
	BreadcrumbName = "ActiveBreadCrumb"
)

// Lock is what exists tells of the lock.
type Lock struct {
	Owner int64 // session id
	Czxid int64
}

// Client is one ZooKeeper session. Requests are sent in the order of the calls. Close ends the session and every call;
// Abandon ends the calls and leaves the session to its timeout.
type Client interface {
	Create(path string, data []byte, ephemeral bool) error
	Get(path string) (data []byte, version int32, err error)
	Set(path string, data []byte, version int32) error
	Delete(path string, version int32) error
	// Watch is exists with a watch, whose end is told as LockDeleted or LockChanged. ErrNoNode also sets a watch.
	Watch(path string) (Lock, error)
	Close()
	Abandon()
}

// Connect begins a session in the background and never gives up. events is told Connected, Disconnected, Expired, LockDeleted
// and LockChanged, in order; it does not block. After Expired the client is of no more use.
type Connect func(events func(Event)) (Client, error)

// App is the controlled service, and whoever fences. The context of a call ends when its purpose is gone: when the
// session or the election ends. No two calls run at a time.
type App interface {
	// FenceOldActive returns nil when the node that wrote data cannot be active any more.
	FenceOldActive(ctx context.Context, data []byte) error
	BecomeActive(ctx context.Context) error
	BecomeStandby(ctx context.Context) error
}

// Notification is a step of the election for the observer.
type Notification struct {
	Tell         // when Step is None
	Step   Step  // a step that has ended
	Code   Code  // how
	Err    error // why
	Took   time.Duration
	Lock   int64  // creation zxid of the lock seen last
	State  State  // after it
	Change bool   // State or Lock is new
	Data   []byte // ReadBreadcrumb: what was read
}

// Config is what an Elector needs.
type Config struct {
	// Parent is the znode of the nameservice, "/hadoop-ha/ns1". It must exist.
	Parent string
	// Connect opens the session of the election, and Look a session for one question; default Connect.
	Connect Connect
	Look    Connect
	App     App
	// Observe is told each step from the elector's goroutine; it must return at once. Optional.
	Observe func(Notification)
	Log     *zap.Logger
}

// Elector drives a Machine. Make it with New and run it with Run.
type Elector struct {
	cfg        Config
	lock       string
	breadcrumb string
	box        mailbox

	// Owned by Run's goroutine.
	m          Machine
	client     Client
	generation int       // of client: events of older ones are ignored
	began      time.Time // of the step
	closing    time.Time // of the closing of the client
	step       Step
	data       []byte // own
	cancel     context.CancelFunc
	leaving    []chan struct{}
	wg         sync.WaitGroup

	mu     sync.Mutex
	leader context.Context
	resign context.CancelFunc
	state  State
	shared Client // client, while it is open
	ended  bool   // nothing new begins
	keep   bool   // the session is left as it is at the end
}

// New returns an elector that is not in the election.
func New(cfg Config) *Elector {
	e := &Elector{cfg: cfg, lock: cfg.Parent + "/" + LockName, breadcrumb: cfg.Parent + "/" + BreadcrumbName}
	e.box.ready = make(chan struct{}, 1)
	e.leader, e.resign = context.WithCancel(context.Background())
	e.resign()
	if e.cfg.Log == nil {
		e.cfg.Log = zap.NewNop()
	}
	if e.cfg.Look == nil {
		e.cfg.Look = e.cfg.Connect
	}
	return e
}

// Messages of the driver to itself.
type (
	fromClient struct {
		generation int
		e          Event
	}
	leave struct {
		fence bool
		done  chan struct{}
	}
	closed struct{}
)

// Join asks for a place in the election, for a node whose ActiveNodeInfo is data and whose service says whether it is
// active. It does nothing when the node has a place.
func (e *Elector) Join(data []byte, active bool) { e.box.put(Join{data, active}) }

// Keep makes the end of Run leave the session, and its lock, to whoever resumes it within its timeout.
func (e *Elector) Keep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keep = true
}

// Quit leaves the election; fence keeps the breadcrumb, so that the next active fences this node.
func (e *Elector) Quit(fence bool) { e.box.put(leave{fence: fence}) }

// Leave is Quit that returns when the session is closed and the lock is free, or with ctx.
func (e *Elector) Leave(ctx context.Context, fence bool) error {
	done := make(chan struct{})
	e.box.put(leave{fence: fence, done: done})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave the election: %w", ctx.Err())
	}
}

// State is what the node is in the election.
func (e *Elector) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Leadership is a context that ends the moment this node is no longer known to be the active one; it has ended already
// when it is not.
func (e *Elector) Leadership() context.Context {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leader
}

// ActiveData is what the lock holds: the ActiveNodeInfo of the active node. ErrNoActive when there is none. When this
// node has no session of its own, it opens one for the question.
func (e *Elector) ActiveData(ctx context.Context) ([]byte, error) {
	e.mu.Lock()
	client, ended := e.shared, e.ended
	if !ended {
		e.wg.Add(1)
	}
	e.mu.Unlock()
	if ended {
		return nil, errors.New("the elector has stopped")
	}
	defer e.wg.Done()
	if client == nil {
		c, err := e.temporary(ctx)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		client = c
	}
	type answer struct {
		data []byte
		err  error
	}
	got := make(chan answer, 1)
	e.wg.Go(func() { // ends with the client at the latest
		data, _, err := client.Get(e.lock)
		got <- answer{data, err}
	})
	select {
	case a := <-got:
		if errors.Is(a.err, ErrNoNode) {
			return nil, ErrNoActive
		}
		if a.err != nil {
			return nil, fmt.Errorf("read %s: %w", e.lock, a.err)
		}
		return a.data, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", e.lock, ctx.Err())
	}
}

// temporary is a connected session for one question.
func (e *Elector) temporary(ctx context.Context) (Client, error) {
	up := make(chan struct{}, 1)
	c, err := e.cfg.Look(func(ev Event) {
		if _, ok := ev.(Connected); ok {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("open a session: %w", err)
	}
	select {
	case <-up:
		return c, nil
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("connect to zookeeper: %w", ctx.Err())
	}
}

// Run drives the machine until ctx ends; then it closes the session as it is (Leave first for an orderly end, or Keep), and
// returns when all is at rest.
func (e *Elector) Run(ctx context.Context) error {
	defer e.shutdown()
	for {
		for _, msg := range e.box.take() {
			e.handle(ctx, msg)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.box.ready:
		}
	}
}

func (e *Elector) shutdown() {
	if e.cancel != nil {
		e.cancel()
	}
	e.mu.Lock()
	e.resign()
	e.shared, e.ended = nil, true
	keep := e.keep
	e.mu.Unlock()
	switch {
	case e.client == nil:
	case keep:
		e.client.Abandon()
	default:
		e.client.Close()
	}
	e.wg.Wait()
	for _, msg := range e.box.take() { // nobody waits for what will not be done
		if l, ok := msg.(leave); ok && l.done != nil {
			close(l.done)
		}
	}
	e.left()
}

func (e *Elector) handle(ctx context.Context, msg any) {
	switch msg := msg.(type) {
	case Join:
		e.data = bytes.Clone(msg.Data)
		e.feed(ctx, msg)
	case leave:
		if msg.done != nil {
			e.leaving = append(e.leaving, msg.done)
		}
		e.feed(ctx, Quit{msg.fence})
		if e.client == nil {
			e.left()
		}
	case fromClient:
		if msg.generation == e.generation {
			e.feed(ctx, msg.e)
		}
	case closed:
		e.client = nil
		e.observe(Notification{Tell: Tell{What: SessionClosed}, Took: time.Since(e.closing)})
		e.left()
		e.feed(ctx, Closed{})
	case Done:
		e.took(msg)
		lock := e.m.LockID()
		e.feed(ctx, msg)
		if e.m.LockID() != lock {
			e.observe(Notification{Change: true})
		}
	}
}

func (e *Elector) left() {
	for _, done := range e.leaving {
		close(done)
	}
	e.leaving = nil
}

// took tells the observer how long the step took.
func (e *Elector) took(d Done) {
	if d.N != e.m.n || e.step == None || e.step == Wait {
		return
	}
	e.observe(Notification{Step: e.step, Code: d.Code, Err: d.Err, Took: time.Since(e.began), Data: d.Data})
	e.step = None
}

func (e *Elector) observe(n Notification) {
	n.Lock, n.State = e.m.LockID(), e.m.State()
	if e.cfg.Observe != nil {
		e.cfg.Observe(n)
	}
}

func (e *Elector) feed(ctx context.Context, ev Event) {
	for _, a := range e.m.Step(ev) {
		switch a := a.(type) {
		case Do:
			e.begin(ctx, a)
		case Cancel:
			if e.cancel != nil {
				e.cancel()
			}
			e.step = None
		case Open:
			e.open()
		case Close:
			e.close()
		case Enter:
			e.enter(a.State)
		case Tell:
			e.observe(Notification{Tell: a})
		}
	}
}

func (e *Elector) enter(s State) {
	e.mu.Lock()
	e.state = s
	if s == Active {
		e.leader, e.resign = context.WithCancel(context.Background())
	} else {
		e.resign()
	}
	e.mu.Unlock()
	e.observe(Notification{Change: true})
}

func (e *Elector) open() {
	e.generation++
	g := e.generation
	c, err := e.cfg.Connect(func(ev Event) { e.box.put(fromClient{g, ev}) })
	if err != nil { // only a setting that can never work: the caller has checked them, so say it and stay
		e.cfg.Log.Error("cannot open a zookeeper session", zap.Error(err))
		return
	}
	e.client = c
	e.mu.Lock()
	e.shared = c
	e.mu.Unlock()
}

func (e *Elector) close() {
	if e.cancel != nil {
		e.cancel()
	}
	e.closing = time.Now()
	e.generation++ // nothing that it still says matters
	e.mu.Lock()
	e.shared = nil
	e.mu.Unlock()
	c := e.client
	e.wg.Go(func() {
		if c != nil {
			c.Close()
		}
		e.box.put(closed{})
	})
}

// mailbox is an unbounded queue: those who put must never wait.
type mailbox struct {
	mu    sync.Mutex
	msgs  []any
	ready chan struct{}
}

func (b *mailbox) put(m any) {
	b.mu.Lock()
	b.msgs = append(b.msgs, m)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.msgs
	b.msgs = nil
	return m
}

package nnstub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
)

// Config is what an operator sets.
type Config struct {
	ID           string        // "nn1"
	Nameservice  string        // "ns1"
	JournalDir   string        // shared by the nodes of the nameservice
	AutoFailover bool          // refuse transitions by users, accept those by the ZKFC; otherwise the other way round
	PollInterval time.Duration // how often a standby looks at the journal; default 20 ms
}

// Node is the service without its port. It implements target.HAServer.
type Node struct {
	cfg   Config
	log   *zap.Logger
	files namespace

	transition sync.Mutex // one change of state at a time; held while the journal is used by anything but the committer
	journal    *journal.Journal

	mu        sync.Mutex
	state     target.State
	committer *committer // not nil while active
	trouble   error      // why the journal cannot be followed; nil while it can
	broken    error      // why it could not be written; never forgotten
	sick      sickness

	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

// NewNode opens the journal, reads it, and begins to follow it as a standby.
func NewNode(cfg Config, log *zap.Logger) (*Node, error) {
	if cfg.PollInterval == 0 {
		cfg.PollInterval = 20 * time.Millisecond
	}
	j, err := journal.Open(cfg.JournalDir, log)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: log, journal: j, state: target.Standby,
		files: namespace{files: map[string]journal.Edit{}}, stop: make(chan struct{}),
	}
	if _, err := j.Poll(n.files.apply); err != nil {
		return nil, err
	}
	n.wg.Go(n.follow)
	return n, nil
}

// Close stops the node: an active one finishes the writes under way. It is idempotent.
func (n *Node) Close() error {
	n.once.Do(func() { close(n.stop) })
	n.sicken(Well, 0)
	n.transition.Lock()
	n.resign(target.Stopping)
	n.transition.Unlock()
	n.wg.Wait()
	return nil
}

// State is the node's HA state.
func (n *Node) State() target.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// follow applies the journal while the node is not active.
func (n *Node) follow() {
	t := time.NewTicker(n.cfg.PollInterval)
	defer t.Stop()
	for {
		select {
		case <-n.stop:
			return
		case <-t.C:
			n.catchUp()
		}
	}
}

func (n *Node) catchUp() {
	if !n.transition.TryLock() { // a transition is under way: it reads the journal itself
		return
	}
	defer n.transition.Unlock()
	n.mu.Lock()
	state, c := n.state, n.committer
	n.mu.Unlock()
	if c != nil { // an active node that writes nothing notices here that it was overtaken
		if err := c.w.Fenced(); errors.Is(err, journal.ErrFenced) {
			n.stepDown(c, err)
		}
		return
	}
	if state != target.Standby && state != target.Observer {
		return
	}
	_, err := n.journal.Poll(n.files.apply)
	n.mu.Lock()
	changed := (err == nil) != (n.trouble == nil)
	n.trouble = err
	n.mu.Unlock()
	switch {
	case changed && err != nil:
		n.log.Error("cannot follow the journal", zap.Error(err))
	case changed:
		n.log.Info("follows the journal again")
	}
}

// MonitorHealth implements target.HAServer.
func (n *Node) MonitorHealth(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.sick.unhealthy:
		return target.Unhealthy("The NameNode has no resources available")
	case n.journalError() != nil:
		return target.Unhealthy("The NameNode cannot use its journal: %v", n.journalError())
	default:
		return nil
	}
}

// Status implements target.HAServer.
func (n *Node) Status(context.Context) (target.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.journalError(); err != nil {
		return target.Status{State: n.state, NotReadyReason: err.Error()}, nil
	}
	return target.Status{State: n.state, ReadyToBecomeActive: true}, nil
}

// journalError is why the journal cannot be used. The caller holds the lock.
func (n *Node) journalError() error {
	if n.broken != nil {
		return n.broken
	}
	return n.trouble
}

// TransitionToActive implements target.HAServer: it takes a new epoch of the journal, applies what it has not seen of
// it, and accepts puts from then on. It does nothing on an active node.
func (n *Node) TransitionToActive(ctx context.Context, src target.RequestSource) error {
	if err := n.allow(ctx, src); err != nil {
		return err
	}
	n.transition.Lock()
	defer n.transition.Unlock()
	began := time.Now()
	n.mu.Lock()
	c := n.committer
	n.mu.Unlock()
	if c != nil {
		err := c.w.Fenced()
		if !errors.Is(err, journal.ErrFenced) {
			return err
		}
		n.stepDown(c, err) // overtaken without noticing: being active is not enough, it must become so again
	}
	if s := n.State(); s != target.Standby {
		return target.Refused("Cannot transition from '%s' to 'active'", s)
	}
	if err := n.stallPromotion(ctx); err != nil {
		return err
	}
	w, err := n.journal.Begin(n.cfg.ID, n.files.apply)
	if err != nil {
		n.log.Error("cannot become active", zap.Error(err))
		return fmt.Errorf("cannot become active: %w", err)
	}
	c = newCommitter(n, w)
	txid := n.journal.Txid()
	n.mu.Lock()
	n.state, n.committer, n.trouble = target.Active, c, nil
	n.mu.Unlock()
	n.wg.Go(func() {
		c.run()
		if c.failed != nil {
			n.depose(c)
		}
	})
	n.log.Info("is active", zap.Uint64("epoch", w.Epoch()), zap.Uint64("txid", txid),
		zap.String("state", "active"), zap.Duration("took", time.Since(began)))
	return nil
}

// TransitionToStandby implements target.HAServer: when it returns, nothing more is written or acknowledged.
func (n *Node) TransitionToStandby(ctx context.Context, src target.RequestSource) error {
	return n.become(ctx, src, target.Standby)
}

// TransitionToObserver implements target.HAServer. An active node refuses.
func (n *Node) TransitionToObserver(ctx context.Context, src target.RequestSource) error {
	return n.become(ctx, src, target.Observer)
}

func (n *Node) become(ctx context.Context, src target.RequestSource, to target.State) error {
	if err := n.allow(ctx, src); err != nil {
		return err
	}
	n.transition.Lock()
	defer n.transition.Unlock()
	from := n.State()
	switch {
	case from == to:
		return nil
	case from == target.Stopping, from == target.Active && to == target.Observer:
		return target.Refused("Cannot transition from '%s' to '%s'", from, to)
	}
	n.resign(to)
	n.log.Info("is "+to.String(), zap.Stringer("state", to), zap.Uint64("txid", n.journal.Txid()))
	return nil
}

// resign gives up being active, if it is, and takes the given state. The caller holds the transition lock.
func (n *Node) resign(to target.State) {
	n.mu.Lock()
	c := n.committer
	n.state, n.committer = to, nil
	n.mu.Unlock()
	if c != nil {
		c.halt()
		_ = c.w.Close() // everything that counts was synced
	}
}

// depose is called when the journal has failed its writer.
func (n *Node) depose(c *committer) {
	n.transition.Lock()
	defer n.transition.Unlock()
	n.mu.Lock()
	current := n.committer == c
	n.mu.Unlock()
	if current {
		n.stepDown(c, c.failed)
	}
}

// stepDown makes an active node standby because of its journal. A disk that failed stays failed until the next start. The
// caller holds the transition lock.
func (n *Node) stepDown(c *committer, why error) {
	n.log.Error("the journal refuses its writer: is standby from now on", zap.Error(why),
		zap.Uint64("epoch", c.w.Epoch()), zap.String("state", "standby"))
	if !errors.Is(why, journal.ErrFenced) {
		n.mu.Lock()
		n.broken = why
		n.mu.Unlock()
	}
	n.resign(target.Standby)
}

// allow refuses who may not ask for a transition, with the original NameNode's words.
func (n *Node) allow(ctx context.Context, src target.RequestSource) error {
	remote := "this process"
	if info := hadooprpc.InfoFrom(ctx); info != nil {
		remote = info.Remote.String()
	}
	switch {
	case src == target.RequestByUser && n.cfg.AutoFailover:
		return target.AccessDenied("Manual HA control for this NameNode is disallowed, because automatic HA is enabled.")
	case src == target.RequestByUserForced && n.cfg.AutoFailover:
		n.log.Warn("manual transition allowed although automatic failover is on: it was forced", zap.String("peer", remote))
	case src == target.RequestByZKFC && !n.cfg.AutoFailover:
		return target.AccessDenied("Request from ZK failover controller at %s denied since automatic HA is not enabled", remote)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sick.refuse {
		return target.Refused("nnstub was told to refuse transitions")
	}
	return nil
}

// errStandby is the original's answer of a node that may not serve an operation in its state.
func errStandby(category string, s target.State) error {
	return hadooprpc.NewException(hadooprpc.ClassStandby,
		fmt.Sprintf("Operation category %s is not supported in state %s", category, s))
}

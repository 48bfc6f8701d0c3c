package hademo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what to play.
type Config struct {
	Acts   []string // names of acts; empty: all
	Rounds int      // how often; default 1
	Launch Launcher // starts the programs
	Keep   bool     // leave everything running afterwards, until the context ends
	View   View     // is shown what happens
}

// View is shown what happens, as it happens. Calls come one at a time.
type View interface {
	// Starting: the cluster is being set up in dir.
	Starting(dir string)
	// Watch is called once everything runs; live may be asked for the present state from any goroutine.
	Watch(live func() Live)
	// Begin: a round of an act begins.
	Begin(name, title string, round, rounds int)
	// Step: something happened; at is counted from the fault.
	Step(at time.Duration, node, what string)
	// End: a round is over.
	End(r Result)
	// Close: all rounds are over, or it broke off.
	Close()
}

// ErrLost is returned by Play when an acknowledged write was lost or two nodes wrote in one epoch.
var ErrLost = errors.New("an acknowledged write was lost, or two nodes wrote in one epoch")

// How long a phase may take before the demo gives up. Far beyond what any act needs.
const (
	readyTimeout = 30 * time.Second
	actTimeout   = 45 * time.Second
	holdBack     = 50 * time.Millisecond  // before a step is shown
	keepPause    = 50 * time.Millisecond  // between two writes with --keep, which may go on for days
	keepRepair   = 5 * time.Second        // between two looks at what was killed, with --keep
	calm         = 700 * time.Millisecond // of undisturbed writing before and after each fault
)

// Play plays the acts and returns the result of each round, also of those before an error.
func Play(ctx context.Context, cfg Config) (results []Result, err error) {
	todo, err := findActs(cfg.Acts)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hademo-")
	if err != nil {
		return nil, err
	}
	cfg.View.Starting(dir)
	defer cfg.View.Close()
	c, err := newCluster(dir, cfg.Launch)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		c.stop()
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w (the logs are in %s)", err, dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	p := &play{cfg: cfg, cluster: c}
	return p.run(ctx, todo)
}

// play is one performance.
type play struct {
	cfg     Config
	cluster *cluster
	client  *nameNodes
	ledger  *ledger
	writer  *writer
	scout   *scout
	pulse   *pulse

	verified int // acknowledged writes that were looked for already
}

func (p *play) run(ctx context.Context, todo []act) ([]Result, error) {
	if err := p.cluster.start(ctx); err != nil {
		return nil, err
	}
	var err error
	if p.client, err = newNameNodes(p.cluster.nodes); err != nil {
		return nil, err
	}
	defer p.client.close()
	if p.ledger, err = openLedger(filepath.Join(p.cluster.dir, "journal")); err != nil {
		return nil, err
	}
	p.writer = newWriter(p.client)
	p.scout = newScout(p.cluster)
	p.pulse = newPulse(p.cluster.clientAddrs())

	bg, cancel := context.WithCancel(ctx)
	done := make(chan struct{}, 3)
	go func() { p.writer.run(bg); done <- struct{}{} }()
	go func() { p.scout.run(bg); done <- struct{}{} }()
	go func() { p.pulse.run(bg); done <- struct{}{} }()
	defer func() { cancel(); <-done; <-done; <-done }()

	if _, _, err := p.ready(ctx); err != nil {
		return nil, err
	}
	p.cfg.View.Watch(p.live)
	var results []Result
	rounds := max(p.cfg.Rounds, 1)
	bad := false
	for round := 1; round <= rounds; round++ {
		for _, a := range todo {
			r, err := p.round(ctx, a, round, rounds)
			if err != nil {
				return results, fmt.Errorf("act %s, round %d: %w", a.name, round, err)
			}
			results = append(results, r)
			p.cfg.View.End(r)
			bad = bad || !r.OK()
		}
	}
	if bad {
		return results, ErrLost
	}
	if p.cfg.Keep {
		p.keep(ctx)
	}
	return results, nil
}

// ready waits until one node is active and the other a standby that is ready, both controllers are in the election, every
// zkserver has its role, and a write has just succeeded.
func (p *play) ready(ctx context.Context) (active, standby *node, err error) {
	wctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		if active, standby = p.scout.roles(); active != nil && standby != nil && p.scout.ensembleComplete() {
			n := p.writer.count()
			if _, err := p.writer.waitAck(wctx, n, func(a ack) bool { return a.node == active.id }); err == nil {
				return active, standby, nil
			}
		}
		if err := sleep(wctx, 10*time.Millisecond); err != nil {
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			return nil, nil, fmt.Errorf("no active and standby NameNode after %s: %s", readyTimeout, p.scout.describe())
		}
	}
}

func (p *play) round(ctx context.Context, a act, round, rounds int) (Result, error) {
	active, standby, err := p.ready(ctx)
	if err != nil {
		return Result{}, err
	}
	p.cfg.View.Begin(a.name, a.title, round, rounds)
	r := Result{Act: a.name, Round: round, From: active.id, To: active.id}
	p.writer.directory(fmt.Sprintf("/%s/%d", a.name, round))
	if err = sleep(ctx, calm); err != nil {
		return r, err
	}
	actx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	firstEvent := p.cluster.timeline.mark()
	beforeFault := max(p.writer.count()-1, 0)
	var t0 time.Time
	told := func() {}
	defer func() { told() }()
	if err = a.play(actx, p.cluster, active, standby, func() {
		t0 = time.Now()
		told = p.tell(actx, firstEvent, t0)
	}); err != nil {
		return r, err
	}
	if a.fails {
		r.To = standby.id
		if _, err = p.writer.waitAck(actx, beforeFault, func(k ack) bool { return k.node == standby.id && k.at.After(t0) }); err != nil {
			return r, fmt.Errorf("%s did not take over: %w: %s", standby.id, err, p.scout.describe())
		}
		if _, err = p.cluster.timeline.wait(actx, firstEvent, func(e event) bool {
			return e.Node == standby.id && e.Event == "promote-done" && e.Time.After(t0)
		}); err != nil {
			return r, fmt.Errorf("the controller of %s reports no promotion: %w", standby.id, err)
		}
	}
	if _, err = p.pulse.wait(actx, time.Now()); err != nil {
		return r, fmt.Errorf("the zkservers take no writes: %w", err)
	}
	if err = sleep(ctx, calm); err != nil {
		return r, err
	}
	r.ZKGap = p.pulse.gap(t0)
	acks := p.writer.since(beforeFault)
	evs := p.cluster.timeline.since(firstEvent)
	told()
	if a.fails {
		measure(&r, t0, evs, acks, standby.id)
	} else {
		r.Gap, r.Total = longestGap(acks), r.ZKGap
		if now, _ := p.scout.roles(); now != nil && now != active {
			return r, fmt.Errorf("%s is active now: what happens to zkservers must not move the active role", now.id)
		}
	}
	if err = p.cluster.repair(); err != nil {
		return r, err
	}
	if _, _, err = p.ready(ctx); err != nil {
		return r, err
	}
	err = p.verify(ctx, &r)
	return r, err
}

// tell shows the view each step of the controllers since the fault, as it comes, until the returned function is called
// (which may be called again). The steps of two controllers come from two files: they are held back for a moment, so that
// they can be shown in the order in which they happened.
func (p *play) tell(ctx context.Context, firstEvent int, t0 time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []event
		for n, ended := firstEvent, false; !ended; {
			ended = sleep(ctx, holdBack/2) != nil
			fresh := p.cluster.timeline.since(n)
			n += len(fresh)
			held = append(held, fresh...)
			slices.SortStableFunc(held, func(a, b event) int { return a.Time.Compare(b.Time) })
			for len(held) > 0 && (ended || time.Since(held[0].Time) > holdBack) {
				if e := held[0]; !e.Time.Before(t0) {
					p.cfg.View.Step(e.Time.Sub(t0), e.Node, e.describe())
				}
				held = held[1:]
			}
		}
	}()
	return func() { cancel(); <-done }
}

// verify looks for each write that was acknowledged since the last time: all of them in the journal on disk, those of this
// round also among the files of the node that is active now.
func (p *play) verify(ctx context.Context, r *Result) error {
	n := p.writer.directory("/between")
	acks := p.writer.since(p.verified)[:n-p.verified]
	dir := fmt.Sprintf("/%s/%d/", r.Act, r.Round)
	files, err := p.client.list(ctx, dir)
	if err != nil {
		return fmt.Errorf("looking for the acknowledged writes: %w", err)
	}
	lost, err := p.ledger.missing(acks, func(path string) bool { return files[path] || !strings.HasPrefix(path, dir) })
	if err != nil {
		return fmt.Errorf("looking for the acknowledged writes: %w", err)
	}
	p.verified = n
	r.Acked, r.Lost, r.DualActive = len(acks), lost, dualActive(p.writer.since(0))
	return nil
}

// keep leaves everything running until ctx ends, and starts again what somebody kills.
func (p *play) keep(ctx context.Context) {
	p.writer.slowDown(keepPause)
	if k, ok := p.cfg.View.(interface{ Keeping(hint string) }); ok {
		k.Keeping(p.cluster.hint())
	}
	for sleep(ctx, keepRepair) == nil {
		if err := p.cluster.repair(); err != nil {
			return
		}
	}
}

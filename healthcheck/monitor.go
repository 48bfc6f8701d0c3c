// Package healthcheck watches one service: it asks for its status and its health at an interval, and turns the answers
// into a stream of health states.
//
// Two things differ from the original's HealthMonitor, both for speed. A closed connection is not left for the next
// check to find: the service is asked again at once, and a refused connection is believed at once. And the deadline
// counts the silence since the last answer, not the duration of a call: a service that hangs right after an answer is
// found out after Deadline, not after Interval + Deadline. What that costs a service that only pauses is bounded by
// asking often enough: one that is silent for no more than Deadline - Interval is never given up, whatever the moment.
package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
)

// Prober is the part of target.Service that the monitor needs.
type Prober interface {
	MonitorHealth(ctx context.Context) error
	Status(ctx context.Context) (target.Status, error)
	// Down is closed when the connection of the checks is closed by the service; nil means that there is none.
	Down() <-chan struct{}
}

// Config is how often and how patiently the service is asked.
type Config struct {
	// Interval is the pause between two checks of a service that answers. A quarter of Deadline is the default and the
	// most there is, see Every (the original: 1s).
	Interval time.Duration
	// Deadline is the longest silence of a service that counts as alive, counted from its last answer: a hang is known
	// between Deadline - Interval and Deadline after it began. Time for which the monitor itself was held up does not
	// count. (Where only MonitorHealth hangs, the last answer is that to Status.) Default 1s (the original: 45s for each call).
	Deadline time.Duration
	// Retry is the pause between two checks of a service that does not answer, so that a restarted one is seen soon.
	// Default 100ms (the original: 1s).
	Retry time.Duration
	// Busy tells that a transition of the service is under way: while it is, silence is not held against the service,
	// because a NameNode answers no health check before the transition has ended. A closed connection still is. The
	// transition's own deadline bounds the time. Optional.
	Busy func() bool
	// Answered is told each answer to getServiceStatus at once, before the health is asked for, with the time at which the
	// question was asked; from the goroutine of Run. Optional.
	Answered func(s target.Status, asked time.Time)
}

func (c Config) withDefaults() Config {
	if c.Deadline <= 0 {
		c.Deadline = time.Second
	}
	if most := c.Deadline / 4; c.Interval <= 0 || c.Interval > most {
		c.Interval = most
	}
	if c.Retry <= 0 {
		c.Retry = 100 * time.Millisecond
	}
	return c
}

// Every is the pause between two checks in effect: never more than a quarter of Deadline. Were they as rare as the deadline is
// long, then either the answer to a check that comes long after the last one would be due at once, and a short pause of the
// service would end it, or a hang would be known twice as late. A check costs a NameNode two small calls and a look at its disks,
// none of which takes the lock of its name space.
func (c Config) Every() time.Duration { return c.withDefaults().Interval }

// heldUp is how late a deadline may be noticed by a monitor that runs. One that was stopped, or whose machine was, notices
// it with the answer perhaps at hand.
const heldUp = 50 * time.Millisecond

// Report is one thing the monitor found out.
type Report struct {
	// State is the health after the check.
	State State
	// Changed tells that State is not what the report before said.
	Changed bool
	// Status is the answer to getServiceStatus, nil when there was none.
	Status *target.Status
	// Began is when the check began: the service was asked for its status after that.
	Began time.Time
	// Err is why the service is not healthy.
	Err error
	// Down tells that this report is no check's result: the connection was closed, a check follows at once.
	Down bool
}

// Monitor watches one service. Make it with New.
type Monitor struct {
	target Prober
	cfg    Config
	report func(Report)

	state      State
	lastAnswer time.Time
}

// New returns a monitor of p. It tells report the result of each check, from the goroutine of Run; the next check waits
// until report returns.
func New(p Prober, cfg Config, report func(Report)) *Monitor {
	return &Monitor{target: p, cfg: cfg.withDefaults(), report: report}
}

// Run checks until ctx ends; then it returns nil. If the service or the receiver of reports panics, Run reports the
// state Failed and returns the panic as an error.
func (m *Monitor) Run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("health monitor failed: %v", p)
			m.state = Failed
			m.report(Report{State: Failed, Changed: true, Began: time.Now(), Err: err})
		}
	}()
	for ctx.Err() == nil {
		m.check(ctx)
		m.pause(ctx)
	}
	return nil
}

// pause waits for the next check: shortly for a service that is away, not at all when the connection closes meanwhile.
func (m *Monitor) pause(ctx context.Context) {
	wait, down := m.cfg.Interval, m.target.Down()
	if m.state == NotResponding {
		wait, down = m.cfg.Retry, nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-down:
		m.report(Report{State: m.state, Began: time.Now(), Down: true, Err: errClosed})
	}
}

var errClosed = errors.New("the service closed the connection")

// check asks the service once. When an existing connection breaks under the question, the question is asked once
// more at once: on a new connection it tells a dead service from one that only closed an old connection.
func (m *Monitor) check(ctx context.Context) {
	began, busy := time.Now(), m.busy()
	old := m.target.Down()
	status, err := m.ask(ctx, began)
	if err != nil && old != nil && ctx.Err() == nil &&
		!errors.Is(err, target.ErrUnhealthy) && !errors.Is(err, context.DeadlineExceeded) {
		status, err = m.ask(ctx, began)
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, context.DeadlineExceeded) && m.state != NotResponding && (busy || m.busy()) {
		m.lastAnswer = time.Now() // the silence counts from the end of the transition
		return
	}
	state := Healthy
	switch {
	case errors.Is(err, target.ErrUnhealthy):
		state = Unhealthy
	case err != nil:
		state = NotResponding
	}
	changed := state != m.state
	m.state = state
	m.report(Report{State: state, Changed: changed, Status: status, Began: began, Err: err})
}

func (m *Monitor) busy() bool { return m.cfg.Busy != nil && m.cfg.Busy() }

func (m *Monitor) ask(ctx context.Context, began time.Time) (*target.Status, error) {
	var st target.Status
	err := m.call(ctx, func(ctx context.Context) (err error) {
		st, err = m.target.Status(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("get service status: %w", err)
	}
	if m.cfg.Answered != nil {
		m.cfg.Answered(st, began)
	}
	if err := m.call(ctx, m.target.MonitorHealth); err != nil {
		return &st, fmt.Errorf("monitor health: %w", err)
	}
	return &st, nil
}

// call puts one question. It ends when the service has been silent for the deadline; only if the question comes late, because
// the monitor was held up before it, later than that: it has half of the deadline at least. If the end is noticed late, the
// question is put once more, for as long as the monitor was held up.
func (m *Monitor) call(ctx context.Context, question func(context.Context) error) error {
	patience := m.cfg.Deadline
	if !m.lastAnswer.IsZero() && m.state != NotResponding {
		patience = max(patience-time.Since(m.lastAnswer), m.cfg.Deadline/2)
	}
	for {
		end := time.Now().Add(patience)
		limited, cancel := context.WithDeadline(ctx, end)
		err := question(limited)
		cancel()
		if err == nil || errors.Is(err, target.ErrUnhealthy) {
			m.lastAnswer = time.Now()
			return err
		}
		late := time.Since(end)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || late < heldUp {
			return err
		}
		patience = min(late, m.cfg.Deadline/2)
	}
}

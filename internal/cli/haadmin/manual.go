package haadmin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// failure is why a failover failed, in the original's words, and its exit code if they are distinct.
type failure struct {
	text string
	code int
}

func (f *failure) Error() string { return f.text }

// fencer stops a node that cannot be asked to step down.
type fencer interface {
	Do(ctx context.Context, r fencing.Request) (fencing.Record, error)
}

// manual is a failover without controllers.
type manual struct {
	fencers map[*node]fencer
	log     *zap.Logger
	source  target.RequestSource
	both    bool // admin.fenceTarget

	query, graceful, newActive time.Duration // deadlines
}

// newManual prepares a failover. As in the original each node has its own fencing methods, and only those of from must be usable.
func (a *admin) newManual(from, to *node) (*manual, error) {
	d := a.cfg.Failover
	m := &manual{
		fencers: map[*node]fencer{}, log: a.log.Named("FailoverController"), source: a.source, both: a.cfg.Admin.FenceTarget,
		query: d.NewActiveDeadline, graceful: d.GracefulFenceDeadline, newActive: d.NewActiveDeadline,
	}
	for _, n := range []*node{from, to} {
		fc := a.cfg.FencingConfig(haconfig.Nameservice{ID: n.NameserviceID}, n.ServiceID)
		if a.cfg.Hadoop == nil {
			ns, _ := a.cfg.Find(n.NameserviceID)
			fc = a.cfg.FencingConfig(ns, n.ServiceID)
		}
		fc.Manual = true
		f, err := fencing.New(fc, a.log)
		switch {
		case err == nil:
			m.fencers[n] = f
		case n == from:
			return nil, illegalArgument{"failover requires a fencer", []string{n.ServiceID + ": " + err.Error()}}
		}
	}
	return m, nil
}

// failover makes from standby and to active. from is fenced when it does not step down, or when the caller insists. The
// original (3.4.3) runs the methods on to as well, before from, and so kills both; here only from is ever fenced.
// When to cannot be made active and from was not fenced, from becomes active again and to is fenced.
func (m *manual) failover(ctx context.Context, from, to *node, forceFence, forceActive bool) error {
	if from.Addr() == to.Addr() {
		return &failure{"Can't failover a service to itself", exitRefused}
	}
	fencer := m.fencers[from]
	if fencer == nil {
		return &failure{"failover requires a fencer", exitNotFenced}
	}
	if err := m.eligible(ctx, to, forceActive); err != nil {
		return err
	}
	fence := !m.stepDown(ctx, from) || forceFence
	if fence {
		if _, err := fencer.Do(ctx, fencing.Request{Node: from.Identity, To: &to.Identity, Manual: true, Both: m.both}); err != nil {
			return &failure{"Unable to fence " + from.String() + ". Fencing failed.", exitNotFenced}
		}
	}
	err := m.promote(ctx, to)
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("Unable to failover to %s", to)
	if !fence {
		// Also when the caller has interrupted: else nobody would be active.
		if err := m.failover(context.WithoutCancel(ctx), to, from, true, true); err != nil {
			text += fmt.Sprintf(". Failback to %s failed (%s)", from, err)
			m.log.Error(text)
		}
	}
	return &failure{text, codeOf(err)}
}

// codeOf tells an answer from none.
func codeOf(err error) int {
	if errors.Is(err, target.ErrRefused) {
		return exitRefused
	}
	return exitNoAnswer
}

// eligible checks that to can become active.
func (m *manual) eligible(ctx context.Context, to *node, force bool) error {
	ctx, cancel := context.WithTimeout(ctx, m.query)
	defer cancel()
	st, err := to.asked().Status(ctx)
	if err != nil {
		text := "Unable to get service state for " + to.String()
		m.log.Error(text + "\n" + asJava(err, to.Host, to.Port).trace())
		return &failure{text, exitNoAnswer}
	}
	if st.State != target.Standby {
		return &failure{"Can't failover to an " + st.State.String() + " service", exitRefused}
	}
	if !st.ReadyToBecomeActive {
		if !force {
			return &failure{to.String() + " is not ready to become active: " + st.NotReadyReason, exitRefused}
		}
		m.log.Warn("Service is not ready to become active, but forcing: " + st.NotReadyReason)
	}
	switch err := to.asked().MonitorHealth(ctx); {
	case err == nil:
		return nil
	case isUnhealthy(err):
		return &failure{"Can't failover to an unhealthy service", exitUnhealthy}
	default:
		return &failure{"Got an IO exception", exitNoAnswer}
	}
}

// stepDown asks from to become standby, and tells whether it did.
func (m *manual) stepDown(ctx context.Context, from *node) bool {
	ctx, cancel := context.WithTimeout(ctx, m.graceful)
	defer cancel()
	err := from.asked().TransitionToStandby(ctx, m.source)
	if err == nil {
		return true
	}
	j := asJava(err, from.Host, from.Port)
	if isServiceFailed(err) {
		m.log.Warn(fmt.Sprintf("Unable to gracefully make %s standby (%s)", from, j))
	} else {
		m.log.Warn(fmt.Sprintf("Unable to gracefully make %s standby (unable to connect)\n%s", from, j.trace()))
	}
	return false
}

func (m *manual) promote(ctx context.Context, to *node) error {
	ctx, cancel := context.WithTimeout(ctx, m.newActive)
	defer cancel()
	err := to.asked().TransitionToActive(ctx, m.source)
	if err == nil {
		return nil
	}
	j := asJava(err, to.Host, to.Port)
	if isServiceFailed(err) {
		m.log.Error(fmt.Sprintf("Unable to make %s active (%s). Failing back.", to, j))
	} else {
		m.log.Error(fmt.Sprintf("Unable to make %s active (unable to connect). Failing back.\n%s", to, j.trace()))
	}
	return err
}

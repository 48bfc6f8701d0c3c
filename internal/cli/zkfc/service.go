package zkfc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/healthcheck"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// service is the local NameNode; health checks may go to another port of it than transitions.
func (s *setup) service() target.Service {
	control := target.NewHadoop(s.node.Addr(), target.HadoopOptions{})
	where := s.node.Addr() + " by " + s.setBy("nameservices", "")
	if s.cfg.Hadoop != nil {
		key, file := s.cfg.AddressOf(s.ns.ID, s.node.ID)
		where = s.node.Addr() + " by " + key + " of " + file
	}
	if a := s.node.HealthAddress; a != "" && a != s.node.Addr() {
		return &puzzled{Service: split{Service: control, health: target.NewHadoop(a, target.HadoopOptions{})}, log: s.log, where: where + ", or " + a}
	}
	return &puzzled{Service: control, log: s.log, where: where}
}

func (s *setup) health() healthcheck.Config {
	return healthcheck.Config{Interval: s.cfg.Health.Interval, Deadline: s.cfg.Health.Deadline, Retry: s.cfg.Health.Retry}
}

// oftener says that health is checked more often than the configuration has it, and why; empty when it is not.
func (s *setup) oftener() string {
	every := s.health().Every()
	if every >= s.cfg.Health.Interval {
		return ""
	}
	return fmt.Sprintf("health is checked every %s, a quarter of %s (%s): the %s of %s would be too seldom to know a hang in that time", every,
		s.setBy("health.deadline", "ha.health-monitor.rpc-timeout.ms"), s.cfg.Health.Deadline,
		s.cfg.Health.Interval, s.setBy("health.interval", "ha.health-monitor.check-interval.ms"))
}

// puzzled says once, until it is understood again, that what answers at the NameNode's address is not what it should be.
type puzzled struct {
	target.Service
	log   *zap.Logger
	where string
	said  atomic.Bool
}

func (p *puzzled) look(err error) error {
	switch {
	case err == nil:
		p.said.Store(false)
	case hadooprpc.Strange(err) && p.said.CompareAndSwap(false, true):
		p.log.Error("What answers at "+p.where+" is not understood: is that the RPC port of a NameNode of Hadoop 2 or later?", zap.Error(err))
	}
	return err
}

// MonitorHealth implements target.Service.
func (p *puzzled) MonitorHealth(ctx context.Context) error {
	return p.look(p.Service.MonitorHealth(ctx))
}

// Status implements target.Service.
func (p *puzzled) Status(ctx context.Context) (target.Status, error) {
	st, err := p.Service.Status(ctx)
	return st, p.look(err)
}

// hangs asks the controller beside another node whether it knows that its node hangs; one that cannot be asked does not.
func (s *setup) hangs(id target.Identity) func(ctx context.Context) bool {
	return func(ctx context.Context) bool {
		z := target.NewZKFC(s.known(id).ZKFCAddr(), target.HadoopOptions{})
		defer z.Close()
		hangs, err := z.ServiceHangs(ctx)
		return err == nil && hangs
	}
}

// probed is another node that shall step down: it has the whole deadline for that if it shows a sign of life within the
// probe's, so that a hung one does not delay the failover. Its controller is asked meanwhile: it may have been waiting for such a
// sign for much longer, and given up the lock for want of it.
type probed struct {
	target.Service
	probe time.Duration
	hangs func(context.Context) bool
}

var errHangs = errors.New("its controller says that it hangs")

// TransitionToStandby implements target.Service.
func (p probed) TransitionToStandby(ctx context.Context, source target.RequestSource) error {
	if at, ok := ctx.Deadline(); ok && time.Until(at) <= p.probe { // nothing to gain
		return p.Service.TransitionToStandby(ctx, source)
	}
	look, cancel := context.WithTimeout(ctx, p.probe)
	look, end := context.WithCancelCause(look)
	var asking sync.WaitGroup
	asking.Go(func() {
		if p.hangs(look) {
			end(errHangs)
		}
	})
	_, err := p.Status(look)
	why := context.Cause(look)
	end(nil)
	cancel()
	asking.Wait()
	switch {
	case errors.Is(err, context.Canceled) && errors.Is(why, errHangs):
		return fmt.Errorf("no sign of life: %w", errHangs)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no sign of life within %s: %w", p.probe, err)
	}
	return p.Service.TransitionToStandby(ctx, source)
}

// split is a service whose health is asked for at another address.
type split struct {
	target.Service
	health *target.Hadoop
}

func (s split) MonitorHealth(ctx context.Context) error           { return s.health.MonitorHealth(ctx) }
func (s split) Status(ctx context.Context) (target.Status, error) { return s.health.Status(ctx) }
func (s split) Down() <-chan struct{}                             { return s.health.Down() }
func (s split) Close() error                                      { return errors.Join(s.Service.Close(), s.health.Close()) }

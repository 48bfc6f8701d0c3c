package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
)

// app is what the elector controls: the local service, and the fencing of others.
type app struct{ *Controller }

// take waits for the turn to change the state of the local service.
func (c *Controller) take(ctx context.Context) (release func(), err error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("another transition is under way: %w", context.Cause(ctx))
	}
	c.mu.Lock()
	c.changing++
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.changing--
		c.changed = time.Now()
		c.mu.Unlock()
		<-c.turn
	}, nil
}

func (c *Controller) expect(s target.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.belief.Expected, c.belief.Mismatches = s, 0
}

// BecomeActive implements elector.App.
func (a app) BecomeActive(ctx context.Context) error {
	release, err := a.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	a.log.Info("Trying to make " + a.name + " active...")
	a.emit(EventPromoteStart, a.name, 0)
	began := time.Now()
	rpc, cancel := context.WithTimeout(ctx, a.cfg.NewActive)
	defer cancel()
	err = a.cfg.Service.TransitionToActive(rpc, target.RequestByZKFC)
	took := time.Since(began)
	if err == nil {
		err = ctx.Err() // the lock is not ours any more: whoever has it now fences this service
	}
	if err != nil {
		a.log.Error("Couldn't make "+a.name+" active", zap.Error(err))
		a.emit(EventPromoteFailed, err.Error(), took)
		a.record(fmt.Errorf("Couldn't make %s active: %w", a.name, err)) //nolint:revive,staticcheck // the original's words
		return err
	}
	a.expect(target.Active)
	a.log.Info("Successfully transitioned " + a.name + " to active state")
	a.emit(EventPromoteDone, a.name, took)
	a.record(nil)
	return nil
}

// BecomeStandby implements elector.App.
func (a app) BecomeStandby(ctx context.Context) error {
	a.log.Info("ZK Election indicated that " + a.name + " should become standby")
	err := a.standDown(ctx)
	a.expect(target.Standby)
	return err
}

// standDown makes the local service standby.
func (c *Controller) standDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, standbyDeadline)
	defer cancel()
	release, err := c.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	began := time.Now()
	if err := c.cfg.Service.TransitionToStandby(ctx, target.RequestByZKFC); err != nil {
		c.log.Error("Couldn't transition "+c.name+" to standby state", zap.Error(err))
		c.emit(EventStandbyFailed, err.Error(), time.Since(began))
		return err
	}
	c.log.Info("Successfully transitioned " + c.name + " to standby state")
	c.emit(EventStandbyDone, c.name, time.Since(began))
	return nil
}

// FenceOldActive implements elector.App: ask it to stand down, and if it does not, run the fencing methods.
func (a app) FenceOldActive(ctx context.Context, data []byte) error {
	began := time.Now()
	node, err := a.oldActive(ctx, data)
	if err == nil {
		err = a.fence(ctx, node)
	}
	if err != nil {
		a.emit(EventFenceFailed, err.Error(), time.Since(began))
		a.record(fmt.Errorf("Unable to fence old active: %w", err)) //nolint:revive,staticcheck // the original's words
		return err
	}
	a.emit(EventFenceDone, node.ServiceID, time.Since(began))
	return nil
}

// oldActive is the node that the breadcrumb names. What cannot be understood is an error, never "nobody to fence".
func (a app) oldActive(ctx context.Context, data []byte) (target.Identity, error) {
	path := a.cfg.Parent + "/" + elector.BreadcrumbName
	remedy := "this node does not become active before it is known who must be fenced; make sure that no other node is " +
		"active, then delete the znode " + path
	node, err := target.ParseNodeInfo(data)
	if err != nil {
		return node, fmt.Errorf("the breadcrumb %s cannot be read: %w; %s", path, err, remedy)
	}
	if node.NameserviceID != a.cfg.Local.NameserviceID {
		return node, fmt.Errorf("the breadcrumb %s names nameservice %q, not %q: do two nameservices share this znode? Then give one another ha.zookeeper.parent-znode "+
			"(zookeeper.parentZnode); %s",
			path, node.NameserviceID, a.cfg.Local.NameserviceID, remedy)
	}
	for _, known := range append([]target.Identity{a.cfg.Local}, a.cfg.Others...) {
		if known.ServiceID != node.ServiceID {
			continue
		}
		if !sameNode(ctx, known, node) {
			return node, fmt.Errorf("Mismatched address stored in ZK for %s: Stored protobuf was %s, "+ //nolint:revive,staticcheck // the original's words
				"address from our own configuration for this node was %s; %s", node.ServiceID, node.Addr(), known.Addr(), remedy)
		}
		return node, nil
	}
	return node, fmt.Errorf("the breadcrumb %s names %s, which is not in this node's configuration; %s", path, node, remedy)
}

func (a app) fence(ctx context.Context, node target.Identity) error {
	name := a.nameOf(node)
	a.log.Info("Should fence: " + name)
	a.emit(EventFenceStart, node.ServiceID, 0)
	began := time.Now()
	err := a.askToStandDown(ctx, node)
	if err == nil {
		a.emit(EventFenceGraceful, "ok", time.Since(began))
		a.log.Info("Successfully transitioned " + name + " to standby state without fencing")
		return nil
	}
	a.emit(EventFenceGraceful, err.Error(), time.Since(began))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.log.Named(failoverClass).Warn("Unable to gracefully make "+name+" standby", zap.Error(err))
	began = time.Now()
	rec, err := a.cfg.Fencer.Fence(ctx, node)
	if err != nil {
		a.emit(EventFenceMethod, err.Error(), time.Since(began))
		if !errors.Is(err, fencing.ErrNotFenced) {
			err = fmt.Errorf("Unable to fence %s: %w", name, err) //nolint:revive,staticcheck // the original's words
		}
		return err
	}
	a.emit(EventFenceMethod, "ok: "+rec.Method, time.Since(began))
	return nil
}

func (a app) askToStandDown(ctx context.Context, node target.Identity) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.GracefulFence)
	defer cancel()
	s := a.cfg.Dial(node)
	defer s.Close()
	return s.TransitionToStandby(ctx, target.RequestByZKFC)
}

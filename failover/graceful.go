package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/healthcheck"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// now is the time in the count of Observed.Now.
func (c *Controller) now() time.Duration { return time.Since(c.epoch) }

// caller is who asks, for messages.
func caller(ctx context.Context) string {
	if i := hadooprpc.InfoFrom(ctx); i != nil {
		return fmt.Sprintf("%s at %s", i.User, i.Remote)
	}
	return "the local process"
}

// ServiceHangs tells another controller, which has to make this service stand down, that it need not wait for an answer. It
// implements target.ControllerServer.
func (c *Controller) ServiceHangs(ctx context.Context) (bool, error) {
	if i := hadooprpc.InfoFrom(ctx); i != nil && !c.allows(ctx, i.User) {
		return false, target.AccessDenied("Disallowed RPC access for %s", i.User)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent && c.health == healthcheck.NotResponding, nil
}

// allows is the original's rule: the user that runs the controller, and the administrators.
func (c *Controller) allows(ctx context.Context, user string) bool {
	return user == c.cfg.User || c.cfg.Admins.Allows(ctx, user)
}

func (c *Controller) allow(ctx context.Context) error {
	i := hadooprpc.InfoFrom(ctx)
	if i == nil {
		return nil
	}
	if c.allows(ctx, i.User) {
		c.log.Info("Allowed RPC access from " + caller(ctx))
		return nil
	}
	c.log.Warn("Disallowed RPC access from " + caller(ctx) + ". Not listed in the administrators")
	return target.AccessDenied("Disallowed RPC access for %s", i.User)
}

// CedeActive makes the service standby and keeps the node out of the election for millis milliseconds; zero or less lets
// it join again at once. It implements target.ZKFCServer.
func (c *Controller) CedeActive(ctx context.Context, millis int32) error {
	if err := c.allow(ctx); err != nil {
		return err
	}
	if millis <= 0 {
		c.mu.Lock()
		c.belief.HoldUntil = 0
		c.mu.Unlock()
		c.decide(HoldEnded)
		return nil
	}
	c.log.Info("Requested by " + caller(ctx) + " to cede active role.")
	c.emit(EventCede, fmt.Sprintf("%s, %d ms", caller(ctx), millis), 0)
	tellOnce(c.ceding)
	defer tellOnce(c.ceded)
	hold := time.Duration(millis) * time.Millisecond
	fence := c.standDown(ctx) != nil
	if fence {
		c.log.Warn("Quitting election but indicating that fencing is necessary")
	} else {
		c.log.Info("Successfully ensured local node is in standby mode")
	}
	c.mu.Lock()
	c.belief.HoldUntil = c.now() + hold
	c.belief.Expected, c.belief.Mismatches = target.Initializing, 0
	c.mu.Unlock()
	err := c.elector.Leave(ctx, fence)
	c.decide(HoldEnded)
	return err
}

// GracefulFailover makes the service of this node the active one, in order: the others are asked to stay out of the
// election, the active to cede, and then the election takes its course. It implements target.ZKFCServer.
//
// Two departures from the original. A controller that cannot be reached and is not active does not stop the failover
// (it cannot win the election in time). And a frozen or dead controller of the active does not fail it either, when
// its session ends and this node becomes active because of that.
func (c *Controller) GracefulFailover(ctx context.Context) (err error) {
	if err = c.allow(ctx); err != nil {
		return err
	}
	began := time.Now()
	c.emit(EventFailoverRequested, caller(ctx), 0)
	// What was begun is finished, whether or not the one who asked waits for the answer: it may be the old active's
	// controller, which stops.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	defer func() {
		detail := "ok"
		if err != nil {
			detail = err.Error()
			c.log.Warn("graceful failover failed", zap.Error(err))
		}
		c.emit(EventFailoverDone, detail, time.Since(began))
	}()
	if err = c.eligible(); err != nil {
		return err
	}
	old, err := c.currentActive(ctx)
	if err != nil {
		return err
	}
	if sameNode(ctx, old, c.cfg.Local) {
		c.log.Info("Local node " + c.name + " is already active. No need to failover. Returning success.")
		return nil
	}
	var peers []Peer
	defer func() {
		c.letRejoin(ctx, peers)
		for _, p := range peers {
			p.Close()
		}
	}()
	for _, o := range c.cfg.Others {
		peers = append(peers, c.cfg.DialPeer(o))
	}
	c.askOthers(ctx, old, peers)
	return c.takeOver(ctx, old, peers)
}

func (c *Controller) eligible() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health != healthcheck.Healthy {
		return target.Refused("%s is not currently healthy. Cannot be failover target", c.name)
	}
	if c.belief.Expected == target.Observer {
		return target.Refused("%s is in observer state. Cannot be failover target", c.name)
	}
	return nil
}

func (c *Controller) currentActive(ctx context.Context) (target.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, cedeDeadline)
	defer cancel()
	data, err := c.elector.ActiveData(ctx)
	if errors.Is(err, elector.ErrNoActive) {
		return target.Identity{}, target.Refused("No other node is currently active.")
	}
	if err != nil {
		return target.Identity{}, fmt.Errorf("Unexpected ZooKeeper issue fetching active node info: %w", err) //nolint:revive,staticcheck // the original's words
	}
	id, err := target.ParseNodeInfo(data)
	if err != nil {
		return id, fmt.Errorf("the lock %s/%s cannot be read: %w", c.cfg.Parent, elector.LockName, err)
	}
	return id, nil
}

// askOthers asks all nodes but the active to stay out for a while, all at a time.
func (c *Controller) askOthers(ctx context.Context, old target.Identity, peers []Peer) {
	ctx, cancel := context.WithTimeout(ctx, peerDeadline)
	defer cancel()
	var wg sync.WaitGroup
	for i, o := range c.cfg.Others {
		if o.ServiceID == old.ServiceID {
			continue
		}
		wg.Go(func() {
			c.log.Info(fmt.Sprintf("Asking %s to cede its active state for %dms", o, cedeDeadline.Milliseconds()))
			if err := peers[i].CedeActive(ctx, int32(cedeDeadline.Milliseconds())); err != nil {
				c.log.Warn("it is not active and cannot be asked: going on without it", zap.Stringer("peer", o), zap.Error(err))
			}
		})
	}
	wg.Wait()
}

// takeOver asks the active to cede and waits for this node's own attempt to become active.
func (c *Controller) takeOver(ctx context.Context, old target.Identity, peers []Peer) error {
	i := slices.IndexFunc(c.cfg.Others, func(o target.Identity) bool { return o.ServiceID == old.ServiceID })
	if i < 0 {
		return target.Refused("the active node %s is not in this node's configuration: it cannot be asked to cede", old)
	}
	began := time.Now()
	asking, cancel := context.WithTimeout(ctx, cedeDeadline)
	defer cancel()
	c.log.Info(fmt.Sprintf("Asking %s to cede its active state for %dms", old, cedeDeadline.Milliseconds()))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	ceded := make(chan error, 1)
	wg.Go(func() { ceded <- peers[i].CedeActive(asking, int32(cedeDeadline.Milliseconds())) })

	patience := time.NewTimer(electionPatience)
	defer patience.Stop()
	var refused error
	for {
		c.mu.Lock()
		health, last, news := c.health, c.last, c.news
		c.mu.Unlock()
		if !last.at.Before(began) {
			return c.outcome(last)
		}
		if health != healthcheck.Healthy {
			return target.Refused("Unable to become active. Service became unhealthy while trying to failover.")
		}
		select {
		case <-news:
		case err := <-ceded:
			ceded = nil
			if errors.Is(err, target.ErrRefused) {
				return err
			}
			if err != nil {
				// If its controller is dead, its session ends now, and that is as good as ceding.
				c.log.Warn("the controller of the active cannot be asked to cede: waiting for its session to expire", zap.Error(err))
				refused = fmt.Errorf("the controller of the active, at %s, cannot be asked to cede: %w", old.ZKFCAddr(), err)
				patience.Reset(2*c.cfg.SessionTimeout + standbyDeadline)
			}
		case <-patience.C:
			if refused != nil {
				return refused
			}
			return target.Refused("Unable to become active. Local node did not get an opportunity to do so from ZooKeeper, " +
				"or the local node took too long to transition to active.")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Controller) outcome(a attempt) error {
	if a.err != nil {
		return target.Refused("Failed to become active. %s", a.err)
	}
	c.log.Info("Successfully became active. Successfully transitioned " + c.name + " to active state")
	return nil
}

// letRejoin lifts the prohibitions, so that a failback is possible at once. Who cannot be told comes back by itself.
func (c *Controller) letRejoin(ctx context.Context, peers []Peer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), peerDeadline)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() {
			if err := p.CedeActive(ctx, -1); err != nil {
				c.log.Debug("a peer could not be told to join the election again", zap.Error(err))
			}
		})
	}
	wg.Wait()
}

package failover

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
)

// ErrRestart says, as the cause of the end of Run's context, that the controller is about to be started again: an active
// node keeps its role, and session and lock are left to the successor, which has the rest of the session's life to
// resume them. The other nodes notice nothing.
var ErrRestart = errors.New("the controller is to be started again")

// handOver ends this node's part in the election. A standby leaves. An active node asks another controller to take over,
// which makes the service here standby and deletes the breadcrumb: nobody is fenced. If no other can, the service stays
// active, as it does with the original: a stopped controller is no reason to have no active service at all. The
// breadcrumb stays then, so that who becomes active later asks this service to stand down.
func (c *Controller) handOver(ctx context.Context, cause error) {
	ctx, cancel := context.WithTimeout(ctx, standbyDeadline+c.cfg.SessionTimeout+time.Duration(len(c.cfg.Others))*successorDeadline)
	defer cancel()
	state := c.elector.State()
	c.mu.Lock()
	active := state == elector.Active || c.belief.Expected == target.Active // made so just now
	c.mu.Unlock()
	if errors.Is(cause, ErrRestart) && (active || state == elector.Neutral) {
		c.log.Info("stopping for a restart: role, session and lock stay for the successor")
		c.emit(EventKept, "", 0)
		c.elector.Keep()
		return
	}
	if active {
		c.log.Info("stopping: handing the active role over")
		if c.findSuccessor(ctx) { // it has left in order when it was asked to cede
			return
		}
		c.log.Warn("no other node takes over: the service stays active, without a controller")
		c.emit(EventUnattended, "no other node takes over", 0)
	}
	if err := c.elector.Leave(ctx, active); err != nil {
		c.log.Warn("the session could not be closed: the lock stays until it expires", zap.Error(err))
	}
}

// findSuccessor asks the other controllers, one after the other, to take over, and returns whether one has begun to: it
// has then asked this one to cede, which is done, however long it took.
func (c *Controller) findSuccessor(ctx context.Context) bool {
	var asked sync.WaitGroup
	defer asked.Wait()
	for _, o := range c.cfg.Others {
		forget(c.ceding)
		forget(c.ceded)
		asking, cancel := context.WithTimeout(ctx, successorDeadline)
		answer := make(chan error, 1)
		asked.Go(func() {
			p := c.cfg.DialPeer(o)
			defer p.Close()
			answer <- p.GracefulFailover(asking)
		})
		var err error
		ceding := true
		select {
		case <-c.ceding:
		case err = <-answer:
			ceding = forget(c.ceding)
		}
		if ceding {
			select {
			case <-c.ceded:
			case <-ctx.Done():
			}
		}
		cancel()
		if ceding {
			return true
		}
		c.log.Warn("it does not take over", zap.Stringer("peer", o), zap.Error(err))
	}
	return false
}

// tellOnce leaves a token in a channel for one, unless there is one already; forget takes it away, and returns whether there was one.
func tellOnce(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func forget(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

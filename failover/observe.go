package failover

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
)

// The original's classes, without their package: operators search logs for what one of them says. What has no name here is
// its ZKFailoverController's.
const (
	electorClass  = "ActiveStandbyElector"
	healthClass   = "HealthMonitor"
	failoverClass = "FailoverController"
)

// observe turns the elector's notifications into log lines, in the original's words, and events.
func (c *Controller) observe(n elector.Notification) {
	c.mu.Lock()
	c.lockID = n.Lock
	switch n.What {
	case elector.SessionConnected:
		c.linked = true
	case elector.SessionDisconnected, elector.SessionExpired, elector.SessionClosed:
		c.linked = false
	}
	c.mu.Unlock()
	switch {
	case n.What != 0:
		c.told(n)
	case n.Step != elector.None:
		c.stepped(n)
	}
}

// stepped is the end of a step. Those of the service and of fencing are told where they are done.
func (c *Controller) stepped(n elector.Notification) {
	switch {
	case n.Step == elector.CreateLock:
		c.created = n.Took // owned by the elector's goroutine
	case n.Step == elector.ReadBreadcrumb && n.Code == elector.NoNode:
		c.emit(EventBreadcrumbRead, "none", n.Took)
	case n.Step == elector.ReadBreadcrumb && n.Code == elector.OK:
		whose := "unreadable"
		if id, err := target.ParseNodeInfo(n.Data); err == nil {
			whose = id.ServiceID
		}
		c.emit(EventBreadcrumbRead, whose, n.Took)
	case (n.Step == elector.CreateBreadcrumb || n.Step == elector.UpdateBreadcrumb) && n.Code == elector.OK:
		c.emit(EventBreadcrumbWritten, "", n.Took)
	}
}

func (c *Controller) told(n elector.Notification) {
	log := c.log.Named(electorClass)
	info := func(text, event, detail string) {
		log.Info(text)
		if event != "" {
			c.emit(event, detail, n.Took)
		}
	}
	switch n.What {
	case elector.Joined:
		c.awaitSession()
		c.emit(EventElectionJoined, "", 0)
	case elector.Yielding:
		c.connected()
		info("Yielding from election", EventElectionQuit, "")
	case elector.SessionConnected:
		c.connected()
		info("Session connected.", EventConnected, n.Detail)
	case elector.SessionDisconnected:
		info("Session disconnected. Entering neutral mode...", EventNeutral, "")
	case elector.SessionExpired:
		c.awaitSession()
		info("Session expired. Entering neutral mode and rejoining...", EventSessionExpired, "")
	case elector.SessionClosed:
		c.emit(EventSessionClosed, "", n.Took)
	case elector.LockLost:
		info("the lock is free", EventLockLost, "")
	case elector.LockHeldByOldSelf:
		info("The lock is held by an earlier session of this node, whose service is active and stays so until it expires", "", "")
	case elector.LockAcquired:
		n.Took, c.created = c.created, 0
		info("Checking for any old active which needs to be fenced...", EventLockAcquired, "")
	case elector.NoBreadcrumb:
		info("No old node to fence", "", "")
	case elector.OldBreadcrumb:
		info("Old node exists: "+n.Detail, "", "")
	case elector.OwnBreadcrumb:
		info("But old node has our own data, so don't need to fence it.", "", "")
	case elector.WritingBreadcrumb:
		info("Writing znode "+c.cfg.Parent+"/"+elector.BreadcrumbName+
			" to indicate that the local node is the most recent active...", "", "")
	case elector.BreadcrumbKept:
		log.Warn("Unable to delete our own bread-crumb of being active at "+c.cfg.Parent+"/"+elector.BreadcrumbName+
			". Expecting to be fenced by the next active.", zap.Error(n.Tell.Err))
	case elector.Retrying:
		log.Error("the election cannot go on, trying again", zap.Error(n.Tell.Err))
		c.emit(EventElectionFailed, n.Tell.Err.Error(), 0)
	case elector.FailedToBecomeActive:
		log.Warn("Exception handling the winning of election", zap.Error(n.Tell.Err))
		log.Info("Trying to re-establish ZK session")
		c.emit(EventElectionFailed, n.Tell.Err.Error(), 0)
		if n.Detail != elector.Fence.String() && n.Detail != elector.BecomeActive.String() {
			c.record(fmt.Errorf("the election failed: %w", n.Tell.Err))
		}
	}
}

// awaitSession gives up when no session is opened for too long, if that is wanted. The original gives up always.
func (c *Controller) awaitSession() {
	if c.cfg.ReconnectPatience <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = time.AfterFunc(c.cfg.ReconnectPatience, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.waiting != nil {
				c.giveUp(ErrNoZooKeeper)
			}
		})
	}
}

// connected ends awaitSession.
func (c *Controller) connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting != nil {
		c.waiting.Stop()
		c.waiting = nil
	}
}

// Status is what a controller tells of itself.
type Status struct {
	Node        string `json:"node"`
	Nameservice string `json:"nameservice"`
	Address     string `json:"address"`
	Health      string `json:"health"`   // SERVICE_HEALTHY, …
	Service     string `json:"service"`  // what the service says of itself: active, standby, …
	Expected    string `json:"expected"` // what the controller has made it; initializing: it claims nothing
	Election    string `json:"election"` // INIT, ACTIVE, STANDBY, NEUTRAL
	Active      bool   `json:"active"`   // this node holds the lock and has made its service active
	Lock        string `json:"lock"`     // creation zxid of the lock seen last
	HeldMillis  int64  `json:"heldMillis"`
	ZooKeeper   bool   `json:"zookeeper"`   // this node has a session, and it is connected
	CheckMillis int64  `json:"checkMillis"` // since the last health check ended
	Live        bool   `json:"live"`        // the controller does its work
}

// Status is the present state of the controller.
func (c *Controller) Status() Status {
	election := c.elector.State()
	c.mu.Lock()
	defer c.mu.Unlock()
	age := time.Since(c.lastSeen)
	return Status{
		Node: c.cfg.Local.ServiceID, Nameservice: c.cfg.Local.NameserviceID, Address: c.cfg.Local.Addr(),
		Health: c.health.String(), Service: c.reported.String(), Expected: c.belief.Expected.String(),
		Election: election.String(), Active: election == elector.Active,
		Lock:       fmt.Sprintf("0x%x", c.lockID),
		HeldMillis: max(0, (c.belief.HoldUntil - c.now()).Milliseconds()),
		ZooKeeper:  c.linked, CheckMillis: age.Milliseconds(), Live: age < c.patience(),
	}
}

// patience is how long the health monitor may say nothing. It is silent during a transition, which is bounded, too.
func (c *Controller) patience() time.Duration {
	return 2*c.cfg.Health.Deadline + c.cfg.Health.Interval + c.cfg.NewActive + standbyDeadline + silenceMargin
}

// Package failover keeps exactly one service of a nameservice active: it watches the health of the service beside it,
// takes part in the election over ZooKeeper, fences the old active and promotes its own service. One Controller runs
// beside each service, as the original's ZKFailoverController does.
//
// The parts:
//
//	healthcheck.Monitor   health of the local service           -> states
//	Decide (decide.go)    PURE: what was observed               -> join, quit, wait, give up
//	elector.Elector       the lock znode and the breadcrumb     -> fence, become active, become standby
//	Controller            the driver: carries out what the three above want, one transition of the service at a time
//
// What it guarantees: transitionToActive is sent only while this node's session was last seen to own the lock, and
// only after the node named by the breadcrumb has been made standby by itself or by a fencing method that reported
// success. What it does not guarantee: that the lock is still owned at the moment the service becomes active (no
// client of a lock service can); the service's own journal epochs close that gap.
//
// It ends in one of two ways: for good (another node is asked to take over; the service stays active if none can), or for
// a restart (ErrRestart: role, session and lock stay for the next run). stop.go has both.
//
// Each step is told to one Listener as an Event; logs, metrics and the events file are made from them.
package failover

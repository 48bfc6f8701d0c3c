package failover

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Event is one step of a controller's life. Its JSON form, one object per line, is what `zkfc -events FILE` writes.
type Event struct {
	// Time is when the step happened (steps with a duration: when it ended).
	Time time.Time `json:"time"`
	// Node is the service id of the node that tells it ("nn1").
	Node string `json:"node"`
	// Name is one of the Event... constants.
	Name string `json:"event"`
	// Correlation is the same for all the steps of one failover, on every node: the nameservice and the creation zxid of
	// the lock znode whose end began it ("ns1/0x1a"; "ns1/0x0" before a first lock has been seen).
	Correlation string `json:"correlation"`
	// Detail says more, in words; may be empty.
	Detail string `json:"detail,omitempty"`
	// Millis is how long the step took, in milliseconds; 0 for a moment.
	Millis float64 `json:"millis"`
}

// The names of events, in the order of a failover. Those marked (ms) carry a duration.
const (
	// EventStarted: the controller runs.
	EventStarted = "started"
	// EventServiceDown: the connection of the health checks was closed by the service.
	EventServiceDown = "service-down"
	// EventHealthChanged: the health state changed; Detail is the new state, such as SERVICE_NOT_RESPONDING.
	EventHealthChanged = "health-changed"
	// EventDiagnosed: the service that is not healthy was asked for its threads; Detail is "ok" or the error (ms).
	EventDiagnosed = "diagnosed"
	// EventLogTail: the end of the log of a service that is not healthy was read; Detail is "ok" or the error (ms).
	EventLogTail = "log-tail"
	// EventReturned: the service hung while it was active, and is back and still active: it is made standby at once.
	EventReturned = "returned-active"
	// EventSelfFenced: the service that hung while it was active was stopped; Detail is "ok" or the error (ms).
	EventSelfFenced = "self-fenced"
	// EventStateChanged: the service changed its HA state behind the controller's back.
	EventStateChanged = "state-changed"
	// EventElectionJoined: the node wants the lock from now on.
	EventElectionJoined = "election-joined"
	// EventElectionQuit: the node gives up the lock, or its place in the election.
	EventElectionQuit = "election-quit"
	// EventSessionClosed: the ZooKeeper session is closed, its lock is gone (ms).
	EventSessionClosed = "session-closed"
	// EventLockLost: the lock that this node watched, or held, is gone.
	EventLockLost = "lock-lost"
	// EventLockAcquired: this node's session owns the lock (ms since it asked for it).
	EventLockAcquired = "lock-acquired"
	// EventBreadcrumbRead: the breadcrumb was read; Detail tells whose it is (ms).
	EventBreadcrumbRead = "breadcrumb-read"
	// EventFenceStart: an old active has to be fenced; Detail names it.
	EventFenceStart = "fence-start"
	// EventFenceGraceful: the old active was asked to become standby; Detail is "ok" or the error (ms).
	EventFenceGraceful = "fence-graceful"
	// EventFenceMethod: the configured fencing methods were run; Detail is "ok" or the error (ms).
	EventFenceMethod = "fence-method"
	// EventFenceDone: the old active is fenced (ms since fence-start).
	EventFenceDone = "fence-done"
	// EventFenceFailed: no method fenced the old active; the lock is given up (ms since fence-start).
	EventFenceFailed = "fence-failed"
	// EventBreadcrumbWritten: the breadcrumb names this node (ms).
	EventBreadcrumbWritten = "breadcrumb-written"
	// EventPromoteStart: transitionToActive is sent.
	EventPromoteStart = "promote-start"
	// EventPromoteDone: transitionToActive has returned, the service is active (ms).
	EventPromoteDone = "promote-done"
	// EventPromoteFailed: the service did not become active; the lock is given up (ms).
	EventPromoteFailed = "promote-failed"
	// EventStandbyDone: transitionToStandby has returned, the service is standby (ms).
	EventStandbyDone = "standby-done"
	// EventStandbyFailed: transitionToStandby failed; Detail is the error (ms).
	EventStandbyFailed = "standby-failed"
	// EventElectionFailed: a step of the election failed (breadcrumb unreadable, parent znode gone, …); Detail says which.
	EventElectionFailed = "election-failed"
	// EventConnected: the ZooKeeper session is connected; Detail is the session id.
	EventConnected = "session-connected"
	// EventNeutral: ZooKeeper is not reachable, nothing is decided until it is.
	EventNeutral = "neutral"
	// EventSessionExpired: ZooKeeper ended the session, leadership with it.
	EventSessionExpired = "session-expired"
	// EventCede: another controller asked this node to cede; Detail has its user and the milliseconds.
	EventCede = "cede"
	// EventFailoverRequested: somebody asked this node to become active in an orderly way.
	EventFailoverRequested = "failover-requested"
	// EventFailoverDone: the orderly failover ended; Detail is "ok" or the error (ms).
	EventFailoverDone = "failover-done"
	// EventKept: the controller stops and leaves role, session and lock to its successor on this node.
	EventKept = "session-kept"
	// EventUnattended: the controller stops, nobody takes over, and the service stays active; Detail says why.
	EventUnattended = "left-active"
	// EventStopped: the controller has stopped.
	EventStopped = "stopped"
)

// Listener is told each event, in order, from the goroutine in which it happened: it must return at once.
type Listener func(Event)

// Listeners is a listener that tells several, in order. Nil ones are left out.
func Listeners(ls ...Listener) Listener {
	return func(e Event) {
		for _, l := range ls {
			if l != nil {
				l(e)
			}
		}
	}
}

// JSONLines returns a listener that writes each event to w as one line of JSON in one Write. It may be used from several
// goroutines. Errors of w are dropped: the record of a failover must never stop it.
func JSONLines(w io.Writer) Listener {
	var mu sync.Mutex
	return func(e Event) {
		line, err := json.Marshal(e)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write(append(line, '\n'))
	}
}

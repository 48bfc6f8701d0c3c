package elector

import "time"

// State is what the node is in the election, in the original's words.
type State int

// The states.
const (
	// Init: not in the election, or nothing is known yet.
	Init State = iota
	// Active: the lock is ours, and the service has been made active.
	Active
	// Standby: the lock is another's, and the service has been made standby.
	Standby
	// Neutral: ZooKeeper is away, or the lock has just gone: the service is left as it is.
	Neutral
)

func (s State) String() string {
	switch s {
	case Init:
		return "INIT"
	case Active:
		return "ACTIVE"
	case Standby:
		return "STANDBY"
	default:
		return "NEUTRAL"
	}
}

// Code is how a ZooKeeper request, or a step of the application, ended.
type Code int

// The codes.
const (
	OK Code = iota
	NodeExists
	NoNode
	BadVersion
	// Lost: the connection broke, it is unknown whether the request was done.
	Lost
	// Failure is any other error, of ZooKeeper or of the application.
	Failure
)

// Event is something that happened to the machine.
type Event interface{ event() }

// The events. Those of steps carry the number of the step that they answer; answers to given-up steps are ignored.
type (
	// Join asks for a place in the election; Data is what the lock will hold. Active tells that the service is active
	// already: it may be so by an earlier session of this node that still holds the lock.
	Join struct {
		Data   []byte
		Active bool
	}
	// Quit gives up the lock, or the place. Fence keeps the breadcrumb, so that the next active fences this node.
	Quit struct{ Fence bool }
	// Connected tells that the session is usable, for the first time or again. Session is its id.
	Connected struct{ Session int64 }
	// Disconnected tells that the connection to ZooKeeper broke; the session may live on.
	Disconnected struct{}
	// Expired tells that the server has ended the session.
	Expired struct{}
	// Closed tells that the client that Close spoke of is gone.
	Closed struct{}
	// LockDeleted is the watch on the lock: it fired, the lock is gone.
	LockDeleted struct{}
	// LockChanged is the watch on the lock: it fired for another reason.
	LockChanged struct{}
	// Done answers the step with the number N.
	Done struct {
		N       uint64
		Code    Code
		Err     error  // for Failure
		Owner   int64  // CheckLock: ephemeralOwner
		Czxid   int64  // CheckLock: when the lock was created
		Data    []byte // ReadBreadcrumb, ReadLock
		Version int32  // ReadBreadcrumb
	}
)

func (Join) event()         {}
func (Quit) event()         {}
func (Connected) event()    {}
func (Disconnected) event() {}
func (Expired) event()      {}
func (Closed) event()       {}
func (LockDeleted) event()  {}
func (LockChanged) event()  {}
func (Done) event()         {}

// Step is the kind of a step: work that ends with a Done.
type Step int

// The steps.
const (
	None Step = iota
	CreateLock
	CheckLock // exists, with watch
	ReadLock
	ReadBreadcrumb
	Fence
	CreateBreadcrumb
	UpdateBreadcrumb
	BecomeActive
	BecomeStandby
	DeleteBreadcrumb // get, compare with Data, delete with the version read
	Wait
)

var stepNames = [...]string{
	"none", "create lock", "check lock", "read lock", "read breadcrumb", "fence", "create breadcrumb",
	"update breadcrumb", "become active", "become standby", "delete breadcrumb", "wait",
}

func (s Step) String() string { return stepNames[s] }

// Action is something that the driver has to do.
type Action interface{ action() }

// The actions, to be done in order.
type (
	// Do begins a step; its end is told by a Done with the same N.
	Do struct {
		N       uint64
		Step    Step
		Data    []byte
		Version int32
		Delay   time.Duration // Wait
	}
	// Cancel ends the step that is under way; its Done will be ignored.
	Cancel struct{}
	// Open makes a client; Connected follows, sooner or later.
	Open struct{}
	// Close closes the client and with it the session; Closed follows.
	Close struct{}
	// Enter tells that the state has changed.
	Enter struct{ State State }
	// Tell is a message to the observer.
	Tell struct {
		What   Notice
		Detail string
		Err    error
	}
)

func (Do) action()     {}
func (Cancel) action() {}
func (Open) action()   {}
func (Close) action()  {}
func (Enter) action()  {}
func (Tell) action()   {}

// Notice is what an observer can be told.
type Notice int

// The notices.
const (
	Joined Notice = iota + 1
	Yielding
	SessionConnected
	SessionDisconnected
	SessionExpired
	LockAcquired
	LockLost
	LockHeldByOther
	LockHeldByOldSelf // by an earlier session of this node
	NoBreadcrumb
	OwnBreadcrumb
	OldBreadcrumb // Detail: hex
	WritingBreadcrumb
	BreadcrumbKept // could not be deleted on leaving
	Retrying       // a step failed and will be done again
	FailedToBecomeActive
	SessionClosed // told by the driver
)

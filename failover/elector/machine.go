package elector

import (
	"bytes"
	"fmt"
	"time"
)

// Delays after failures.
const (
	// failureDelay is how long a node that could not become active stays away, so that others have their chance; it
	// doubles with each failure in a row up to maxFailureDelay. The original always waits failureDelay.
	failureDelay    = time.Second
	maxFailureDelay = 4 * time.Second
	// retryDelay is the pause before a request that ZooKeeper refused is made again.
	retryDelay = time.Second
)

type link int

const (
	linkNone    link = iota // no client
	linkOpening             // a client without a session yet
	linkUp
	linkDown    // had a session, the connection broke
	linkClosing // being closed
)

// Machine is one node's part in the election. The zero value is ready; it is not safe for concurrent use.
type Machine struct {
	state    State
	joined   bool
	data     []byte
	claim    bool // the service was active when the node joined, and nothing has been done to it since
	link     link
	session  int64
	n        uint64 // number of the last step
	step     Step   // the step under way
	recheck  bool   // the lock or the connection changed under the step: check the lock when it ends
	failures int
	holdOff  bool // wait before opening the next client
	lockID   int64
	version  int32 // of the breadcrumb that was read
	out      []Action
}

// State is the node's state.
func (m *Machine) State() State { return m.state }

// InElection tells whether the node has joined and not quit.
func (m *Machine) InElection() bool { return m.joined }

// LockID is the creation zxid of the lock that was seen last; 0 before any.
func (m *Machine) LockID() int64 { return m.lockID }

// Step takes one event and returns what is to be done.
func (m *Machine) Step(e Event) []Action {
	m.out = nil
	switch e := e.(type) {
	case Join:
		m.join(e)
	case Quit:
		m.quit(e.Fence)
	case Connected:
		m.connected(e.Session)
	case Disconnected:
		m.disconnected()
	case Expired:
		m.expired()
	case Closed:
		m.link = linkNone
		m.reopen()
	case LockDeleted:
		m.lockEvent(true)
	case LockChanged:
		m.lockEvent(false)
	case Done:
		m.done(e)
	}
	return m.out
}

func (m *Machine) emit(a ...Action) { m.out = append(m.out, a...) }

func (m *Machine) tell(n Notice, detail string, err error) { m.emit(Tell{n, detail, err}) }

func (m *Machine) enter(s State) {
	if m.state != s {
		m.state = s
		m.emit(Enter{s})
	}
}

func (m *Machine) do(d Do) {
	m.n++
	d.N = m.n
	m.step, m.recheck = d.Step, false
	m.emit(d)
}

func (m *Machine) cancel() {
	if m.step != None {
		m.step, m.recheck = None, false
		m.n++
		m.emit(Cancel{})
	}
}

func (m *Machine) join(e Join) {
	if m.joined {
		return
	}
	m.joined, m.data, m.claim, m.failures = true, bytes.Clone(e.Data), e.Active, 0
	m.tell(Joined, "", nil)
	if m.link == linkNone { // else the old session ends first
		m.reopen()
	}
}

// reopen makes a client when one is wanted, after a failure not at once.
func (m *Machine) reopen() {
	switch {
	case !m.joined || m.step != None:
	case m.holdOff:
		m.holdOff = false
		delay := failureDelay << min(m.failures-1, 8)
		m.do(Do{Step: Wait, Delay: min(delay, maxFailureDelay)})
	default:
		m.link = linkOpening
		m.emit(Open{})
	}
}

// quit leaves the election. The session is always closed: that is what frees the lock.
func (m *Machine) quit(fence bool) {
	wasActive := m.state == Active
	if m.joined {
		m.tell(Yielding, "", nil)
	}
	m.joined, m.holdOff = false, false
	m.cancel()
	m.enter(Init)
	switch {
	case m.link == linkNone || m.link == linkClosing:
	case !fence && wasActive && m.link == linkUp:
		m.do(Do{Step: DeleteBreadcrumb, Data: m.data})
	default:
		m.close()
	}
}

func (m *Machine) close() {
	m.link, m.session = linkClosing, 0
	m.emit(Close{})
}

func (m *Machine) connected(session int64) {
	if m.link != linkOpening && m.link != linkDown {
		return
	}
	again := m.link == linkDown
	m.link, m.session = linkUp, session
	m.tell(SessionConnected, fmt.Sprintf("0x%x", session), nil)
	switch {
	case m.step != None:
		m.recheck = true
	case !m.joined:
	case again:
		m.do(Do{Step: CheckLock})
	default:
		m.do(Do{Step: CreateLock, Data: m.data})
	}
}

func (m *Machine) disconnected() {
	if m.link != linkUp {
		return
	}
	m.link = linkDown
	m.tell(SessionDisconnected, "", nil)
	if m.step == DeleteBreadcrumb { // leaving
		m.cancel()
		m.tell(BreadcrumbKept, "", errGone)
		m.close()
		return
	}
	m.enter(Neutral)
}

func (m *Machine) expired() {
	if m.link == linkNone || m.link == linkClosing {
		return
	}
	m.tell(SessionExpired, "", nil)
	m.cancel()
	if m.joined {
		m.enter(Neutral)
	}
	m.close()
}

// lockEvent is the watch on the lock: gone, or changed in some other way.
func (m *Machine) lockEvent(gone bool) {
	if !m.joined || m.link != linkUp {
		return
	}
	if gone {
		m.tell(LockLost, "", nil)
	}
	if m.step != None { // not even becoming standby is interrupted: two transitions must not overtake each other
		m.recheck = true
		return
	}
	if !gone {
		m.do(Do{Step: CheckLock})
		return
	}
	if m.state == Active {
		m.enter(Neutral)
	}
	m.do(Do{Step: CreateLock, Data: m.data})
}

func (m *Machine) done(e Done) {
	if e.N != m.n || m.step == None {
		return
	}
	step, recheck := m.step, m.recheck
	m.step, m.recheck = None, false
	if step == DeleteBreadcrumb {
		if e.Code != OK && e.Code != NoNode {
			m.tell(BreadcrumbKept, "", failure(step, e))
		}
		m.close()
		return
	}
	if step == Wait && m.link == linkNone {
		m.reopen()
		return
	}
	if e.Code == Lost || m.link != linkUp {
		m.interrupted(step, e)
		return
	}
	if recheck && step != Fence && step != BecomeActive {
		m.do(Do{Step: CheckLock})
		return
	}
	m.next(step, e)
}

// interrupted goes on after a step during which the connection was lost: when it is back, the lock tells where we are.
func (m *Machine) interrupted(step Step, e Done) {
	if m.link == linkUp { // it is back already
		m.do(Do{Step: CheckLock})
		return
	}
	if (step == Fence || step == BecomeActive) && e.Code != OK {
		m.fail(step, e)
	}
}

// next is the normal course: what follows when a step has ended.
func (m *Machine) next(step Step, e Done) {
	switch {
	case step == CreateLock && e.Code == OK:
		m.won()
	case step == CreateLock && e.Code == NodeExists:
		m.tell(LockHeldByOther, "", nil)
		m.do(Do{Step: CheckLock})
	case step == CheckLock && e.Code == OK:
		m.checked(e)
	case step == CheckLock && e.Code == NoNode:
		m.tell(LockLost, "", nil)
		m.enter(Neutral)
		m.do(Do{Step: CreateLock, Data: m.data})
	case step == ReadLock && e.Code == NoNode:
		m.do(Do{Step: CreateLock, Data: m.data})
	case step == ReadLock:
		m.whose(e)
	case step == CreateLock || step == CheckLock:
		m.tell(Retrying, step.String(), failure(step, e))
		m.do(Do{Step: Wait, Delay: retryDelay})
	case step == Wait:
		m.do(Do{Step: CreateLock, Data: m.data})
	case step == ReadBreadcrumb && e.Code == NoNode:
		m.tell(NoBreadcrumb, "", nil)
		m.tell(WritingBreadcrumb, "", nil)
		m.do(Do{Step: CreateBreadcrumb, Data: m.data})
	case step == ReadBreadcrumb && e.Code == OK:
		m.found(e)
	case step == BecomeStandby:
		m.claim = false
		m.enter(Standby) // whether or not the service obeyed, as in the original: the health checks see the difference
	case e.Code != OK:
		m.fail(step, e)
	case step == Fence:
		m.write()
	case step == CreateBreadcrumb || step == UpdateBreadcrumb:
		m.do(Do{Step: BecomeActive})
	case step == BecomeActive:
		m.failures, m.claim = 0, false
		m.enter(Active)
		m.do(Do{Step: CheckLock})
	}
}

func (m *Machine) won() {
	m.tell(LockAcquired, "", nil)
	m.do(Do{Step: ReadBreadcrumb})
}

// checked is the answer to exists: whose lock is it? Ours it may be because a create was done whose answer was lost.
func (m *Machine) checked(e Done) {
	m.lockID = e.Czxid
	switch {
	case e.Owner == m.session && m.state == Active: // the watch is set, all is well
	case e.Owner == m.session:
		m.won()
	case m.state == Standby:
	case m.claim:
		m.do(Do{Step: ReadLock})
	default:
		m.do(Do{Step: BecomeStandby})
	}
}

// whose decides about a service that was active when this node joined, while another session holds the lock. If that is
// an earlier session of this very node, whose controller died or was stopped, nobody else can have become active since:
// the service stays active, and the end of that session is waited for. (The original makes its own service standby, and
// for the rest of that session nobody is active.)
func (m *Machine) whose(e Done) {
	if e.Code == OK && bytes.Equal(e.Data, m.data) {
		m.tell(LockHeldByOldSelf, "", nil)
		m.enter(Neutral)
		return
	}
	m.claim = false
	m.do(Do{Step: BecomeStandby})
}

// found decides whom the breadcrumb names.
func (m *Machine) found(e Done) {
	m.version = e.Version
	m.tell(OldBreadcrumb, fmt.Sprintf("%x", e.Data), nil)
	if !bytes.Equal(e.Data, m.data) {
		m.do(Do{Step: Fence, Data: e.Data})
		return
	}
	m.tell(OwnBreadcrumb, "", nil)
	m.write()
}

func (m *Machine) write() {
	m.tell(WritingBreadcrumb, "", nil)
	m.do(Do{Step: UpdateBreadcrumb, Data: m.data, Version: m.version})
}

// fail gives the lock up after a failure to become active, and stays away for a while. The state becomes Neutral, so
// that the service is told to be standby when the lock turns out to be another's: it may have heard us after all.
func (m *Machine) fail(step Step, e Done) {
	m.failures++
	m.tell(FailedToBecomeActive, step.String(), failure(step, e))
	m.enter(Neutral)
	m.holdOff = true
	m.close()
}

package failover

import (
	"time"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/healthcheck"
)

// mismatchHold is how long a node stays out of the election after its service changed its state behind the
// controller's back; the original's value.
const mismatchHold = time.Second

// Cause is what makes a decision necessary.
type Cause int

// The causes.
const (
	// HealthChanged: Observed.Health is new.
	HealthChanged Cause = iota
	// StateReported: the service has told its state, Observed.Reported.
	StateReported
	// Answered: the service has told its state, Observed.Reported; its health is still to be asked for.
	Answered
	// HoldEnded: the time during which the node was kept out of the election may be over.
	HoldEnded
)

// Observed is all that a decision depends on.
type Observed struct {
	Health healthcheck.State
	// Silent: the service does not answer in time, while nothing says that its process is gone.
	Silent bool
	// Reported is the HA state that the service told last.
	Reported target.State
	// Changing: a transition is under way, or began after the report; what was reported says nothing.
	Changing bool
	// Now, in the same count as Belief.HoldUntil.
	Now time.Duration
}

// Belief is what the controller remembers between decisions.
type Belief struct {
	// Expected is the state that the controller has brought the service into; Initializing: it claims nothing.
	Expected target.State
	// Mismatches counts the reports in a row that differ from Expected.
	Mismatches int
	// HoldUntil: the node stays out of the election until then.
	HoldUntil time.Duration
	// Retry: the node is out because its state changed unasked; the next report is an occasion to join again.
	Retry bool
	// Relinquished: the service hung while it was active, and the lock was given up. Should it wake up, it is still active,
	// and another node may be so by then.
	Relinquished bool
}

// Action is something that a decision wants done.
type Action int

// The actions.
const (
	// JoinElection asks for a place in the election.
	JoinElection Action = iota
	// QuitFenced leaves it so that the next active fences this node.
	QuitFenced
	// QuitClean leaves it in order.
	QuitClean
	// StayOut tells that the node would have joined, but is held out.
	StayOut
	// LookAgain asks for HoldEnded when HoldUntil is reached.
	LookAgain
	// TellMismatch tells that the service has changed its state unasked.
	TellMismatch
	// GiveUp ends the controller: its health monitor is broken.
	GiveUp
	// StandDown makes the service standby at once: it has woken up active.
	StandDown
	// FenceSelf stops the service, which hangs, if the controller is configured to.
	FenceSelf
)

func (a Action) String() string {
	return [...]string{"join", "quit-fenced", "quit-clean", "stay-out", "look-again", "mismatch", "give-up", "stand-down", "fence-self"}[a]
}

// Decide is the policy of a controller: pure, so that it can be read and tested as a table. It returns what to do and
// the new belief.
func Decide(c Cause, o Observed, b Belief) ([]Action, Belief) {
	switch c {
	case StateReported:
		return decideState(o, b)
	case Answered:
		return decideReturn(o, b)
	default:
		return decideElection(o, b)
	}
}

// decideElection: should this node be in the election?
func decideElection(o Observed, b Belief) ([]Action, Belief) {
	if o.Health == healthcheck.Failed {
		b.Expected = target.Initializing
		return []Action{QuitFenced, GiveUp}, b
	}
	if o.Now < b.HoldUntil {
		if o.Health == healthcheck.Healthy {
			return []Action{StayOut, LookAgain}, b
		}
		return []Action{LookAgain}, b
	}
	switch o.Health {
	case healthcheck.Healthy:
		b.Retry = false
		if b.Expected == target.Observer || o.Reported == target.Observer {
			b.Expected = target.Observer // an observer is nobody's candidate
			return nil, b
		}
		return []Action{JoinElection}, b
	case healthcheck.Initializing:
		b.Expected = target.Initializing
		return []Action{QuitClean}, b
	default:
		wasActive := b.Expected == target.Active
		b.Relinquished = b.Relinquished || wasActive && o.Health == healthcheck.NotResponding
		b.Expected = target.Initializing
		if wasActive && o.Silent {
			return []Action{QuitFenced, FenceSelf}, b
		}
		return []Action{QuitFenced}, b
	}
}

// decideReturn: the first answer of a service after a hang. That of one that was active when it hung decides whether it
// must be made standby: at once, not when the election has been joined again.
func decideReturn(o Observed, b Belief) ([]Action, Belief) {
	if !b.Relinquished || o.Changing {
		return nil, b
	}
	b.Relinquished = false
	if o.Reported == target.Active {
		return []Action{StandDown}, b
	}
	return nil, b
}

// decideState: is the service in the state that it was brought into? One difference may be a report that crossed a
// transition; two in a row are a hand behind the controller's back.
func decideState(o Observed, b Belief) ([]Action, Belief) {
	switch {
	case o.Changing:
		return nil, b
	case b.Expected == target.Initializing:
		if b.Retry {
			return decideElection(o, b)
		}
		return nil, b
	case o.Reported == target.Observer:
		if b.Expected == target.Observer {
			return nil, b
		}
		b.Expected, b.Mismatches = target.Observer, 0
		return []Action{QuitFenced}, b
	case b.Expected == target.Observer: // made standby by hand: a candidate again
		b.Expected, b.Mismatches = target.Initializing, 0
		return decideElection(o, b)
	case o.Reported == b.Expected:
		b.Mismatches = 0
		return nil, b
	case b.Mismatches == 0:
		b.Mismatches = 1
		return nil, b
	default:
		b.Expected, b.Mismatches = target.Initializing, 0
		b.HoldUntil = o.Now + mismatchHold
		b.Retry = true
		return []Action{TellMismatch, QuitFenced, LookAgain}, b
	}
}

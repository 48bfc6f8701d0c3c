// Package history records what clients of a coordination service asked and were told, and judges it.
//
//	time ------------------------------------------------------------------>
//	session 1   |-- set x a ----| ok 1       |-- set x c ----- ... unknown: it may happen at any later time, or never
//	session 2        |-- set x b ---| ok 2      |- sync -||- read x -| b 2
//
// Three things are promised to clients, and each has its judge:
//
//   - writes are linearizable: each takes effect at one moment between its call and its return (Writes, by porcupine);
//   - what one session sees never goes back, its own writes included, and each read shows a state that there was (Sessions);
//   - a read behind a sync shows everything that was acknowledged before the sync was called (Writes again: such a read is
//     linearizable, if it is taken to begin with the sync).
//
// Plain reads promise no more than the second: they may be old.
//
// The keys are registers: znodes that exist or not, with a value and a version. Values must be unique, so that a read tells
// which write it saw. A write that was done twice is found by the versions.
//
// The same records come from the simulator (virtual time) and from tests of real processes (a monotonic clock).
package history

import (
	"fmt"
	"math"
	"strings"
	"sync"
)

// Kind says what an operation does.
type Kind uint8

// The kinds of operations.
const (
	Create Kind = iota
	Set
	Delete
	Read // of data and Stat, or that there is no such znode
	Sync
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"create", "set", "delete", "read", "sync"}[k]
}

// Outcome says what the client knows.
type Outcome uint8

// The outcomes. The zero value is Unknown: an operation whose End never comes stays open.
const (
	// Unknown : the connection was lost, or the answer said nothing. The operation may have happened or may happen yet.
	Unknown Outcome = iota
	// OK : it happened, and the answer's fields are set.
	OK
	// Refused : it did not happen, for the reason in Reason.
	Refused
	// Never : it certainly did not happen and nothing follows from it (it was not even sent).
	Never
)

// Reason says why an operation was refused.
type Reason uint8

// The reasons.
const (
	NoReason Reason = iota
	NodeExists
	NoNode
	BadVersion
)

// String names the reason.
func (r Reason) String() string {
	return [...]string{"no reason", "node exists", "no node", "bad version"}[r]
}

// AnyVersion makes Set and Delete unconditional.
const AnyVersion int32 = -1

// Forever is the Return of what never returned.
const Forever = int64(math.MaxInt64)

// Op is one operation. Call and Return are of one clock for all sessions, which never goes back; any unit.
type Op struct {
	Session int64 // the operations of one session, by Call, are its program order
	Kind    Kind
	Key     string
	Value   string // Create, Set: what to write, unique. Read: what was read
	Expect  int32  // Set, Delete: the version demanded, or AnyVersion

	Call, Return int64
	Outcome      Outcome
	Reason       Reason
	Found        bool  // Read: there is such a znode
	Version      int32 // Set, Read: the znode's version by the answer
	// Mzxid is the zxid of the write itself or, of a Read that found a znode, of the write it saw. 0: not known.
	Mzxid int64
	// Seen is the zxid in the header of the answer: the server's state the answer was made from. 0: not known.
	Seen int64
}

// String is one line for a human.
func (o *Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "session %#x %s %s", o.Session, o.Kind, o.Key)
	switch o.Kind {
	case Create:
		fmt.Fprintf(&b, " %q", o.Value)
	case Set:
		fmt.Fprintf(&b, " %q version %d", o.Value, o.Expect)
	case Delete:
		fmt.Fprintf(&b, " version %d", o.Expect)
	case Read, Sync:
	}
	fmt.Fprintf(&b, " [%d,", o.Call)
	if o.Return == Forever {
		b.WriteString("...)")
	} else {
		fmt.Fprintf(&b, "%d]", o.Return)
	}
	switch o.Outcome {
	case Unknown:
		b.WriteString(" unknown")
	case Never:
		b.WriteString(" never sent")
	case Refused:
		fmt.Fprintf(&b, " refused: %s", o.Reason)
	case OK:
		b.WriteString(" ok")
		if o.Kind == Read && !o.Found {
			b.WriteString(" none")
		} else if o.Kind == Read {
			fmt.Fprintf(&b, " %q", o.Value)
		}
		fmt.Fprintf(&b, " version %d mzxid %#x seen %#x", o.Version, o.Mzxid, o.Seen)
	}
	return b.String()
}

// Recorder collects operations. It may be used by several goroutines; the zero value is empty.
type Recorder struct {
	mu  sync.Mutex
	ops []Op
}

// Begin records a call, before it is sent, and gives it a number. Outcome stays Unknown and Return Forever until End.
func (r *Recorder) Begin(o Op) int {
	o.Outcome, o.Return = Unknown, Forever
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, o)
	return len(r.ops) - 1
}

// End records the answer to the call with that number: fn fills in the operation's fields. What is left Unknown keeps
// Return Forever.
func (r *Recorder) End(number int, now int64, fn func(*Op)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &r.ops[number]
	fn(o)
	if o.Outcome != Unknown {
		o.Return = now
	}
}

// Len is how many operations were begun.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// Ops is a copy of what was recorded so far, by time of the call if the callers' clock is in order.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Op(nil), r.ops...)
}

// Violation is a promise that was broken.
type Violation struct {
	Promise string
	Key     string
	Ops     []Op // the operations concerned, if few
	Detail  string
}

// Error implements error.
func (v *Violation) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "history: %s: key %s: %s", v.Promise, v.Key, v.Detail)
	for i := range v.Ops {
		fmt.Fprintf(&b, "\n    %s", v.Ops[i].String())
	}
	return b.String()
}

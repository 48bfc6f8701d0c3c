package zab

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/zkserver/election"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Role is what this server is: LOOKING, FOLLOWING, LEADING or OBSERVING.
type Role = election.State

// The four roles.
const (
	Looking   = election.Looking
	Following = election.Following
	Leading   = election.Leading
	Observing = election.Observing
)

// Phase is how far the role has got.
type Phase int32

// The phases of Zab, in order.
const (
	Election Phase = iota
	Discovery
	Synchronization
	Broadcast
)

// String is the original's name of the phase.
func (p Phase) String() string {
	switch p {
	case Election:
		return "ELECTION"
	case Discovery:
		return "DISCOVERY"
	case Synchronization:
		return "SYNCHRONIZATION"
	case Broadcast:
		return "BROADCAST"
	}
	return fmt.Sprintf("UNKNOWN(%d)", int32(p))
}

// Status is where the node stands. Only in phase BROADCAST may a server answer clients.
type Status struct {
	Role   Role
	Phase  Phase
	Leader Sid    // quorum.None while unknown
	Epoch  uint32 // of the leader once it is known, else the current epoch
	// Changes counts how often the role was given up. When it is not what it was, everything that belongs to the former
	// role is void, even if the role looks the same: requests not committed yet, links to learners or the leader.
	Changes uint64
}

// Serving tells whether clients may be answered.
func (s Status) Serving() bool { return s.Phase == Broadcast }

// String prints the status in one line.
func (s Status) String() string {
	return fmt.Sprintf("%s %s leader=%d epoch=%d", s.Role, s.Phase, s.Leader, s.Epoch)
}

// Link names one connection to a peer.
type Link struct {
	Peer Sid
	Link uint64
}

// Event tells what a human may want to know: why a role ended, why a message was ignored.
type Event struct {
	Kind EventKind
	Peer Sid // quorum.None when it is about nobody else
	Zxid Zxid
	// Reason is in words, lower case.
	Reason string
}

// EventKind sorts events.
type EventKind int32

// Kinds of events.
const (
	// EventStarted : a role or phase began.
	EventStarted EventKind = iota
	// EventLost : the role was given up; the node is LOOKING again.
	EventLost
	// EventIgnored : a message was not acted upon.
	EventIgnored
	// EventDropped : a learner was cut off.
	EventDropped
	// EventSync : how a learner is brought up to date (leader), or how this server is (learner).
	EventSync
	// EventConfig : a configuration of the ensemble was proposed, learned of or put in force.
	EventConfig
)

// String names the kind.
func (k EventKind) String() string {
	switch k {
	case EventStarted:
		return "started"
	case EventLost:
		return "lost"
	case EventIgnored:
		return "ignored"
	case EventDropped:
		return "dropped"
	case EventSync:
		return "sync"
	case EventConfig:
		return "config"
	}
	return fmt.Sprintf("unknown(%d)", int32(k))
}

// Ready is what there is to do, in the order of its fields. Package documentation: "Duties of the caller".
// All slices are valid until the next call of Ready; the bytes of entries and messages for good.
type Ready struct {
	// Status is where the node stands now, StatusChanged whether that is news. What ended ends before anything below is
	// done; what began (answering clients) begins after all of it.
	Status        Status
	StatusChanged bool

	// Install, if not nil: the snapshot that came with the SNAP message of that link becomes this server's state, log
	// emptied, durable before anything below.
	Install *Snapshot
	// Truncate, if not nil: cut the log behind this zxid, durable before anything below. If the tree holds more than that,
	// build it anew. Failing means stopping the server.
	Truncate *Zxid

	// HardState to write, durable before the Messages are sent. SaveAccepted and SaveCurrent tell which of the two files
	// changes; if both, acceptedEpoch first.
	HardState                 HardState
	SaveAccepted, SaveCurrent bool

	// ActiveConfig, if not nil, is in force from now on: make it durable before the Messages are sent (the file
	// zoo.cfg.dynamic.VERSION by Membership.File(false), then zoo.cfg's line dynamicConfigFile, then remove
	// zoo.cfg.dynamic.next), tell the peers' connections; and, should /zookeeper/config be older than its version when
	// Committed is applied, set it to ActiveConfig.Data with that version as mzxid: not every change has a transaction.
	ActiveConfig *quorum.Membership
	// SeenConfig, if not nil, is proposed: write zoo.cfg.dynamic.next by File(true), durable before the Messages are sent
	// and after ActiveConfig, and connect to servers that are new in it. If its version is not above that of the active one,
	// a proposal has come to nothing: remove zoo.cfg.dynamic.next.
	SeenConfig *quorum.Membership
	// HeardConfig, if not nil, is what another server has seen proposed: connect to the servers that are new in it, and keep
	// nothing of it on disk. It counts until there is another, or an ActiveConfig or SeenConfig.
	HeardConfig *quorum.Membership

	// Entries to append to the log, in order. Call Persisted when they are synced: now or later, while going on.
	Entries []Entry

	// Messages to send, in order per link. None of them waits for Entries.
	Messages []Message

	// Committed entries to apply to the tree, in order and each once, and CommittedTo, the zxid of the last; 0 when there
	// are none. They may be ahead of this server's own log: a quorum has them.
	Committed   []Entry
	CommittedTo Zxid

	// Forwarded are messages that zab does not look into but whose place in the stream matters: REQUEST, REVALIDATE and
	// PING with touched sessions from learners; REVALIDATE and SYNC from the leader. They come after Committed.
	Forwarded []Message

	// Drop lists the links to close, after the Messages are sent.
	Drop []Link

	// Events for log and metrics.
	Events []Event
}

// Snapshot names a snapshot received.
type Snapshot struct {
	Zxid Zxid
	From Sid
	Link uint64
}

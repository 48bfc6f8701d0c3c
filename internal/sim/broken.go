package sim

import (
	"math/bits"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Broken is a duty that all servers neglect. The simulator must notice: that is the test of the simulator.
type Broken int

// The duties that can be neglected.
const (
	Sound Broken = iota
	// AckBeforeSync : entries count as synced when they are handed to the log (ZOOKEEPER-3911, 4646).
	AckBeforeSync
	// MinorityCommits : one server less than a majority decides.
	MinorityCommits
	// ForgetAccepted : the file acceptedEpoch is not written.
	ForgetAccepted
	// SendBeforeSave : messages go out before the epochs they promise are on disk.
	SendBeforeSave
	// TruncateTooLittle : TRUNC leaves one entry too many.
	TruncateTooLittle
	// ApplyEarly : what a leader sends is applied before UPTODATE says that it is committed (ZOOKEEPER-2845).
	ApplyEarly
	// LoseMessages : a connection loses a message and goes on.
	LoseMessages
	// StaleRead : a read does not wait for the writes before it.
	StaleRead
	// SyncAtOnce : a sync is answered without asking the leader.
	SyncAtOnce
	// EventLate : an event may come behind what shows the change.
	EventLate
	// ForgetWatches : watches are not carried over to a new connection.
	ForgetWatches
	// SendTwice : a request is prepared, or forwarded, twice.
	SendTwice
	// brokenKinds is how many there are.
	brokenKinds
)

func (b Broken) String() string {
	return [...]string{
		"sound", "ack before sync", "minority commits", "accepted epoch forgotten", "send before save",
		"truncate too little", "apply early", "lose messages", "stale read", "sync at once",
		"event late", "watches forgotten", "send twice",
	}[b]
}

// rare tells of those that need several faults to meet.
func (b Broken) rare() bool { return b == SendBeforeSave }

// bare tells whether a run without clients can notice.
func (b Broken) bare() bool { return b < StaleRead }

// minority is a rule with which two sets may have nobody in common.
type minority struct{ quorum.Verifier }

func (m minority) Contains(s quorum.Set) bool {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n >= max(1, len(m.Voters())/2)
}

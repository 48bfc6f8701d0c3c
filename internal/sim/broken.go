package sim

import (
	"math/bits"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Broken is a duty that is not done. The simulator must notice: that is the test of the simulator.
type Broken int

// The duties that can be broken.
const (
	Sound Broken = iota
	// AckBeforeSync : entries count as synced when they are handed to the log (ZOOKEEPER-3911, 4646).
	AckBeforeSync
	// MinorityCommits : one server less than a majority decides.
	MinorityCommits
	// ForgetAccepted : the file acceptedEpoch is not written.
	ForgetAccepted
	// TruncateTooLittle : TRUNC leaves one entry too many.
	TruncateTooLittle
	// brokenKinds is how many there are.
	brokenKinds
)

func (b Broken) String() string {
	return [...]string{"sound", "ack before sync", "a minority commits", "accepted epoch forgotten", "truncation too short"}[b]
}

func (b Broken) any() bool { return b != Sound }

func (b Broken) ackBeforeSync(*server) bool { return b == AckBeforeSync }

func (b Broken) skipAcceptedEpoch(*server) bool { return b == ForgetAccepted }

func (b Broken) truncateTo(_ *server, z zab.Zxid) zab.Zxid {
	if b == TruncateTooLittle {
		return z + 1
	}
	return z
}

// minority is a rule with which two sets may have nobody in common.
type minority struct{ quorum.Verifier }

func (m minority) Contains(s quorum.Set) bool {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n >= max(1, len(m.Voters())/2)
}

func (b Broken) quorum(q quorum.Verifier) quorum.Verifier {
	if b == MinorityCommits {
		return minority{q}
	}
	return q
}

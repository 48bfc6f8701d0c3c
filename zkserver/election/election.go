// Package election is Fast Leader Election as a pure machine: notifications and ticks in, notifications and a verdict out.
//
// Each server proposes the best vote it knows, first its own, and tells everybody. Votes are ordered by (peer epoch, zxid,
// server id), so all end up proposing the server with the newest history. Rounds are numbered by a logical clock; a vote
// of an older round counts for nothing, one of a newer round makes the receiver start over in it. When a quorum proposes
// the same, the vote is kept open for a few ticks in case a better one is on its way, unless all voters agree already that
// can still be heard.
// A server that comes to a running ensemble gets told so by its members and joins their leader once a quorum of them,
// the leader included, say the same.
//
// The election is a hint, not a proof: that no committed entry is lost is up to the discovery phase of package zab, which
// turns a leader down whose history is not the newest of its quorum.
//
// Where this differs from the original: it waits 200 ms in any case; it does not answer a worse vote of the same round, so
// that one who was still following when the votes came waits for their repetition; a leader whose voters have gone over to
// another waits for initLimit; it takes no vote for a server of a membership that it has not seen proposed (Machine.Invite);
// and one that has seen one wants a quorum of that even to follow a leader that others have. An original server in its
// 200 ms takes no notice of a server that is through: the follower dials until the leader listens, the leader waits for
// followers.
//
// The rules and the fields are those of FastLeaderElection.java of Apache ZooKeeper 3.9, so that notifications map one to
// one onto its wire format.
package election

import (
	"fmt"
	"math"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Sid is a server id.
type Sid = quorum.Sid

// State is what a server is doing; the values are those of the wire.
type State int32

// The four states of a server.
const (
	Looking   State = 0
	Following State = 1
	Leading   State = 2
	Observing State = 3
)

// String is the original's name of the state.
func (s State) String() string {
	switch s {
	case Looking:
		return "LOOKING"
	case Following:
		return "FOLLOWING"
	case Leading:
		return "LEADING"
	case Observing:
		return "OBSERVING"
	}
	return fmt.Sprintf("UNKNOWN(%d)", int32(s))
}

// Nobody is what an observer proposes: the smallest server id, zxid and epoch there are.
const Nobody = Sid(math.MinInt64)

// NotificationVersion is the format we write: with the configuration (3.5 and later).
const NotificationVersion = 2

// Vote is whom a server proposes, and why.
type Vote struct {
	Leader Sid
	Zxid   zkproto.Zxid // the last in the proposed leader's log
	Round  int64        // the logical clock: electionEpoch in the original
	// PeerEpoch is the proposed leader's current epoch; once it leads, the epoch it leads.
	PeerEpoch int64
}

// Better tells whether v beats o: newer epoch, else newer zxid, else higher server id. The round does not matter here.
func (v Vote) Better(o Vote) bool {
	switch {
	case v.PeerEpoch != o.PeerEpoch:
		return v.PeerEpoch > o.PeerEpoch
	case v.Zxid != o.Zxid:
		return v.Zxid > o.Zxid
	}
	return v.Leader > o.Leader
}

// Notification is one message of the election port. Leader, Zxid, Round and PeerEpoch travel as the Vote does.
type Notification struct {
	From, To Sid // not in the message: the ends of the connection
	State    State
	Vote     Vote
	// Version of the format: 0 without, 1 with the version field, 2 with the configuration.
	Version int32
	Config  []byte // the sender's dynamic configuration; opaque here
	// Seen is the configuration that the sender has seen proposed and not committed; opaque here, nil for none. Originals
	// neither send nor read it.
	Seen []byte
}

// Config is what a Machine starts from.
type Config struct {
	ID     Sid
	Quorum quorum.Verifier
	// FinalizeTicks is how long a quorum is kept open for a better vote (200 ms in the original). 0 decides at once.
	FinalizeTicks int
	// NotifyMinTicks and NotifyMaxTicks bound the interval in which votes are repeated while nothing is decided.
	NotifyMinTicks, NotifyMaxTicks int
	// ConfigData and SeenData go into each notification.
	ConfigData, SeenData []byte
	// Oracle : of two servers one may go on alone when an oracle says so. See Machine.SetOracle.
	Oracle bool
}

package peer

import (
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Status is a view of all connections, for commands and metrics.
type Status struct {
	Ports  []PortStatus
	Links  []LinkStatus  // by peer, then number
	Voters []VoterStatus // by id
	// Refused counts connections that were closed because of what they said, or did not say, since the start.
	Refused uint64
}

// PortStatus is one address that is listened on.
type PortStatus struct {
	Name    string // election, quorum or observer
	Address string // as configured; once open, as bound
	Open    bool
	// Failures counts attempts in a row that failed, LastError says why. Both are empty when Open.
	Failures  int
	LastError string
}

// LinkStatus is one link of the quorum port.
type LinkStatus struct {
	zab.Link
	Leader    bool // the other end is our leader (we dialed); otherwise it is a learner
	Observer  bool // of a learner: it said OBSERVERINFO
	Connected bool // false while dialing
	Address   string
	TLS       string // version and cipher suite; empty without TLS
	Since     time.Time
	// Received and Sent count packets, Queued bytes that wait to be sent.
	Received, Sent uint64
	Queued         int
}

// VoterStatus is the election connection to one server.
type VoterStatus struct {
	ID        zab.Sid
	Known     bool // it is a member
	Connected bool
	Address   string // of the other end
	TLS       string // version and cipher suite; empty without TLS
	LastError string // why the last attempt to connect failed; empty when connected
	// Silent : its quorum port gave neither a connection nor a refusal when this server wanted to follow it, some seconds
	// ago at most, and does not since.
	Silent bool
}

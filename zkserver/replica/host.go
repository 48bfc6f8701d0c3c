package replica

import (
	"errors"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// Host is what a Replica needs of its surroundings. Its methods are called from within the Replica's; they must not call
// the Replica. from is always what came with Connect or Submit.
type Host interface {
	// Heard is when something was last received from a client, milliseconds as in Time.Mono. It is asked when a session is
	// about to expire, and on learners once per ping: never per request.
	Heard(from any) int64
	// Answer ends a request; see Answer for what to do. The tree is locked by the caller of Apply or Finish. Good until it
	// returns.
	Answer(a *Answer)
	// Notify tells of a change that somebody may watch. The tree is locked for writing.
	Notify(ev tree.Event)
	// Established answers Connect: the client has its session. An event before it and an answer after it are sent after it.
	Established(from any, e *Established)
	// Refused answers Connect otherwise; see the errors of this package.
	Refused(from any, reason error)
	// Close ends the connection of a client whose session was established. What it still waits for is not answered: the
	// Answers that come for it nevertheless only end the counting. A Detach may follow or not.
	Close(from any, reason error)
	// Event is for log and metrics.
	Event(e Event)
}

// Established is the answer to a Connect that succeeded. The password is session.Password(Session).
type Established struct {
	Session  zkproto.SessionID
	Timeout  int32 // milliseconds
	ReadOnly bool  // this server is in a minority and answers reads only
	Renewed  bool  // the session was there before
	Local    bool  // the session is known to this server only
}

// Answer is the end of a request. Host.Answer gets one for each request submitted, and one for each transaction that is
// applied here though its request came from elsewhere (From is nil then).
//
// What the host does: nothing is sent if From is nil; the connection is closed without a reply if Lost; otherwise the
// reply is appended: header with Xid, the tree's last zxid and Result.Err, then what belongs to Op. A closeSession that
// succeeded closes the connection after its reply. For a createSession nothing is sent: Established or Refused follows.
type Answer struct {
	From    any
	Session zkproto.SessionID
	Op      zkproto.OpCode // as submitted; of a transaction from elsewhere: its type
	Xid     int32
	Arrived int64 // as submitted
	Size    int   // of the body, as submitted
	Note    any   // as submitted

	// Header and Txn are the transaction; Txn is nil when there is none (sync; a malformed request; Lost).
	Header zkproto.TxnHeader
	Txn    zkproto.Txn
	Result tree.Result

	// Path of a sync, and whether it was null.
	Path     string
	NullPath bool

	// Lost tells that the request cannot be answered: the session has moved to another server, or it is unknown whether
	// the request has happened.
	Lost bool
}

// Request is what a client asks of the core: a write (Op.IsWrite), or a sync.
type Request struct {
	From    any // nil: the server's own (deleteContainer); taken by a leader, ignored by others
	Session zkproto.SessionID
	Op      zkproto.OpCode
	Xid     int32
	IDs     []zkproto.ID // who the client is; kept, never changed
	Body    []byte       // the record after the header; copied as far as needed
	Arrived int64        // for the driver
	Note    any          // for the driver
}

// Connect is a connect request.
type Connect struct {
	From         any
	Session      zkproto.SessionID // 0 for a new one
	Password     []byte            // copied when it has to be kept
	Timeout      int32             // milliseconds, negotiated (session.Negotiate)
	LastZxidSeen zkproto.Zxid
	Arrived      int64 // for the driver: Answer.Arrived of the createSession
	ReadOnly     bool  // the client takes a read-only server (last byte of the connect request)
}

// Why Refused and Close are called. ErrExpired, ErrPassword and ErrCreate: the client is told that its session is gone (a
// connect response with timeout 0), then closed. All others: closed without a word, so that it tries another server.
var (
	// ErrExpired : the session is unknown here, or closed; for Close, it was not heard of for its whole timeout.
	ErrExpired = errors.New("replica: the session has expired")
	// ErrPassword : the password does not belong to the session.
	ErrPassword = errors.New("replica: wrong session password")
	// ErrCreate : the session could not be created.
	ErrCreate = errors.New("replica: the session could not be created")
	// ErrAhead : the client has seen what this server has not; it must try another.
	ErrAhead = errors.New("replica: the client has seen a later zxid than this server has")
	// ErrNotServing : this server is in no quorum and has been out of it for longer than the grace time.
	ErrNotServing = errors.New("replica: this server is not part of a quorum at present")
	// ErrLeaderDoesNotServe : leaderServes=no, and this server leads.
	ErrLeaderDoesNotServe = errors.New("replica: this server leads and takes no clients (leaderServes=no)")
	// ErrReadOnly : this server is read-only at present: it takes clients only that allow that, and continues no session of
	// the ensemble (3.9: RENEW_GLOBAL_SESSION_IN_RO_MODE).
	ErrReadOnly = errors.New("replica: this server is read-only at present")
	// ErrQuorumBack : the read-only time is over; the client must connect anew.
	ErrQuorumBack = errors.New("replica: this server is part of a quorum again and no longer read-only")
	// ErrReplaced : the session continues on another connection to this server.
	ErrReplaced = errors.New("replica: the session continues on another connection")
	// ErrMoved : the session continues on another server.
	ErrMoved = errors.New("replica: the session has moved to another server")
	// ErrUnknownFate : a change of leader leaves unknown whether a request of this client has happened.
	ErrUnknownFate = errors.New("replica: it is unknown whether a request under way has happened")
	// ErrStateReplaced : the server's state was replaced by a snapshot, which may hide events from watches.
	ErrStateReplaced = errors.New("replica: the state of this server was replaced by a snapshot of the leader's")
	// ErrClosed : a closeSession for this session came from elsewhere.
	ErrClosed = errors.New("replica: the session was closed")
)

// Mode tells how clients are served.
type Mode uint8

// The modes.
const (
	// ModeDown : not part of a quorum; clients are refused.
	ModeDown Mode = iota
	// ModeHeld : not part of a quorum for a moment. Clients that are connected stay, nothing is answered, reads wait.
	ModeHeld
	// ModeReadWrite : everything is served.
	ModeReadWrite
	// ModeReadOnly : reads of clients that allow it are served, writes refused with ErrNotReadOnly.
	ModeReadOnly
)

// String names the mode as the original's state does where it has one.
func (m Mode) String() string {
	switch m {
	case ModeHeld:
		return "held"
	case ModeReadWrite:
		return "read-write"
	case ModeReadOnly:
		return "read-only"
	default:
		return "down"
	}
}

// EventKind sorts events.
type EventKind uint8

// Kinds of events.
const (
	// EventMode : Mode has changed; N is the number of clients attached, Reason why.
	EventMode EventKind = iota
	// EventSessionExpired : Session was not heard of for its timeout; the leader closes it. Local tells of a local session.
	EventSessionExpired
	// EventHeldUp : Tick came N milliseconds too late; all session timeouts start again.
	EventHeldUp
	// EventDigest : after Zxid the tree's digest is not what the leader says.
	EventDigest
	// EventSessionUpgraded : the local Session becomes global.
	EventSessionUpgraded
	// EventResent : N requests under way at the end of the former role are sent again.
	EventResent
	// EventClosed : N clients were closed; Reason why.
	EventClosed
	// EventBadMessage : a peer sent something that cannot be understood; it is ignored. Reason names it.
	EventBadMessage
	// EventReconfig : at Zxid the membership changed (applied).
	EventReconfig
	// EventReconfigRefused : a reconfiguration was asked for and cannot be; Reason why.
	EventReconfigRefused
)

// Event is something worth a line in the log, or a count.
type Event struct {
	Kind    EventKind
	Mode    Mode
	Session zkproto.SessionID
	Zxid    zkproto.Zxid
	N       int64
	Local   bool
	Reason  string
}

// Package session keeps the table of sessions and tells which have expired.
package session

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// Owner names where a session is attached: any number the server gives to a connection's home (itself, a follower).
// Zero is nobody. A server of an ensemble of one uses one constant for all its own connections, as the original does.
type Owner uint64

// Table is the set of live sessions. Not safe for concurrent use. Times are milliseconds of one monotonic clock.
type Table struct{}

// New returns an empty table. tickMillis is the width of an expiry bucket (tickTime).
func New(tickMillis int32, nowMillis int64) *Table { return nil }

// Add tracks a session, or touches it when it is tracked already, and tells whether it is new.
func (t *Table) Add(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) bool { return false }

// Touch moves a session's expiry; false when it is unknown or closing.
func (t *Table) Touch(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) bool { return false }

// Check is nil-error (ErrOK) when the session may act from owner; else ErrUnknownSession, ErrSessionExpired (closing) or
// ErrSessionMoved. The first owner to ask becomes the owner.
func (t *Table) Check(id zkproto.SessionID, owner Owner) zkproto.Error { return 0 }

// SetOwner attaches a session to owner; ErrSessionExpired when it is unknown or closing.
func (t *Table) SetOwner(id zkproto.SessionID, owner Owner) zkproto.Error { return 0 }

// SetClosing marks a session: from now on it may not act, only be closed.
func (t *Table) SetClosing(id zkproto.SessionID) {}

// Remove forgets a session (its closeSession was applied).
func (t *Table) Remove(id zkproto.SessionID) {}

// Expired returns the sessions whose bucket has passed, sorted within a bucket, and marks them closing.
func (t *Table) Expired(nowMillis int64) []zkproto.SessionID { return nil }

// NextExpiry is the time at which Expired should be called next, at the latest.
func (t *Table) NextExpiry() int64 { return 0 }

// Timeout returns the timeout a session was added with.
func (t *Table) Timeout(id zkproto.SessionID) (timeoutMillis int32, ok bool) { return 0, false }

// Len is the number of sessions, closing ones included.
func (t *Table) Len() int { return 0 }

// Timeouts returns all sessions and their timeouts, as a snapshot wants them.
func (t *Table) Timeouts() map[zkproto.SessionID]int32 { return nil }

// FirstID is the first session id of a server started at nowMillis (wall or monotonic milliseconds); count up from it.
func FirstID(serverID int64, nowMillis int64) zkproto.SessionID { return 0 }

// Password is the 16-byte password of a session.
func Password(id zkproto.SessionID) [16]byte { return [16]byte{} }

// CheckPassword compares; session 0 never matches.
func CheckPassword(id zkproto.SessionID, password []byte) bool { return false }

// Negotiate brings the timeout a client asks for within the server's bounds.
func Negotiate(askedMillis, minMillis, maxMillis int32) int32 { return 0 }

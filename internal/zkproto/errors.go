package zkproto

import "strconv"

// Error is an error code of the client protocol. Zero is success. It implements error for every other value.
type Error int32

// The codes of KeeperException.Code.
const (
	ErrOK                           Error = 0
	ErrSystemError                  Error = -1
	ErrRuntimeInconsistency         Error = -2
	ErrDataInconsistency            Error = -3
	ErrConnectionLoss               Error = -4
	ErrMarshallingError             Error = -5
	ErrUnimplemented                Error = -6
	ErrOperationTimeout             Error = -7
	ErrBadArguments                 Error = -8
	ErrUnknownSession               Error = -12
	ErrNewConfigNoQuorum            Error = -13
	ErrReconfigInProgress           Error = -14
	ErrAPIError                     Error = -100
	ErrNoNode                       Error = -101
	ErrNoAuth                       Error = -102
	ErrBadVersion                   Error = -103
	ErrNoChildrenForEphemerals      Error = -108
	ErrNodeExists                   Error = -110
	ErrNotEmpty                     Error = -111
	ErrSessionExpired               Error = -112
	ErrInvalidCallback              Error = -113
	ErrInvalidACL                   Error = -114
	ErrAuthFailed                   Error = -115
	ErrSessionMoved                 Error = -118
	ErrNotReadOnly                  Error = -119
	ErrEphemeralOnLocalSession      Error = -120
	ErrNoWatcher                    Error = -121
	ErrRequestTimeout               Error = -122
	ErrReconfigDisabled             Error = -123
	ErrSessionClosedRequireSASLAuth Error = -124
	ErrQuotaExceeded                Error = -125
	ErrThrottledOp                  Error = -127
)

var errorTexts = map[Error]string{
	ErrOK: "ok", ErrSystemError: "system error", ErrRuntimeInconsistency: "run-time inconsistency",
	ErrDataInconsistency: "data inconsistency", ErrConnectionLoss: "connection loss",
	ErrMarshallingError: "marshalling error", ErrUnimplemented: "unimplemented",
	ErrOperationTimeout: "operation timeout", ErrBadArguments: "bad arguments", ErrUnknownSession: "unknown session",
	ErrNewConfigNoQuorum: "no quorum of new config is connected", ErrReconfigInProgress: "reconfig in progress",
	ErrAPIError: "api error", ErrNoNode: "no node", ErrNoAuth: "not authorized", ErrBadVersion: "bad version",
	ErrNoChildrenForEphemerals: "no children for ephemerals", ErrNodeExists: "node exists",
	ErrNotEmpty: "directory not empty", ErrSessionExpired: "session expired", ErrInvalidCallback: "invalid callback",
	ErrInvalidACL: "invalid acl", ErrAuthFailed: "authentication failed", ErrSessionMoved: "session moved",
	ErrNotReadOnly: "not a read-only call", ErrEphemeralOnLocalSession: "ephemeral node on local session",
	ErrNoWatcher: "no such watcher", ErrRequestTimeout: "request timeout", ErrReconfigDisabled: "reconfig is disabled",
	ErrSessionClosedRequireSASLAuth: "session closed because client failed to authenticate",
	ErrQuotaExceeded:                "quota has exceeded", ErrThrottledOp: "op throttled due to high load",
}

// Error is the reason in words.
func (e Error) Error() string {
	if s, ok := errorTexts[e]; ok {
		return s
	}
	return "error code " + strconv.Itoa(int(e))
}

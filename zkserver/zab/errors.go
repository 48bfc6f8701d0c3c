package zab

import (
	"errors"
	"fmt"
)

var (
	// ErrNotLeading : only an established leader can propose.
	ErrNotLeading = errors.New("zab: not leading: send the request to the leader")
	// ErrEpochExhausted : the counter of this epoch is used up. StepDown begins a new epoch.
	ErrEpochExhausted = errors.New("zab: the zxid counter of this epoch is used up: a new epoch is needed")
	// ErrOutOfOrder : the entry's zxid is not NextZxid.
	ErrOutOfOrder = errors.New("zab: entry out of order")
	// ErrNotPeer : Send was given a message to a server this node has no link to in its role.
	ErrNotPeer = errors.New("zab: no link to that server")
)

// MessageError tells why a message was refused. The driver should close the link it came by, and go on.
type MessageError struct {
	Type   Type
	From   Sid
	Reason string
}

// Error implements error.
func (e *MessageError) Error() string {
	return fmt.Sprintf("zab: bad %s from server %d: %s", e.Type, e.From, e.Reason)
}

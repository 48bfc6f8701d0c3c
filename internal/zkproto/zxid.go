package zkproto

import "fmt"

// Zxid orders all changes of an ensemble: the leader's epoch in the upper 32 bits, a counter within it in the lower.
type Zxid int64

// MakeZxid joins an epoch and a counter.
func MakeZxid(epoch, counter uint32) Zxid { return Zxid(uint64(epoch)<<32 | uint64(counter)) }

// Epoch is the upper half: which leader's reign.
func (z Zxid) Epoch() uint32 { return uint32(uint64(z) >> 32) }

// Counter is the lower half: the place within the epoch, from 1.
func (z Zxid) Counter() uint32 { return uint32(uint64(z)) }

// String prints the zxid as the originals do: 0x and lower-case hex without leading zeros.
func (z Zxid) String() string { return fmt.Sprintf("0x%x", uint64(z)) }

// SessionID identifies a session over its whole life, across reconnects and servers.
type SessionID int64

// String prints the session id as the originals do: 0x and lower-case hex.
func (s SessionID) String() string { return fmt.Sprintf("0x%x", uint64(s)) }

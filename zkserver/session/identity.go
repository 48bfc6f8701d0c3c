package session

import (
	"crypto/subtle"
	"math"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// FirstID is the first session id of a server started at nowMillis; count up from it. The server's id is the top byte,
// the time the next five, so that two servers, or two lives of one, do not meet:
//
//	| server id | 40 bits of the milliseconds | 16 bits to count in |
func FirstID(serverID int64, nowMillis int64) zkproto.SessionID {
	id := int64(uint64(nowMillis)<<24>>8) | serverID<<56
	if id == math.MinInt64 { // the mark of a container
		id++
	}
	return zkproto.SessionID(id)
}

// superSecret is mixed into the seed of every password. It is no secret: passwords keep clients from taking over each
// other's session by mistake. They are derived, not stored, so that any server of any vendor can check them.
const superSecret = 0xB3415C00

// Password is the 16-byte password of a session: the first bytes of java.util.Random seeded with the session id.
func Password(id zkproto.SessionID) [16]byte {
	const (
		multiplier = 0x5DEECE66D
		increment  = 0xB
		mask       = 1<<48 - 1
	)
	seed := (uint64(id) ^ superSecret ^ multiplier) & mask
	var p [16]byte
	for i := 0; i < len(p); i += 4 {
		seed = (seed*multiplier + increment) & mask
		v := uint32(seed >> 16)
		p[i], p[i+1], p[i+2], p[i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
	return p
}

// CheckPassword compares; session 0 never matches.
func CheckPassword(id zkproto.SessionID, password []byte) bool {
	want := Password(id)
	return id != 0 && subtle.ConstantTimeCompare(want[:], password) == 1
}

// Negotiate brings the timeout a client asks for within the server's bounds.
func Negotiate(askedMillis, minMillis, maxMillis int32) int32 {
	return min(max(askedMillis, minMillis), maxMillis)
}

package replica

import (
	"encoding/binary"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The data of the packets between learner and leader that zab only passes on, big endian:
//
//	REQUEST      | long session | int cxid | int type | the request's record |     ids in authinfo, zxid -1
//	REVALIDATE   | long session | int timeout |                                    learner to leader, zxid -1
//	REVALIDATE   | long session | byte valid |                                     leader to learner
//	PING         | long session | int timeout | ...                                learner to leader: who was heard of
//	SYNC         nothing, zxid 0                                                   leader to learner, in the order of the asking
//
// The record of a createSession is its timeout, that of a closeSession nothing. (Learner.request, Learner.validateSession,
// Learner.ping, LearnerHandler.run, Leader.revalidateSession)

// requestHeader is the size of what comes before the record in a REQUEST.
const requestHeader = 8 + 4 + 4

func appendRequest(b []byte, session zkproto.SessionID, xid int32, op zkproto.OpCode, body []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(session))
	b = binary.BigEndian.AppendUint32(b, uint32(xid))
	b = binary.BigEndian.AppendUint32(b, uint32(op))
	return append(b, body...)
}

func decodeRequest(b []byte) (session zkproto.SessionID, xid int32, op zkproto.OpCode, body []byte, ok bool) {
	if len(b) < requestHeader {
		return 0, 0, 0, nil, false
	}
	session = zkproto.SessionID(binary.BigEndian.Uint64(b))
	xid = int32(binary.BigEndian.Uint32(b[8:]))
	op = zkproto.OpCode(int32(binary.BigEndian.Uint32(b[12:])))
	return session, xid, op, b[requestHeader:], true
}

// touchSize is the size of a session and its timeout.
const touchSize = 8 + 4

func appendTouch(b []byte, session zkproto.SessionID, timeout int32) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(session))
	return binary.BigEndian.AppendUint32(b, uint32(timeout))
}

func decodeTouch(b []byte) (session zkproto.SessionID, timeout int32, ok bool) {
	if len(b) < touchSize {
		return 0, 0, false
	}
	return zkproto.SessionID(binary.BigEndian.Uint64(b)), int32(binary.BigEndian.Uint32(b[8:])), true
}

// validSize is the size of a session and a boolean.
const validSize = 8 + 1

func appendValid(b []byte, session zkproto.SessionID, valid bool) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(session))
	if valid {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeValid(b []byte) (session zkproto.SessionID, valid, ok bool) {
	if len(b) < validSize {
		return 0, false, false
	}
	return zkproto.SessionID(binary.BigEndian.Uint64(b)), b[8] != 0, true
}

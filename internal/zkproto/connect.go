package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// ConnectRequest opens a connection: a new session (SessionID 0) or the continuation of one.
type ConnectRequest struct {
	ProtocolVersion int32
	LastZxidSeen    Zxid
	TimeoutMillis   int32
	SessionID       SessionID
	Password        []byte // 16 bytes
	ReadOnly        bool
	// HasReadOnly is false when the client sent the record of ZooKeeper 3.3 and older, which lacks the last byte
	// (ZOOKEEPER-4814: such clients must still be served, and be answered without it).
	HasReadOnly bool
}

// AppendTo appends the record.
func (r *ConnectRequest) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, r.ProtocolVersion)
	b = jute.AppendInt64(b, int64(r.LastZxidSeen))
	b = jute.AppendInt32(b, r.TimeoutMillis)
	b = jute.AppendInt64(b, int64(r.SessionID))
	b = jute.AppendBytes(b, r.Password)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

// Decode reads the record.
func (r *ConnectRequest) Decode(d *jute.Decoder) {
	r.ProtocolVersion = d.Int32()
	r.LastZxidSeen = Zxid(d.Int64())
	r.TimeoutMillis = d.Int32()
	r.SessionID = SessionID(d.Int64())
	r.Password = d.Bytes()
	if d.Err() == nil && d.Remaining() > 0 {
		r.HasReadOnly = true
		r.ReadOnly = d.Bool()
	}
}

// ConnectResponse answers it. TimeoutMillis 0 and SessionID 0 tell the client that its session has expired.
type ConnectResponse struct {
	ProtocolVersion int32
	TimeoutMillis   int32
	SessionID       SessionID
	Password        []byte // 16 bytes
	ReadOnly        bool
	HasReadOnly     bool // write the last byte: only when the request had it
}

// AppendTo appends the record.
func (r *ConnectResponse) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, r.ProtocolVersion)
	b = jute.AppendInt32(b, r.TimeoutMillis)
	b = jute.AppendInt64(b, int64(r.SessionID))
	b = jute.AppendBytes(b, r.Password)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

// Decode reads the record.
func (r *ConnectResponse) Decode(d *jute.Decoder) {
	r.ProtocolVersion = d.Int32()
	r.TimeoutMillis = d.Int32()
	r.SessionID = SessionID(d.Int64())
	r.Password = d.Bytes()
	if d.Err() == nil && d.Remaining() > 0 {
		r.HasReadOnly = true
		r.ReadOnly = d.Bool()
	}
}

// RequestHeader precedes every request after the first.
type RequestHeader struct {
	Xid int32 // the client's number, repeated in the reply; negative ones are the Xid constants
	Op  OpCode
}

// AppendTo appends the record.
func (h RequestHeader) AppendTo(b []byte) []byte {
	return jute.AppendInt32(jute.AppendInt32(b, h.Xid), int32(h.Op))
}

// Decode reads the record.
func (h *RequestHeader) Decode(d *jute.Decoder) {
	h.Xid = d.Int32()
	h.Op = OpCode(d.Int32())
}

// ReplyHeader precedes every reply after the first, and every notification.
type ReplyHeader struct {
	Xid  int32
	Zxid Zxid // of the write itself; for a read, the last change applied when it was answered
	Err  Error
}

// ReplyHeaderSize is the encoded size of a ReplyHeader in bytes.
const ReplyHeaderSize = 16

// AppendTo appends the record.
func (h ReplyHeader) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, h.Xid)
	b = jute.AppendInt64(b, int64(h.Zxid))
	return jute.AppendInt32(b, int32(h.Err))
}

// Decode reads the record.
func (h *ReplyHeader) Decode(d *jute.Decoder) {
	h.Xid = d.Int32()
	h.Zxid = Zxid(d.Int64())
	h.Err = Error(d.Int32())
}

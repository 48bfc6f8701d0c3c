package zkproto

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/jute"
)

// TxnHeader precedes every transaction in the log and in proposals.
type TxnHeader struct {
	ClientID SessionID // the session that asked
	Cxid     int32     // its xid
	Zxid     Zxid
	Time     int64 // the leader's wall clock, milliseconds since 1970
	Type     OpCode
}

// TxnHeaderSize is the encoded size of a TxnHeader in bytes.
const TxnHeaderSize = 32

// AppendTo appends the record.
func (h *TxnHeader) AppendTo(b []byte) []byte {
	b = jute.AppendInt64(b, int64(h.ClientID))
	b = jute.AppendInt32(b, h.Cxid)
	b = jute.AppendInt64(b, int64(h.Zxid))
	b = jute.AppendInt64(b, h.Time)
	return jute.AppendInt32(b, int32(h.Type))
}

// Decode reads the record.
func (h *TxnHeader) Decode(d *jute.Decoder) {
	h.ClientID = SessionID(d.Int64())
	h.Cxid = d.Int32()
	h.Zxid = Zxid(d.Int64())
	h.Time = d.Int64()
	h.Type = OpCode(d.Int32())
}

// Txn is the body of a transaction: what happens, decided already, so that applying it cannot fail.
// The concrete types are the pointers to the *Txn structs of this file.
type Txn interface {
	// AppendTo appends the record.
	AppendTo(b []byte) []byte
}

// CreateTxn belongs to create and create2.
type CreateTxn struct {
	Path      string
	Data      []byte
	ACL       []ACL
	Ephemeral bool
	// ParentCVersion is the parent's cversion afterwards; -1 in logs of ZooKeeper 3.3 and older, which lack the field
	// (CreateTxnV0): then applying it adds one to the parent's.
	ParentCVersion int32
}

// AppendTo appends the record.
func (t *CreateTxn) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBytes(b, t.Data)
	b = AppendACLs(b, t.ACL)
	b = jute.AppendBool(b, t.Ephemeral)
	return jute.AppendInt32(b, t.ParentCVersion)
}

// CreateContainerTxn belongs to createContainer.
type CreateContainerTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCVersion int32
}

// AppendTo appends the record.
func (t *CreateContainerTxn) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBytes(b, t.Data)
	b = AppendACLs(b, t.ACL)
	return jute.AppendInt32(b, t.ParentCVersion)
}

// CreateTTLTxn belongs to createTTL.
type CreateTTLTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCVersion int32
	TTL            int64 // milliseconds
}

// AppendTo appends the record.
func (t *CreateTTLTxn) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBytes(b, t.Data)
	b = AppendACLs(b, t.ACL)
	b = jute.AppendInt32(b, t.ParentCVersion)
	return jute.AppendInt64(b, t.TTL)
}

// DeleteTxn belongs to delete and deleteContainer.
type DeleteTxn struct {
	Path string
}

// AppendTo appends the record.
func (t *DeleteTxn) AppendTo(b []byte) []byte { return jute.AppendString(b, t.Path) }

// SetDataTxn belongs to setData and reconfig. Version is the znode's version afterwards.
type SetDataTxn struct {
	Path    string
	Data    []byte
	Version int32
}

// AppendTo appends the record.
func (t *SetDataTxn) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBytes(b, t.Data)
	return jute.AppendInt32(b, t.Version)
}

// SetACLTxn belongs to setACL. Version is the znode's aversion afterwards.
type SetACLTxn struct {
	Path    string
	ACL     []ACL
	Version int32
}

// AppendTo appends the record.
func (t *SetACLTxn) AppendTo(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = AppendACLs(b, t.ACL)
	return jute.AppendInt32(b, t.Version)
}

// CheckVersionTxn belongs to check. Applying it changes nothing.
type CheckVersionTxn struct {
	Path    string
	Version int32
}

// AppendTo appends the record.
func (t *CheckVersionTxn) AppendTo(b []byte) []byte {
	return jute.AppendInt32(jute.AppendString(b, t.Path), t.Version)
}

// CreateSessionTxn belongs to createSession.
type CreateSessionTxn struct {
	TimeoutMillis int32
}

// AppendTo appends the record.
func (t *CreateSessionTxn) AppendTo(b []byte) []byte { return jute.AppendInt32(b, t.TimeoutMillis) }

// CloseSessionTxn belongs to closeSession: the session's ephemerals, to be deleted (ZOOKEEPER-3145).
type CloseSessionTxn struct {
	PathsToDelete []string
	// Bare marks the transaction of ZooKeeper 3.5 and older, which has no body: applying it deletes whatever ephemerals
	// the session has at that point.
	Bare bool
}

// AppendTo appends the record.
func (t *CloseSessionTxn) AppendTo(b []byte) []byte {
	if t.Bare {
		return b
	}
	return jute.AppendStrings(b, t.PathsToDelete)
}

// ErrorTxn is a request that was refused. It takes a zxid and is logged, and changes nothing.
type ErrorTxn struct {
	Err Error
}

// AppendTo appends the record.
func (t *ErrorTxn) AppendTo(b []byte) []byte { return jute.AppendInt32(b, int32(t.Err)) }

// MultiTxnOp is one part of a MultiTxn.
type MultiTxnOp struct {
	Type OpCode
	Txn  Txn
}

// MultiTxn belongs to multi: all parts happen, or (when they are ErrorTxn) none did.
type MultiTxn struct {
	Ops []MultiTxnOp
}

// AppendTo appends the record: each part is its type and its own record as a buffer.
func (t *MultiTxn) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, int32(len(t.Ops)))
	for _, op := range t.Ops {
		b = jute.AppendInt32(b, int32(op.Type))
		at := len(b)
		b = jute.AppendInt32(b, 0)
		b = op.Txn.AppendTo(b)
		_ = jute.AppendInt32(b[at:at], int32(len(b)-at-4)) // the length, now that it is known
	}
	return b
}

// TxnDigest follows the body when tree digests are on: the digest of the whole tree after the transaction.
type TxnDigest struct {
	Version int32
	Digest  int64
}

// AppendTo appends the record.
func (t TxnDigest) AppendTo(b []byte) []byte {
	return jute.AppendInt64(jute.AppendInt32(b, t.Version), t.Digest)
}

// Decode reads the record.
func (t *TxnDigest) Decode(d *jute.Decoder) {
	t.Version = d.Int32()
	t.Digest = d.Int64()
}

// DecodeTxn reads the body of a transaction of the given type. Older layouts (CreateTxnV0, a bare closeSession) are
// understood. The result keeps aliases of the input in Data fields.
func DecodeTxn(typ OpCode, d *jute.Decoder) (Txn, error) {
	var t Txn
	switch typ {
	case OpCreate, OpCreate2:
		c := &CreateTxn{Path: d.String(), Data: d.Bytes(), ACL: DecodeACLs(d), Ephemeral: d.Bool(), ParentCVersion: -1}
		if typ != OpCreate || d.Err() != nil || d.Remaining() > 0 {
			c.ParentCVersion = d.Int32()
		}
		t = c
	case OpCreateContainer:
		t = &CreateContainerTxn{Path: d.String(), Data: d.Bytes(), ACL: DecodeACLs(d), ParentCVersion: d.Int32()}
	case OpCreateTTL:
		t = &CreateTTLTxn{Path: d.String(), Data: d.Bytes(), ACL: DecodeACLs(d), ParentCVersion: d.Int32(), TTL: d.Int64()}
	case OpDelete, OpDeleteContainer:
		t = &DeleteTxn{Path: d.String()}
	case OpSetData, OpReconfig:
		t = &SetDataTxn{Path: d.String(), Data: d.Bytes(), Version: d.Int32()}
	case OpSetACL:
		t = &SetACLTxn{Path: d.String(), ACL: DecodeACLs(d), Version: d.Int32()}
	case OpCheck:
		t = &CheckVersionTxn{Path: d.String(), Version: d.Int32()}
	case OpCreateSession:
		t = &CreateSessionTxn{TimeoutMillis: d.Int32()}
	case OpCloseSession:
		c := &CloseSessionTxn{}
		if d.Remaining() == 0 {
			c.Bare = true
		} else {
			c.PathsToDelete = d.Strings()
		}
		t = c
	case OpError:
		t = &ErrorTxn{Err: Error(d.Int32())}
	case OpMulti:
		m, err := decodeMultiTxn(d)
		if err != nil {
			return nil, err
		}
		t = m
	default:
		return nil, fmt.Errorf("zkproto: no transaction of type %d", typ)
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("zkproto: %s transaction: %w", typ, err)
	}
	return t, nil
}

func decodeMultiTxn(d *jute.Decoder) (*MultiTxn, error) {
	n := d.VectorLen(8)
	m := &MultiTxn{Ops: make([]MultiTxnOp, 0, max(n, 0))}
	for range max(n, 0) {
		typ, body := OpCode(d.Int32()), d.Bytes()
		if d.Err() != nil {
			break
		}
		if typ == OpMulti {
			return nil, fmt.Errorf("zkproto: multi transaction within a multi transaction")
		}
		sub := jute.NewDecoder(body)
		t, err := DecodeTxn(typ, &sub)
		if err != nil {
			return nil, err
		}
		m.Ops = append(m.Ops, MultiTxnOp{Type: typ, Txn: t})
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("zkproto: multi transaction: %w", err)
	}
	return m, nil
}

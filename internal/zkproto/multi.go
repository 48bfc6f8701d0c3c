package zkproto

import "github.com/holdfast-ha/holdfast/internal/jute"

// A multi request is a sequence of (MultiHeader, body), closed by a header with Done set:
//
//	MultiHeader{type, false, -1} body … MultiHeader{-1, true, -1}
//
// Its reply has the same shape, each header carrying the op's error, an error body for failed ones, and the closing header.

// MultiHeader precedes each part of a multi and, with Done, closes it.
type MultiHeader struct {
	Type OpCode
	Done bool
	Err  Error
}

// AppendTo appends the record.
func (h MultiHeader) AppendTo(b []byte) []byte {
	b = jute.AppendInt32(b, int32(h.Type))
	b = jute.AppendBool(b, h.Done)
	return jute.AppendInt32(b, int32(h.Err))
}

// Decode reads the record.
func (h *MultiHeader) Decode(d *jute.Decoder) {
	h.Type = OpCode(d.Int32())
	h.Done = d.Bool()
	h.Err = Error(d.Int32())
}

// MultiEnd is the closing header.
func MultiEnd() MultiHeader { return MultiHeader{Type: OpError, Done: true, Err: -1} }

// MultiOp is one part of a multi: exactly the field that Type calls for is used.
type MultiOp struct {
	Type        OpCode
	Create      CreateRequest      // create, create2, createContainer, createTTL
	PathVersion PathVersionRequest // delete, check
	SetData     SetDataRequest     // setData
	Path        PathWatchRequest   // getData, getChildren (multiRead only)
	NullPath    bool               // the path was null, which reads as empty; never written
}

// MultiRequest is the body of multi and multiRead.
type MultiRequest struct {
	Ops []MultiOp
}

// AppendTo appends the body.
func (r *MultiRequest) AppendTo(b []byte) []byte {
	for i := range r.Ops {
		op := &r.Ops[i]
		b = MultiHeader{Type: op.Type, Err: -1}.AppendTo(b)
		switch op.Type {
		case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
			b = op.Create.AppendTo(b, op.Type)
		case OpDelete, OpCheck:
			b = op.PathVersion.AppendTo(b)
		case OpSetData:
			b = op.SetData.AppendTo(b)
		case OpGetData, OpGetChildren:
			b = op.Path.AppendTo(b)
		default:
			panic("zkproto: multi cannot hold " + op.Type.String()) // a caller's bug: such a part has no encoding
		}
	}
	return MultiEnd().AppendTo(b)
}

// Decode reads the body. A part that a multi cannot hold fails the decoder.
func (r *MultiRequest) Decode(d *jute.Decoder) {
	for {
		var h MultiHeader
		h.Decode(d)
		if d.Err() != nil || h.Done {
			return
		}
		path := *d // every part begins with its path
		op := MultiOp{Type: h.Type, NullPath: path.StringView() == nil && path.Err() == nil}
		switch h.Type {
		case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
			op.Create.Decode(d, h.Type)
		case OpDelete, OpCheck:
			op.PathVersion.Decode(d)
		case OpSetData:
			op.SetData.Decode(d)
		case OpGetData, OpGetChildren:
			op.Path.Decode(d)
		default:
			d.Fail("multi", "a part of type "+h.Type.String())
		}
		if d.Err() != nil {
			return
		}
		r.Ops = append(r.Ops, op)
	}
}

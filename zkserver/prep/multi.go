package prep

import (
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// multi decides the parts one after the other, each seeing the changes of those before it. When one is refused, these
// changes are taken back; its error stands in its place, ErrRuntimeInconsistency in the places after it.
func (p *Prep) multi(c *call, d *jute.Decoder) (zkproto.Txn, zkproto.Error) {
	var q zkproto.MultiRequest
	q.Decode(d)
	for i := range q.Ops { // what was decoded before an error, too: the first thing wrong decides
		if err := refused(&q.Ops[i]); err != zkproto.ErrOK {
			return nil, err
		}
	}
	if d.Err() != nil {
		return nil, zkproto.ErrMarshallingError // unlike other ops, the original gives it a zxid of its own
	}
	txn := &zkproto.MultiTxn{Ops: make([]zkproto.MultiTxnOp, len(q.Ops))}
	failed := false
	before := p.changes.sum
	if c.grown = partGrows * len(q.Ops); p.tooLong(c) {
		return nil, zkproto.ErrBadArguments
	}
	for i := range q.Ops {
		op := &q.Ops[i]
		if failed {
			txn.Ops[i] = zkproto.MultiTxnOp{
				Type: zkproto.OpError,
				Txn:  &zkproto.ErrorTxn{Err: zkproto.ErrRuntimeInconsistency},
			}
			continue
		}
		part, typ, err := p.part(c, op)
		if err != zkproto.ErrOK {
			failed = true
			p.changes.rollback(c.zxid)
			p.changes.sum = before
			txn.Ops[i] = zkproto.MultiTxnOp{Type: zkproto.OpError, Txn: &zkproto.ErrorTxn{Err: err}}
			continue
		}
		txn.Ops[i] = zkproto.MultiTxnOp{Type: typ, Txn: part}
	}
	return txn, zkproto.ErrOK
}

// refused tells why the whole multi cannot be taken for the sake of one part, before any part is decided.
func refused(op *zkproto.MultiOp) zkproto.Error {
	switch op.Type {
	default:
		if op.NullPath {
			return zkproto.ErrMarshallingError
		}
	case zkproto.OpGetData, zkproto.OpGetChildren:
		return zkproto.ErrMarshallingError // reads are for multiRead
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer:
		if mode := op.Create.Mode; !mode.Valid() {
			return zkproto.ErrMarshallingError
		} else if op.Create.ACL == nil {
			return errMalformed
		} else if mode.TTL() || op.NullPath {
			return zkproto.ErrMarshallingError // they cannot say for how long
		}
	}
	return zkproto.ErrOK
}

// part decides one part. A create's mode decides its type: a TTL mode makes it createTTL, container createContainer; a
// createTTL of another mode is a create.
func (p *Prep) part(c *call, op *zkproto.MultiOp) (zkproto.Txn, zkproto.OpCode, zkproto.Error) {
	typ := op.Type
	var txn zkproto.Txn
	var err zkproto.Error
	switch typ {
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL:
		switch {
		case op.Create.Mode.Container():
			typ = zkproto.OpCreateContainer
		case op.Create.Mode.TTL():
			typ = zkproto.OpCreateTTL
		case typ == zkproto.OpCreateTTL:
			typ = zkproto.OpCreate
		}
		txn, err = p.create(c, typ, &op.Create)
	case zkproto.OpDelete:
		txn, err = p.delete(c, op.PathVersion.Path, op.PathVersion.Version)
	case zkproto.OpSetData:
		txn, err = p.setData(c, op.SetData.Path, op.SetData.Data, op.SetData.Version)
	default:
		txn, err = p.check(c, op.PathVersion.Path, op.PathVersion.Version)
	}
	return txn, typ, err
}

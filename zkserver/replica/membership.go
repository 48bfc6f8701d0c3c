package replica

import (
	"encoding/binary"
	"errors"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// typeAt is where a logged transaction has its type: behind client id, cxid, zxid and time.
const typeAt = 8 + 4 + 8 + 8

// PeekMembership tells what configuration a logged transaction proposes; not ok if it is no reconfiguration. It is cheap
// for all others. It is what zab.Config.Membership wants.
func PeekMembership(data []byte) (m *quorum.Membership, ok bool) {
	if len(data) < typeAt+4 || zkproto.OpCode(int32(binary.BigEndian.Uint32(data[typeAt:]))) != zkproto.OpReconfig {
		return nil, false
	}
	_, txn, _, err := DecodeTxn(data)
	if err != nil {
		return nil, false
	}
	set, ok := txn.(*zkproto.SetDataTxn)
	if !ok {
		return nil, false
	}
	m, err = quorum.ParseMembership(set.Data)
	return m, err == nil
}

// reconfigure answers prep: the text of the configuration that a request asks for.
func (r *Replica) reconfigure(q *zkproto.ReconfigRequest, zxid zkproto.Zxid) ([]byte, zkproto.Error) {
	m, err := r.node.Reconfigure(q, zxid)
	var refused *quorum.ReconfigError
	switch {
	case err == nil:
		return m.Data(), zkproto.ErrOK
	case errors.As(err, &refused):
		r.host.Event(Event{Kind: EventReconfigRefused, Zxid: zxid, Reason: refused.Reason})
		return nil, refused.Code
	default:
		return nil, zkproto.ErrSystemError
	}
}

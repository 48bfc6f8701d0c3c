package replica

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// A transaction as it is logged and proposed (zab.Entry.Data):
//
//	| TxnHeader | record by header type | TxnDigest: int version, long digest |   the digest may be missing

// digestSize is what a TxnDigest takes behind the transaction.
const digestSize = 4 + 8

// AppendTxn appends a transaction as it is logged; a digest of Version 0 is left out.
func AppendTxn(b []byte, h *zkproto.TxnHeader, txn zkproto.Txn, digest zkproto.TxnDigest) []byte {
	b = txn.AppendTo(h.AppendTo(b))
	if digest.Version != 0 {
		b = digest.AppendTo(b)
	}
	return b
}

// bareWithDigest tells whether what follows the header of a closeSession is a digest alone, as releases since 3.6 write it
// with closeSessionTxn.enabled=false. A list of paths of that length has one path, so it begins with another number.
func bareWithDigest(body []byte) bool {
	return len(body) == digestSize && binary.BigEndian.Uint32(body) == uint32(tree.DigestVersion)
}

// DecodeTxn reads a logged transaction; the digest has Version 0 when there is none. The result's Data fields are parts of
// data.
func DecodeTxn(data []byte) (zkproto.TxnHeader, zkproto.Txn, zkproto.TxnDigest, error) {
	var h zkproto.TxnHeader
	var digest zkproto.TxnDigest
	d := jute.NewDecoder(data)
	h.Decode(&d)
	if err := d.Err(); err != nil {
		return h, nil, digest, fmt.Errorf("replica: transaction header: %w", err)
	}
	if h.Type == zkproto.OpCloseSession && bareWithDigest(data[d.Offset():]) {
		digest.Decode(&d)
		return h, &zkproto.CloseSessionTxn{Bare: true}, digest, d.Err()
	}
	txn, err := zkproto.DecodeTxn(h.Type, &d)
	if err != nil {
		return h, nil, digest, fmt.Errorf("replica: transaction %s: %w", h.Zxid, err)
	}
	if d.Remaining() == digestSize {
		digest.Decode(&d)
	}
	return h, txn, digest, nil
}

// own gives a transaction its own copy of the data that the tree will keep, so that a znode of some hundred bytes does not hold
// the whole buffer its transaction came in. The tree copies short data itself.
func own(txn zkproto.Txn) {
	switch t := txn.(type) {
	case *zkproto.CreateTxn:
		t.Data = ownData(t.Data)
	case *zkproto.CreateContainerTxn:
		t.Data = ownData(t.Data)
	case *zkproto.CreateTTLTxn:
		t.Data = ownData(t.Data)
	case *zkproto.SetDataTxn:
		t.Data = ownData(t.Data)
	case *zkproto.MultiTxn:
		for i := range t.Ops {
			own(t.Ops[i].Txn)
		}
	}
}

func ownData(data []byte) []byte {
	if len(data) <= tree.Copied {
		return data
	}
	return bytes.Clone(data)
}

package replica

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

// What the tree keeps must not hold the buffer in which many transactions came; what it copies needs no second copy.
func TestOnlyLongDataIsCopiedForTheTree(t *testing.T) {
	for _, length := range []int{0, 1, tree.Copied, tree.Copied + 1, 5000} {
		data := make([]byte, length)
		create, set := &zkproto.CreateTxn{Data: data}, &zkproto.SetDataTxn{Data: data}
		own(&zkproto.MultiTxn{Ops: []zkproto.MultiTxnOp{{Type: zkproto.OpCreate, Txn: create}, {Type: zkproto.OpSetData, Txn: set}}})
		for _, got := range [][]byte{create.Data, set.Data} {
			require.Equal(t, data, got)
			require.Equal(t, length > tree.Copied, unsafe.SliceData(data) != unsafe.SliceData(got), length)
		}
	}
}

package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The four forms of a logged closeSession: before 3.6 and since, each with and without digest.
func TestLoggedCloseSessions(t *testing.T) {
	h := zkproto.TxnHeader{ClientID: 5, Zxid: 7, Type: zkproto.OpCloseSession}
	digest := zkproto.TxnDigest{Version: 2, Digest: 0x2f61626300000000}
	for name, txn := range map[string]*zkproto.CloseSessionTxn{
		"bare": {Bare: true}, "none": {PathsToDelete: []string{}}, "one": {PathsToDelete: []string{"/abc"}}, "two": {PathsToDelete: []string{"/a", "/b"}},
	} {
		for _, with := range []bool{false, true} {
			b := txn.AppendTo(h.AppendTo(nil))
			want := zkproto.TxnDigest{}
			if with {
				b, want = digest.AppendTo(b), digest
			}
			gotH, got, gotDigest, err := DecodeTxn(b)
			require.NoError(t, err, name)
			require.Equal(t, h, gotH)
			require.Equal(t, want, gotDigest, name)
			require.Equal(t, txn.Bare, got.(*zkproto.CloseSessionTxn).Bare, name)
			require.Len(t, got.(*zkproto.CloseSessionTxn).PathsToDelete, len(txn.PathsToDelete), name)
		}
	}
}

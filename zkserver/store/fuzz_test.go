package store

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// Whatever stands in a record of the log: it is refused, or becomes a transaction that the tree takes.
func FuzzDecodeTxn(f *testing.F) {
	log, err := txnlog.OpenFile(vfs.OS(), filepath.Join("..", "txnlog", "testdata", "zk-3.9.5.log.1"))
	require.NoError(f, err)
	defer log.Close()
	for e, err := log.Next(); err == nil; e, err = log.Next() {
		f.Add(append([]byte(nil), e.Body...))
	}
	f.Add([]byte(nil))
	f.Fuzz(func(_ *testing.T, data []byte) {
		h, txn, digest, err := DecodeTxn(data)
		if err != nil {
			return
		}
		t := tree.New()
		t.Apply(&h, txn, nil)
		t.Verify(digest)
	})
}

// A damaged epoch file is refused, and never panics.
func FuzzEpochFile(f *testing.F) {
	for _, text := range []string{"1", "1\n", "", "-1", "4294967296", "1 2"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		mem := vfs.NewMem()
		require.NoError(t, mem.MkdirAll("/v"))
		require.NoError(t, WriteFile(mem, "/v/currentEpoch", text))
		_, _ = LoadEpochs(mem, "/v", 0) // refused or read
	})
}

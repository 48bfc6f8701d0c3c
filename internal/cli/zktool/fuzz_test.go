package zktool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

func FuzzTransactionText(f *testing.F) {
	l, err := txnlog.OpenFile(vfs.OS(), goldenLog)
	require.NoError(f, err)
	defer l.Close()
	for e, err := l.Next(); err == nil; e, err = l.Next() {
		f.Add(append([]byte(nil), e.Body...))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, digest := range []bool{false, true} {
			if text, err := txnText(body, digest); err == nil {
				require.Contains(t, text, " session 0x")
			}
		}
	})
}

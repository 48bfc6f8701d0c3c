package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

func TestFewIsBoundedByNumberAndBytes(t *testing.T) {
	records := func(n, bytes int) []txnlog.Record {
		r := make([]txnlog.Record, n)
		for i := range r {
			r[i].Data = make([]byte, bytes)
		}
		return r
	}
	require.True(t, isFew(records(littleRecords, 100)))
	require.False(t, isFew(records(littleRecords+1, 100)))
	require.True(t, isFew(records(3, littleBytes/3)))
	require.False(t, isFew(records(3, littleBytes/3+1)))
	require.True(t, isFew(records(directBatch, littleBytes)), "a lone one may be as large as it likes")
}

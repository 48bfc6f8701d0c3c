package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

func TestLittleIsBoundedByNumberAndBytes(t *testing.T) {
	records := func(n, bytes int) []txnlog.Record {
		r := make([]txnlog.Record, n)
		for i := range r {
			r[i].Data = make([]byte, bytes)
		}
		return r
	}
	require.True(t, isLittle(records(littleRecords, 100)))
	require.False(t, isLittle(records(littleRecords+1, 100)))
	require.True(t, isLittle(records(2, littleBytes/2)))
	require.False(t, isLittle(records(2, littleBytes/2+1)))
}

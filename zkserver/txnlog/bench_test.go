package txnlog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// BenchmarkAppendSync measures group commit on the real disk of the temporary directory (set TMPDIR to choose it).
func BenchmarkAppendSync(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) { benchAppend(b, n, Options{}, true) })
	}
}

// BenchmarkAppend is the same without the disk: what framing, checksum and write cost.
func BenchmarkAppend(b *testing.B) { benchAppend(b, 100, Options{NoSync: true}, false) }

func benchAppend(b *testing.B, n int, opt Options, sync bool) {
	b.Helper()
	l, err := Open(vfs.OS(), b.TempDir(), opt)
	require.NoError(b, err)
	recs := make([]Record, n)
	for i := range recs {
		recs[i] = record(0, 1024)
	}
	z := zkproto.Zxid(0)
	b.SetBytes(int64(n * len(recs[0].Data)))
	b.ReportAllocs()
	for b.Loop() {
		for i := range recs {
			z++
			recs[i].Zxid = z
			h := zkproto.TxnHeader{Zxid: z, Type: zkproto.OpSetData}
			h.AppendTo(recs[i].Data[:0])
		}
		err := l.Append(recs)
		if err == nil && sync {
			err = l.Sync()
		}
		if err == nil && l.Size() > 256<<20 {
			err = l.Roll()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
	require.NoError(b, l.Close())
}

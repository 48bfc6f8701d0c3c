package txnlog

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// A lone write rewrites the block in which the log ended. Whichever sectors of it the disk has written when the power fails, what was
// acknowledged before is there.
func TestATornBlockKeepsWhatWasAcknowledgedInIt(t *testing.T) {
	m := newMem(t)
	durable, torn, whole := zkproto.Zxid(0), 0, 0
	l := openLog(t, vfs.Inject(m, func(c vfs.Call) error {
		if c.Op != vfs.OpSync {
			return nil
		}
		for seed := range uint64(12) {
			clone := m.CrashClone(vfs.Crash{Rand: rand.New(rand.NewPCG(seed, uint64(c.Seq))), Reorder: durable > 0})
			got, res, err := replay(clone, 0)
			require.NoError(t, err, "record %d seed %d", durable+1, seed)
			require.GreaterOrEqual(t, res.LastZxid, durable, "record %d seed %d", durable+1, seed)
			requireZxids(t, got, 1, res.LastZxid)
			if res.LastZxid > durable {
				whole++
			}
			if res.TornTail != nil {
				torn++
			}
		}
		return nil
	}), Options{PreallocSize: 16 << 10})
	for z := zkproto.Zxid(1); z <= 40; z++ {
		require.NoError(t, l.AppendSync([]Record{record(z, 10+int(z)*97%1500)}))
		durable = z
	}
	require.NoError(t, l.Close())
	require.Greater(t, torn, 100)
	require.Greater(t, whole, 30)
}

// Lone writes and batches in any order on the disk of this machine, read by others between them.
func TestLoneWritesAndBatchesOnDisk(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 7))
		fs, d := vfs.OS(), t.TempDir()
		l, err := Open(fs, d, Options{PreallocSize: []int64{-1, 100_000, 1 << 20}[seed], SizeLimit: 700_000, Park: false})
		require.NoError(t, err)
		z := zkproto.Zxid(0)
		check := func() {
			next := zkproto.Zxid(1)
			require.NoError(t, Read(fs, d, 0, func(got Record) error {
				if got.Zxid != next || string(got.Data) != string(record(next, len(got.Data)-len(record(next, 0).Data)).Data) {
					return fmt.Errorf("seed %d: record %s where %s was to be, or with other data", seed, got.Zxid, next)
				}
				next++
				return nil
			}))
			require.Equal(t, z+1, next, "seed %d", seed)
		}
		for range 150 {
			n := 1 + r.IntN(2)
			lone := r.IntN(4) > 0
			if !lone {
				n = 1 + r.IntN(40)
			}
			recs := make([]Record, n)
			for i := range recs {
				z++
				recs[i] = record(z, r.IntN(3000))
			}
			l.quick = r.IntN(5) > 0
			switch {
			case lone:
				require.NoError(t, l.AppendSync(recs))
			default:
				require.NoError(t, l.Append(recs))
				if r.IntN(3) > 0 {
					require.NoError(t, l.Sync())
				}
			}
			if r.IntN(8) == 0 {
				check()
			}
			if r.IntN(60) == 0 {
				require.NoError(t, l.Roll())
			}
		}
		check()
		end := l.Size()
		require.NoError(t, l.Close())
		check()
		segs, err := Segments(fs, d)
		require.NoError(t, err)
		if end > 0 {
			st, err := fs.Stat(filepath.Join(d, filepath.Base(segs[len(segs)-1].Path)))
			require.NoError(t, err)
			require.Equal(t, end, st.Size, "what was set aside is cut off")
		}
		_, err = Replay(fs, d, 0, func(Record) error { return nil })
		require.NoError(t, err)
	}
}

package txnlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const dir = "d"

// record makes a setData transaction whose data have n bytes.
func record(z zkproto.Zxid, n int) Record {
	h := zkproto.TxnHeader{ClientID: 7, Cxid: int32(z), Zxid: z, Time: 1700000000000, Type: zkproto.OpSetData}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(int(z)*31 + i | 1)
	}
	return Record{Zxid: z, Data: (&zkproto.SetDataTxn{Path: "/a", Data: data, Version: int32(z)}).AppendTo(h.AppendTo(nil))}
}

func records(from, to zkproto.Zxid) (recs []Record) {
	for z := from; z <= to; z++ {
		recs = append(recs, record(z, 10+int(z)*37%700))
	}
	return recs
}

func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	require.NoError(t, m.MkdirAll(dir))
	return m
}

func openLog(t testing.TB, fs vfs.FS, opt Options) *Log {
	t.Helper()
	l, err := Open(fs, dir, opt)
	require.NoError(t, err)
	return l
}

// write appends and syncs batches, rolling between them, and closes the log.
func write(t testing.TB, fs vfs.FS, segments ...[]Record) {
	t.Helper()
	l := openLog(t, fs, Options{PreallocSize: 4096})
	for _, recs := range segments {
		require.NoError(t, l.Append(recs))
		require.NoError(t, l.Roll())
	}
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Append(records(1000, 1000)), ErrClosed)
}

func replay(fs vfs.FS, from zkproto.Zxid) (zxids []zkproto.Zxid, res Result, err error) {
	res, err = Replay(fs, dir, from, func(r Record) error {
		want := record(r.Zxid, 0)
		if string(want.Data[:zkproto.TxnHeaderSize]) != string(r.Data[:zkproto.TxnHeaderSize]) {
			return fmt.Errorf("record %s has another header", r.Zxid)
		}
		zxids = append(zxids, r.Zxid)
		return nil
	})
	return zxids, res, err
}

func requireZxids(t testing.TB, got []zkproto.Zxid, from, to zkproto.Zxid) {
	t.Helper()
	require.Len(t, got, int(to-from+1))
	for i, z := range got {
		require.Equal(t, from+zkproto.Zxid(i), z)
	}
}

func TestReplayHandsOutWhatWasAppended(t *testing.T) {
	m := newMem(t)
	write(t, m, records(1, 3), records(4, 4), records(5, 9))
	for from := zkproto.Zxid(0); from <= 9; from++ {
		got, res, err := replay(m, from)
		require.NoError(t, err)
		requireZxids(t, got, from+1, 9)
		require.Equal(t, Result{LastZxid: 9, Records: int(9 - from)}, res)
	}
	_, res, err := replay(m, 12)
	require.NoError(t, err)
	require.Equal(t, zkproto.Zxid(12), res.LastZxid)
	res, err = Replay(m, dir, 0, func(r Record) error {
		if r.Zxid == 5 {
			return ErrStop
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, zkproto.Zxid(4), res.LastZxid)
	boom := errors.New("boom")
	_, err = Replay(m, dir, 0, func(Record) error { return boom })
	require.ErrorIs(t, err, boom)
}

func TestMissingDirectoryIsAnEmptyLog(t *testing.T) {
	res, err := Replay(vfs.NewMem(), "nowhere", 5, nil)
	require.NoError(t, err)
	require.Equal(t, Result{LastZxid: 5}, res)
	_, err = Open(vfs.NewMem(), "nowhere", Options{})
	require.Error(t, err)
}

func TestReadRunsBesideAWriter(t *testing.T) {
	m := newMem(t)
	l := openLog(t, m, Options{PreallocSize: 4096})
	require.NoError(t, l.Append(records(1, 5)))
	require.NoError(t, l.Sync())
	n := 0
	require.NoError(t, Read(m, dir, 2, func(Record) error { n++; return nil }))
	require.Equal(t, 3, n)
	require.NoError(t, l.Append(records(6, 6)))
	require.NoError(t, l.Close())
}

func TestOneWritePerBatchAndOneSync(t *testing.T) {
	n := map[vfs.Op]int{}
	fs := vfs.Inject(newMem(t), func(c vfs.Call) error { n[c.Op]++; return nil })
	l := openLog(t, fs, Options{PreallocSize: 1 << 20})
	for z := zkproto.Zxid(1); z < 101; z += 10 {
		require.NoError(t, l.Append(records(z, z+9)))
		require.NoError(t, l.Sync())
		require.NoError(t, l.Sync()) // nothing new
	}
	require.Equal(t, map[vfs.Op]int{vfs.OpCreate: 1, vfs.OpWrite: 10, vfs.OpSync: 10, vfs.OpPreallocate: 1, vfs.OpSyncDir: 1}, n)
	require.NoError(t, l.Close())
}

func TestSizeLimitRolls(t *testing.T) {
	m := newMem(t)
	l := openLog(t, m, Options{PreallocSize: -1, SizeLimit: 2000})
	for _, r := range records(1, 30) {
		require.NoError(t, l.Append([]Record{r}))
		require.NoError(t, l.Sync())
		require.Less(t, l.Size(), int64(2000))
	}
	require.NoError(t, l.Close())
	segs, err := Segments(m, dir)
	require.NoError(t, err)
	require.Greater(t, len(segs), 3)
	got, _, err := replay(m, 0)
	require.NoError(t, err)
	requireZxids(t, got, 1, 30)
}

func TestSmallVolumeGetsSmallPreallocation(t *testing.T) {
	m := newMem(t)
	m.SetFreeSpace(32 << 20)
	l := openLog(t, m, Options{})
	require.NoError(t, l.Append(records(1, 1)))
	st, err := m.Stat(filepath.Join(dir, "log.1"))
	require.NoError(t, err)
	require.Equal(t, int64(2<<20), st.Size)
	require.NoError(t, l.Close())
	st, err = m.Stat(filepath.Join(dir, "log.1"))
	require.NoError(t, err)
	require.Less(t, st.Size, int64(200))
}

func TestRefusedRecordsFailTheLog(t *testing.T) {
	for name, recs := range map[string][]Record{
		"short":         {{Zxid: 1, Data: make([]byte, 31)}},
		"other zxid":    {{Zxid: 2, Data: record(1, 0).Data}},
		"not rising":    {record(2, 0), record(2, 0)},
		"below earlier": {record(5, 0), record(4, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t, newMem(t), Options{PreallocSize: -1})
			require.Error(t, l.Append(recs))
			require.Error(t, l.Append(records(9, 9)))
			require.Error(t, l.Err())
			require.NoError(t, l.Close())
		})
	}
}

// workload appends, syncs and rolls, some of it in the way of lone writes, and tells after each sync what must survive. It stops at
// an error. With step, the segment's first size, below a block there are no writes in blocks.
func workload(fs vfs.FS, step int64, durable func(zkproto.Zxid)) error {
	l, err := Open(fs, dir, Options{PreallocSize: step})
	if err != nil {
		return err
	}
	if err := steps(l, durable); err != nil {
		_ = l.Close()
		return err
	}
	return l.Close()
}

func steps(l *Log, durable func(zkproto.Zxid)) error {
	z := zkproto.Zxid(1)
	for step := range 8 {
		n := zkproto.Zxid(1 + step%4)
		appendTo := l.Append
		if n <= 2 && step != 5 {
			appendTo = l.AppendSync
		}
		if err := appendTo(records(z, z+n-1)); err != nil {
			return err
		}
		z += n
		if step == 5 {
			continue // two batches, one sync
		}
		if err := l.Sync(); err != nil {
			return err
		}
		durable(z - 1)
		if step%3 == 2 {
			if err := l.Roll(); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestCrashBeforeEveryOperationKeepsWhatWasSynced(t *testing.T) {
	for _, step := range []int64{2048, 16 << 10} {
		crashBeforeEveryOperation(t, step)
	}
}

func crashBeforeEveryOperation(t *testing.T, step int64) {
	t.Helper()
	torn, refused, clones := 0, 0, 0
	var durable zkproto.Zxid
	m := newMem(t)
	check := func(c vfs.Call) error {
		crashes := []vfs.Crash{{}, {Keep: true}}
		for seed := range uint64(30) {
			r := rand.New(rand.NewPCG(seed, uint64(c.Seq)))
			crashes = append(crashes, vfs.Crash{Rand: r, Reorder: seed%3 == 2})
		}
		for i, crash := range crashes {
			clone := m.CrashClone(crash)
			clones++
			got, res, err := replay(clone, 0)
			var corrupt *CorruptError
			if crash.Reorder && errors.As(err, &corrupt) {
				refused++ // written out of order: refusing is allowed, losing is not
				continue
			}
			require.NoError(t, err, "op %d %s crash %d", c.Seq, c.Op, i)
			requireZxids(t, got, 1, res.LastZxid)
			require.GreaterOrEqual(t, res.LastZxid, durable, "op %d %s crash %d", c.Seq, c.Op, i)
			if res.TornTail != nil {
				torn++
			}
			// Life goes on, and the repair was durable.
			l := openLog(t, clone, Options{PreallocSize: 2048})
			require.NoError(t, l.Append(records(res.LastZxid+1, res.LastZxid+2)))
			require.NoError(t, l.Sync())
			got, again, err := replay(clone.CrashClone(vfs.Crash{}), 0)
			require.NoError(t, err)
			require.Nil(t, again.TornTail)
			requireZxids(t, got, 1, res.LastZxid+2)
		}
		return nil
	}
	require.NoError(t, workload(vfs.Inject(m, check), step, func(z zkproto.Zxid) { durable = z }))
	require.Equal(t, zkproto.Zxid(20), durable)
	require.Positive(t, torn)
	require.Positive(t, refused)
	require.Greater(t, clones, 500)
}

func TestFailureOfEveryOperationIsFinalAndLosesNothing(t *testing.T) {
	for _, step := range []int64{2048, 16 << 10} {
		failureOfEveryOperation(t, step)
	}
}

func failureOfEveryOperation(t *testing.T, step int64) {
	t.Helper()
	boom := errors.New("boom")
	total := 0
	require.NoError(t, workload(vfs.Inject(newMem(t), func(c vfs.Call) error { total = c.Seq; return nil }), step, func(zkproto.Zxid) {}))
	for seq := 1; seq <= total; seq++ {
		for _, fail := range []error{boom, &vfs.PartialWrite{N: 33, Err: boom}} {
			m := newMem(t)
			var op vfs.Op
			var durable zkproto.Zxid
			fs := vfs.Inject(m, func(c vfs.Call) error {
				if c.Seq == seq {
					op = c.Op
					return fail
				}
				return nil
			})
			err := workload(fs, step, func(z zkproto.Zxid) { durable = z })
			if op != vfs.OpPreallocate {
				require.ErrorIs(t, err, boom, "op %d %s", seq, op)
			}
			got, res, err := replay(m.CrashClone(vfs.Crash{}), 0)
			require.NoError(t, err)
			require.GreaterOrEqual(t, res.LastZxid, durable)
			requireZxids(t, got, 1, res.LastZxid)
		}
	}
}

func TestFailedLogIsNeverRetried(t *testing.T) {
	boom := errors.New("boom")
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpCreate} {
		t.Run(string(op), func(t *testing.T) {
			calls, failed := 0, false
			fs := vfs.Inject(newMem(t), func(c vfs.Call) error {
				calls++
				if c.Op == op && !failed {
					failed = true
					return boom
				}
				return nil
			})
			l := openLog(t, fs, Options{PreallocSize: -1})
			err := l.Append(records(1, 2))
			if err == nil {
				err = l.Sync()
			}
			require.ErrorIs(t, err, boom)
			before := calls
			for range 3 {
				require.ErrorIs(t, l.Append(records(3, 3)), boom)
				require.ErrorIs(t, l.Sync(), boom)
				require.ErrorIs(t, l.Roll(), boom)
				require.ErrorIs(t, l.Truncate(1), boom)
				require.ErrorIs(t, l.Err(), boom)
			}
			require.Equal(t, before, calls)
			require.NoError(t, l.Close())
		})
	}
}

func TestTruncateRemovesExactlyWhatFollows(t *testing.T) {
	for keep := zkproto.Zxid(0); keep <= 10; keep++ {
		m := newMem(t)
		l := openLog(t, m, Options{PreallocSize: 4096})
		for _, z := range []zkproto.Zxid{1, 4, 8} {
			require.NoError(t, l.Append(records(z, z+2)))
			if z == 4 {
				require.NoError(t, l.Append(records(7, 7)))
			}
			if z != 8 {
				require.NoError(t, l.Roll())
			}
		}
		require.NoError(t, l.Truncate(keep))
		require.Equal(t, keep, l.LastZxid())
		got, res, err := replay(m.CrashClone(vfs.Crash{}), 0)
		require.NoError(t, err)
		require.Nil(t, res.TornTail)
		requireZxids(t, got, 1, keep)
		// A new leader's first transaction follows.
		next := zkproto.MakeZxid(1, 1)
		require.NoError(t, l.Append([]Record{record(next, 5)}))
		require.NoError(t, l.Close())
		_, res, err = replay(m, 0)
		require.NoError(t, err)
		require.Equal(t, next, res.LastZxid)
	}
}

func TestCrashWhileTruncatingLeavesAPrefix(t *testing.T) {
	m := newMem(t)
	write(t, m, records(1, 3), records(4, 6), records(7, 9))
	l := openLog(t, vfs.Inject(m, func(c vfs.Call) error {
		for seed := range uint64(10) {
			clone := m.CrashClone(vfs.Crash{Rand: rand.New(rand.NewPCG(seed, uint64(c.Seq)))})
			got, res, err := replay(clone, 0)
			require.NoError(t, err)
			require.GreaterOrEqual(t, res.LastZxid, zkproto.Zxid(2))
			requireZxids(t, got, 1, res.LastZxid)
		}
		return nil
	}), Options{})
	require.NoError(t, l.Truncate(2))
	got, _, err := replay(m.CrashClone(vfs.Crash{}), 0)
	require.NoError(t, err)
	requireZxids(t, got, 1, 2)
}

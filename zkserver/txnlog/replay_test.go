package txnlog

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// put writes a file durably.
func put(t testing.TB, fs vfs.FS, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := fs.OpenReadWrite(path)
	if err != nil {
		f, err = fs.Create(path)
	}
	require.NoError(t, err)
	require.NoError(t, f.Truncate(0))
	_, err = f.WriteAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	require.NoError(t, fs.SyncDir(dir))
}

func get(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	n, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, n)
	if n > 0 {
		_, err = f.ReadAt(b, 0)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return b
}

// segment encodes a whole segment and answers where each record begins, and the end.
func segment(recs []Record) (b []byte, at []int) {
	b = appendHeader(nil)
	for _, r := range recs {
		at = append(at, len(b))
		b = appendRecord(b, r.Data)
	}
	return b, append(at, len(b))
}

var zeros = make([]byte, 3000)

func TestTornTailIsCutWithAReason(t *testing.T) {
	b, at := segment(records(1, 5))
	last := at[4]
	cases := map[string]struct {
		file   []byte
		reason string
	}{
		"end inside the frame":  {b[:last+5], "too short for a record"},
		"end inside the body":   {b[:last+40], "bytes follow"},
		"zeros inside the body": {slices.Concat(b[:last+40], zeros), "record ends with 0x00"},
		"no end mark":           {slices.Concat(b[:len(b)-1], zeros), "record ends with 0x00"},
		"zeros after checksum":  {slices.Concat(b[:last+8], zeros), "record length 0"},
		"half a length":         {slices.Concat(b[:last+10], zeros), "record length"},
		"flipped bit":           {slices.Concat(flip(b, last+50), zeros), "checksum is"},
		"junk":                  {slices.Concat(b[:last], []byte("junk, and more of it"), zeros), "record length"},
		"junk behind zeros":     {slices.Concat(b[:last], zeros[:100], []byte("junk"), zeros), "other bytes behind"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMem(t)
			put(t, m, "log.1", c.file)
			require.NoError(t, Read(m, dir, 0, func(Record) error { return nil }))
			require.Equal(t, c.file, get(t, m, "log.1"))
			got, res, err := replay(m, 0)
			require.NoError(t, err)
			requireZxids(t, got, 1, 4)
			require.Equal(t, int64(last), res.TornTail.Offset)
			require.Equal(t, filepath.Join(dir, "log.1"), res.TornTail.File)
			require.Contains(t, res.TornTail.Reason, c.reason)
			require.Equal(t, b[:last], get(t, m.CrashClone(vfs.Crash{}), "log.1"))
			_, res, err = replay(m, 0)
			require.NoError(t, err)
			require.Nil(t, res.TornTail)
		})
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 4
	return b
}

func TestCorruptMiddleIsRefusedAndNothingIsCut(t *testing.T) {
	b, at := segment(records(1, 5))
	third := at[2]
	cases := map[string][]byte{
		"flipped bit in body":     flip(b, third+45),
		"flipped bit in checksum": flip(b, third+6),
		"flipped bit in length":   flip(b, third+11),
		"huge length":             flip(b, third+8),
		"end mark":                flip(b, at[3]-1),
		"record zeroed":           slices.Concat(b[:third], make([]byte, at[3]-third), b[at[3]:]),
		"bytes lost":              slices.Concat(b[:third+20], b[third+29:]),
		"bytes added":             slices.Concat(b[:third+20], []byte("abc"), b[third+20:]),
	}
	for name, damaged := range cases {
		for _, tail := range [][]byte{nil, zeros} {
			t.Run(name, func(t *testing.T) {
				m := newMem(t)
				file := slices.Concat(damaged, tail)
				put(t, m, "log.1", file)
				_, res, err := replay(m, 0)
				var c *CorruptError
				require.ErrorAs(t, err, &c)
				require.Equal(t, int64(third), c.Offset)
				require.Equal(t, filepath.Join(dir, "log.1"), c.File)
				require.Contains(t, c.Error(), "move this server's version-2")
				require.Nil(t, res.TornTail)
				require.Equal(t, file, get(t, m, "log.1"))
			})
		}
	}
}

func TestDamageFarFromTheNextRecordIsFound(t *testing.T) {
	recs := []Record{record(1, 10), record(2, 3*window/2), record(3, 2*window), record(4, 20)}
	b, at := segment(recs)
	m := newMem(t)
	put(t, m, "log.1", flip(b, at[1]+100))
	_, _, err := replay(m, 0)
	var c *CorruptError
	require.ErrorAs(t, err, &c)
	require.Equal(t, int64(at[1]), c.Offset)
	require.Contains(t, c.Reason, "zxid 0x3")
}

func TestOlderSegmentsAreNeverCut(t *testing.T) {
	b, at := segment(records(1, 5))
	next, _ := segment(records(6, 8))
	m := newMem(t)
	put(t, m, "log.1", slices.Concat(b[:at[4]+40], zeros))
	put(t, m, "log.6", next)
	_, _, err := replay(m, 0)
	var c *CorruptError
	require.ErrorAs(t, err, &c)
	require.Equal(t, int64(at[4]), c.Offset)
	// With a snapshot at 5 that segment is not needed.
	got, _, err := replay(m, 5)
	require.NoError(t, err)
	requireZxids(t, got, 6, 8)
	// The original goes on after a crash in a new segment with the zxid that was torn: nothing is missing then.
	next, _ = segment(records(5, 8))
	put(t, m, "log.5", next)
	require.NoError(t, m.Remove(filepath.Join(dir, "log.6")))
	got, _, err = replay(m, 0)
	require.NoError(t, err)
	requireZxids(t, got, 1, 8)
}

// A hole in the log is found when it is read (ZOOKEEPER-4925: a hole handed on by a server that had it unnoticed).
func TestGapsAreRefused(t *testing.T) {
	e := func(epoch, counter uint32) zkproto.Zxid { return zkproto.MakeZxid(epoch, counter) }
	cases := map[string]struct {
		segs   [][]zkproto.Zxid
		from   zkproto.Zxid
		reason string
	}{
		"missing segment":          {[][]zkproto.Zxid{{1, 2}, {5, 6}}, 0, "after zxid 0x2 are missing"},
		"missing beginning":        {[][]zkproto.Zxid{{3, 4}}, 0, "after zxid 0x0 are missing"},
		"missing after snapshot":   {[][]zkproto.Zxid{{3, 4}, {9}}, 7, "after zxid 0x7 are missing"},
		"covered by snapshot":      {[][]zkproto.Zxid{{1, 2}, {5, 6}}, 4, ""},
		"inside what is covered":   {[][]zkproto.Zxid{{1, 2, 5, 6}}, 5, ""},
		"new epoch":                {[][]zkproto.Zxid{{1, 2}, {e(1, 1), e(1, 2), e(4, 1)}}, 0, ""},
		"new epoch not from start": {[][]zkproto.Zxid{{1, 2}, {e(1, 2)}}, 0, "after zxid 0x2 are missing"},
		"going back":               {[][]zkproto.Zxid{{1, 2, 3, 2}}, 0, "follows one with zxid 0x3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMem(t)
			for _, zs := range c.segs {
				var recs []Record
				for _, z := range zs {
					recs = append(recs, record(z, 9))
				}
				b, _ := segment(recs)
				put(t, m, SegmentName(zs[0]), b)
			}
			_, err := Replay(m, dir, c.from, func(Record) error { return nil })
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.reason)
		})
	}
	m := newMem(t)
	b, _ := segment(records(2, 3))
	put(t, m, "log.1", b)
	_, _, err := replay(m, 0)
	require.ErrorContains(t, err, "not the one in the file's name")
}

func TestSegmentWithoutRecords(t *testing.T) {
	h := appendHeader(nil)
	for name, c := range map[string]struct {
		file []byte
		bad  string
	}{
		"empty": {nil, ""}, "zeros": {zeros, ""}, "half a header": {h[:7], ""}, "half a header, zeros": {slices.Concat(h[:7], zeros), ""},
		"header": {h, ""}, "header, zeros": {slices.Concat(h, zeros), ""},
		"not a log":     {[]byte("this is no transaction log"), "magic number"},
		"other version": {slices.Concat(h[:7], []byte{3}, zeros), "format version 3"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMem(t)
			write(t, m, records(1, 3))
			put(t, m, "log.4", c.file)
			put(t, m, "log.4.bak", nil) // no segment
			put(t, m, "snapshot.0", nil)
			got, res, err := replay(m, 0)
			requireZxids(t, got, 1, 3)
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				require.Equal(t, c.file, get(t, m, "log.4"))
				return
			}
			require.NoError(t, err)
			require.True(t, res.TornTail.Removed)
			write(t, m, records(4, 5)) // the name is free again
			got, _, err = replay(m, 0)
			require.NoError(t, err)
			requireZxids(t, got, 1, 5)
		})
	}
}

func TestFailedRepairIsAnError(t *testing.T) {
	b, at := segment(records(1, 5))
	for _, op := range []vfs.Op{vfs.OpTruncate, vfs.OpSync, vfs.OpRead, vfs.OpList, vfs.OpOpen} {
		m := newMem(t)
		put(t, m, "log.1", b[:at[4]+40])
		_, _, err := replay(vfs.Inject(m, vfs.FailNth(op, "", 1, os.ErrDeadlineExceeded)), 0)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, string(op))
	}
}

func TestGoldenLogsOfTheOriginal(t *testing.T) {
	for name, digests := range map[string]bool{"zk-3.9.5.log.1": true, "zk-3.9.5-nodigest.log.1": false} {
		t.Run(name, func(t *testing.T) {
			golden, err := os.ReadFile(filepath.Join("testdata", name))
			require.NoError(t, err)
			m := newMem(t)
			put(t, m, "log.1", golden)
			var again []Record
			types := map[zkproto.OpCode]int{}
			res, err := Replay(m, dir, 0, func(r Record) error {
				d := jute.NewDecoder(r.Data)
				var h zkproto.TxnHeader
				h.Decode(&d)
				txn, err := zkproto.DecodeTxn(h.Type, &d)
				require.NoError(t, err)
				b := txn.AppendTo(h.AppendTo(nil))
				if digests && d.Remaining() > 0 {
					var dig zkproto.TxnDigest
					dig.Decode(&d)
					b = dig.AppendTo(b)
				}
				require.Zero(t, d.Remaining())
				require.NoError(t, d.Err())
				require.Equal(t, r.Data, b)
				types[h.Type]++
				again = append(again, Record{Zxid: h.Zxid, Data: b})
				return nil
			})
			require.NoError(t, err)
			require.Nil(t, res.TornTail)
			require.Equal(t, zkproto.Zxid(0x17), res.LastZxid)
			require.Equal(t, 3, types[zkproto.OpCreateSession])
			require.Equal(t, 1, types[zkproto.OpCloseSession])
			require.Equal(t, 2, types[zkproto.OpMulti])
			require.Equal(t, 3, types[zkproto.OpError])

			m2 := newMem(t)
			l := openLog(t, m2, Options{PreallocSize: -1})
			require.NoError(t, l.Append(again))
			require.NoError(t, l.Close())
			ours := get(t, m2, "log.1")
			require.Equal(t, bytes.TrimRight(golden, "\x00"), ours)
		})
	}
}

// FuzzReplay: whatever a file holds, Replay answers records that rise and check, or an error, and a second Replay agrees.
func FuzzReplay(f *testing.F) {
	b, at := segment(records(1, 4))
	f.Add(b)
	f.Add(b[:at[3]+20])
	f.Add(flip(b, at[1]+30))
	f.Add(slices.Concat(b, zeros))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMem(t)
		put(t, m, "log.1", b)
		var first, second []zkproto.Zxid
		_, err := Replay(m, dir, 0, func(r Record) error { first = append(first, r.Zxid); return nil })
		require.True(t, slices.IsSorted(first))
		if err != nil {
			require.Len(t, get(t, m, "log.1"), len(b))
			return
		}
		res, err := Replay(m, dir, 0, func(r Record) error { second = append(second, r.Zxid); return nil })
		require.NoError(t, err)
		require.Nil(t, res.TornTail)
		require.Equal(t, first, second)
	})
}

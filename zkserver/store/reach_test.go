package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

func never() bool { return false }

// segments makes a disk with a log in several segments, and a snapshot at the beginning of the last one.
func segments(t *testing.T, all ...[]zkproto.Zxid) *vfs.Mem {
	t.Helper()
	m := newDisk(t)
	s, st := open(t, m)
	for i, zxids := range all {
		if i == len(all)-1 {
			_, err := snapshot.Write(m, snapDir, st.Tree.LastZxid(), &frozen{tree: st.Tree})
			require.NoError(t, err)
		}
		add(t, s, st.Tree, zxids...)
		require.NoError(t, s.Log.Roll())
	}
	require.NoError(t, s.Log.Close())
	return m
}

func TestReachBackBehindTheSnapshot(t *testing.T) {
	m := segments(t, []zkproto.Zxid{zx(1, 1), zx(1, 2)}, []zkproto.Zxid{zx(1, 3), zx(3, 1)}, []zkproto.Zxid{zx(3, 2), zx(3, 3)}, []zkproto.Zxid{zx(3, 4)})
	size := func(z zkproto.Zxid) int64 {
		info, err := m.Stat(logDir + "/" + txnlog.SegmentName(z))
		require.NoError(t, err)
		return info.Size
	}
	for _, c := range []struct {
		name     string
		limit    int64
		replaced zkproto.Zxid
		from     zkproto.Zxid
	}{
		{"everything", 1 << 20, 0, zx(1, 1)},
		{"what is within the limit", size(zx(3, 2)) + 1, 0, zx(1, 3)},
		{"the last segment", 1, 0, zx(3, 2)},
		{"nothing", 0, 0, 0},
		{"no further than a restore", 1 << 20, zx(1, 3), zx(1, 3)},
		{"a restore later than all", 1 << 20, zx(3, 4), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := m.CrashClone(vfs.Crash{})
			if c.replaced != 0 {
				require.NoError(t, MarkReplaced(disk, snapDir, c.replaced))
			}
			s, st := open(t, disk)
			require.Equal(t, zx(3, 3), st.SnapshotZxid)
			_, ok := s.Floor(zx(3, 2), 0)
			require.False(t, ok, "before it has looked")
			from, err := s.ReachBack(c.limit, never)
			require.NoError(t, err)
			require.Equal(t, c.from, from)
			for _, z := range []zkproto.Zxid{zx(1, 0), zx(1, 1), zx(1, 2), zx(1, 3), zx(2, 7), zx(3, 1), zx(3, 2)} {
				floor, known := s.Floor(z, 0)
				require.Equal(t, c.from != 0 && z >= c.from, known, "%s", z)
				if !known {
					continue
				}
				want := z
				if z == zx(2, 7) {
					want = zx(1, 3)
				}
				require.Equal(t, want, floor, "%s", z)
				n := 0
				require.NoError(t, s.Replay(floor, zx(3, 4), func(txnlog.Record) error { n++; return nil }))
				require.Positive(t, n)
			}
			floor, ok := s.Floor(zx(3, 4), 0)
			require.True(t, ok)
			require.Equal(t, zx(3, 4), floor)
			require.NoError(t, s.Log.Close())
		})
	}
}

// Where something is missing nobody is told that the log could be read.
func TestReachBackFindsAHole(t *testing.T) {
	whole := segments(t, []zkproto.Zxid{zx(1, 1), zx(1, 2)}, []zkproto.Zxid{zx(1, 3)}, []zkproto.Zxid{zx(1, 4)}, []zkproto.Zxid{zx(1, 5)})
	for _, c := range []struct {
		name string
		gone []zkproto.Zxid
		from zkproto.Zxid
		err  string
	}{
		{"in the middle", []zkproto.Zxid{zx(1, 3)}, 0, "missing"},
		{"at the beginning", []zkproto.Zxid{zx(1, 1)}, zx(1, 3), ""},
		{"before the snapshot", []zkproto.Zxid{zx(1, 4)}, 0, "missing"},
		{"everything before it", []zkproto.Zxid{zx(1, 1), zx(1, 3), zx(1, 4)}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := whole.CrashClone(vfs.Crash{})
			s, _ := open(t, disk)
			for _, z := range c.gone {
				require.NoError(t, disk.Remove(logDir+"/"+txnlog.SegmentName(z)))
			}
			from, err := s.ReachBack(1<<20, never)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.from, from)
			_, ok := s.Floor(zx(1, 3), 0)
			require.Equal(t, c.from != 0, ok)
			_, ok = s.Floor(zx(1, 2), 0)
			require.False(t, ok)
			require.NoError(t, s.Log.Close())
		})
	}
}

// What was found is worth nothing when the history is another one.
func TestReachBackIsForgottenWithTheHistory(t *testing.T) {
	m := segments(t, []zkproto.Zxid{zx(1, 1), zx(1, 2)}, []zkproto.Zxid{zx(1, 3)})
	s, _ := open(t, m)
	from, err := s.ReachBack(1<<20, func() bool { return true })
	require.NoError(t, err)
	require.Zero(t, from, "told to stop")
	from, err = s.ReachBack(1<<20, never)
	require.NoError(t, err)
	require.Equal(t, zx(1, 1), from)
	floor, ok := s.Floor(zx(1, 1), 0)
	require.True(t, ok)
	require.Equal(t, zx(1, 1), floor)
	_, ok = s.Floor(zx(1, 1), 1)
	require.False(t, ok, "too much to read")
	s.history.reset(zx(5, 9))
	_, ok = s.Floor(zx(1, 1), 0)
	require.False(t, ok)
	require.NoError(t, s.Log.Close())
}

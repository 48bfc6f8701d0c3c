package txnlog

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// quickFS is a file system whose files are vfs.WriteSyncers.
type quickFS struct {
	vfs.FS
	calls  *int
	parks  bool
	parked *[]bool // what was asked for
}

func (q quickFS) Create(name string) (vfs.File, error) {
	f, err := q.FS.Create(name)
	return quickFile{f, q.calls, q.parks, q.parked}, err
}

type quickFile struct {
	vfs.File
	calls  *int
	parks  bool
	parked *[]bool // what was asked for
}

// Parks implements vfs.WriteSyncer.
func (f quickFile) Parks() bool { return f.parks }

// WriteSync implements vfs.WriteSyncer.
func (f quickFile) WriteSync(p []byte, off int64, park bool) error {
	*f.calls++
	if f.parked != nil {
		*f.parked = append(*f.parked, park)
	}
	_, err := f.WriteAt(p, off)
	return errors.Join(err, f.Sync())
}

func TestAppendSyncIsDurable(t *testing.T) {
	for _, quick := range []bool{false, true} {
		m := newMem(t)
		calls, fs := 0, vfs.FS(m)
		if quick {
			fs = quickFS{FS: m, calls: &calls}
		}
		syncs := 0
		l := openLog(t, fs, Options{PreallocSize: 4096, SizeLimit: 6000, OnSync: func(time.Duration, bool) { syncs++ }})
		require.NoError(t, l.AppendSync(nil))
		for z := zkproto.Zxid(1); z <= 40; z++ {
			l.quick = true // whatever this machine is busy with
			require.NoError(t, l.AppendSync(records(z, z)))
			require.Equal(t, z, l.LastZxid())
			zxids, _, err := replay(m.CrashClone(vfs.Crash{}), 0)
			require.NoError(t, err)
			requireZxids(t, zxids, 1, z)
		}
		segs, err := Segments(m, dir)
		require.NoError(t, err)
		require.Greater(t, len(segs), 1)
		require.Equal(t, 40+len(segs)-1, syncs, "one each, and one when a segment ends")
		if quick {
			require.Equal(t, 40-len(segs), calls, "the first of each segment makes its name durable, too")
		}
		require.NoError(t, l.Close())
		require.ErrorIs(t, l.AppendSync(records(41, 41)), ErrClosed)
	}
}

func TestAppendSyncAfterAppendOrASlowSyncGoesTheLongWay(t *testing.T) {
	calls := 0
	l := openLog(t, quickFS{FS: newMem(t), calls: &calls}, Options{})
	require.NoError(t, l.Append(records(1, 1)))
	require.NoError(t, l.Sync())
	require.NoError(t, l.Append(records(2, 2)))
	l.quick = true
	require.NoError(t, l.AppendSync(records(3, 3)), "what was appended before is synced, too")
	require.Zero(t, calls)
	l.timed(2 * time.Millisecond)
	require.NoError(t, l.AppendSync(records(4, 4)))
	require.Zero(t, calls)
	l.quick = true
	require.NoError(t, l.AppendSync(records(5, 5)))
	require.Equal(t, 1, calls)
	require.NoError(t, l.Close())
}

// A sync that keeps no thread is for slow disks, and for all where that is wanted.
func TestASyncThatKeepsNoThread(t *testing.T) {
	for _, c := range []struct {
		park, parks bool
		asked       []bool // with a quick disk, and with a slow one
	}{
		{false, false, []bool{false}}, {true, false, []bool{true}}, {false, true, []bool{false, true}}, {true, true, []bool{true, true}},
	} {
		calls, asked := 0, []bool(nil)
		l := openLog(t, quickFS{FS: newMem(t), calls: &calls, parks: c.parks, parked: &asked}, Options{Park: c.park})
		require.NoError(t, l.Append(records(1, 1)))
		require.NoError(t, l.Sync())
		l.quick = true
		require.NoError(t, l.AppendSync(records(2, 2)))
		l.timed(2 * time.Second)
		require.NoError(t, l.AppendSync(records(3, 3)))
		require.Equal(t, c.asked, asked)
		require.NoError(t, l.Close())
	}
}

func TestAFailedAppendSyncIsFinal(t *testing.T) {
	boom := errors.New("boom")
	failing := false
	m := newMem(t)
	calls := 0
	fs := quickFS{calls: &calls, FS: vfs.Inject(m, func(c vfs.Call) error {
		if failing && c.Op == vfs.OpSync {
			return boom
		}
		return nil
	})}
	l := openLog(t, fs, Options{})
	require.NoError(t, l.AppendSync(records(1, 1)))
	failing, l.quick = true, true
	require.ErrorIs(t, l.AppendSync(records(2, 2)), boom)
	require.Equal(t, 1, calls)
	failing = false
	require.ErrorIs(t, l.AppendSync(records(3, 3)), boom)
	require.ErrorIs(t, l.Sync(), boom)
	require.Equal(t, zkproto.Zxid(1), l.LastZxid())
	l = openLog(t, quickFS{FS: newMem(t), calls: &calls}, Options{})
	require.NoError(t, l.AppendSync(records(5, 5)))
	l.quick = true
	require.ErrorContains(t, l.AppendSync(records(5, 5)), "the record before 0x5")
}

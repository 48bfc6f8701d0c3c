package zkserver

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// small is a disk whose free space a test says.
type smallDisk struct {
	vfs.FS
	free atomic.Int64
}

func (d *smallDisk) FreeSpace(string) (int64, error) { return d.free.Load(), nil }

// snapshots counts the snapshot files.
func (r *running) snapshots() (n int) {
	names, err := r.fs.List(r.snapDir())
	require.NoError(r.t, err)
	for _, name := range names {
		if strings.HasPrefix(name, "snapshot.") {
			n++
		}
	}
	return n
}

func TestNearlyFullDisk(t *testing.T) {
	disk := &smallDisk{FS: vfs.OS()}
	disk.free.Store(1 << 40)
	cfg := testConfig(t)
	cfg.SnapCount, cfg.DiskAlarm = 20, 50<<20
	r := startWith(t, cfg, WithFS(disk))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	await(t, func() bool {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", nil)).Err)
		return r.snapshots() > 5
	}, "snapshots are written")
	require.False(t, r.DiskStatus().Alarm)

	disk.free.Store(1 << 20)
	await(t, func() bool { r.wakeHouse(); return r.DiskStatus().Alarm }, "alarm")
	require.Equal(t, DiskStatus{DataFree: 1 << 20, LogFree: 1 << 20, Alarm: true, Threshold: 50 << 20}, r.DiskStatus())
	r.awaitLog("the disk is nearly full")
	require.GreaterOrEqual(t, r.snapshots(), 1, "never the last one")
	require.Less(t, r.snapshots(), 5, "purged at once")
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", nil)).Err, "it goes on as long as it can")

	disk.free.Store(60 << 20) // a bit more than the threshold: the next file may take it again
	await(t, func() bool { r.wakeHouse(); return r.DiskStatus().DataFree == 60<<20 }, "looked")
	require.True(t, r.DiskStatus().Alarm)

	disk.free.Store(1 << 40)
	await(t, func() bool { r.wakeHouse(); return !r.DiskStatus().Alarm }, "the alarm ends")
	r.awaitLog("there is room on the disk again")
	require.Equal(t, zkproto.ErrOK, r.restart().raw(zkclient.Handshake{}).ask(zkproto.OpExists, readBody("/a", false)).Err)
}

// A server that is restarted more often than the purge comes by the clock purges, too.
func TestPurgeAMinuteAfterTheStart(t *testing.T) {
	cfg := testConfig(t)
	cfg.SnapCount, cfg.PurgeInterval = 20, 24*time.Hour
	now := clock.NewFake(time.Now())
	r := startWith(t, cfg, WithClock(now))
	await(t, func() bool { return r.DiskStatus().LogFree != 0 }, "the first look")
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	await(t, func() bool {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", nil)).Err)
		return r.stats.snapshots.Load() >= 6
	}, "snapshots are written")
	require.Greater(t, r.snapshots(), 4)
	now.Advance(firstPurge)
	await(t, func() bool { r.wakeHouse(); return r.snapshots() <= 4 }, "purged, though one may have been on its way")
}

// Heavy writes fill a disk faster than the server looks at it by the clock: so it looks again whenever a part of the reserve has
// been written. The clock stands still here.
func TestDiskIsLookedAtAsItFills(t *testing.T) {
	disk := &smallDisk{FS: vfs.OS()}
	disk.free.Store(1 << 40)
	cfg := testConfig(t)
	cfg.DiskAlarm = 1 << 20
	r := startWith(t, cfg, WithFS(disk), WithClock(clock.NewFake(time.Now())))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	await(t, func() bool { return r.DiskStatus().LogFree == 1<<40 }, "the first look, at both directories")
	disk.free.Store(100)
	value := make([]byte, 64<<10)
	for range 4 { // a quarter of the reserve, and a bit
		require.False(t, r.DiskStatus().Alarm)
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", value)).Err)
	}
	await(t, func() bool { return r.DiskStatus().Alarm }, "alarm")
}

// While the disk is nearly full each new snapshot makes room at once: not only as often as the alarm is told.
func TestNearlyFullDiskIsPurgedAfterEachSnapshot(t *testing.T) {
	disk := &smallDisk{FS: vfs.OS()}
	disk.free.Store(100)
	cfg := testConfig(t)
	cfg.SnapCount, cfg.DiskAlarm = 20, 50<<20
	r := startWith(t, cfg, WithFS(disk), WithClock(clock.NewFake(time.Now())))
	await(t, func() bool { return r.DiskStatus().Alarm }, "alarm")
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	for n := range int64(6) {
		await(t, func() bool {
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", nil)).Err)
			return r.stats.snapshots.Load() > n
		}, "a snapshot is written")
		await(t, func() bool { return r.snapshots() == 1 }, "and the others are gone")
	}
	require.Equal(t, 1, r.logs.FilterMessageSnippet("the disk is nearly full").Len(), "told once a minute")
	require.Equal(t, zkproto.ErrOK, r.restart().raw(zkclient.Handshake{}).ask(zkproto.OpExists, readBody("/a", false)).Err)
}

func TestFullDiskStopsTheServer(t *testing.T) {
	var full atomic.Bool
	cfg := testConfig(t)
	r := startWith(t, cfg, WithFS(vfs.Inject(vfs.OS(), func(c vfs.Call) error {
		if full.Load() && c.Op == vfs.OpWrite {
			return &vfs.PartialWrite{N: 10, Err: syscall.ENOSPC}
		}
		return nil
	})))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/kept", nil, 0)).Err)
	full.Store(true)
	require.NoError(t, c.Write(frame(7, zkproto.OpCreate, createBody("/lost", nil, 0))))
	require.Error(t, c.ReadBatch(func([]byte) error { return nil }), "nothing is acknowledged")
	<-r.Failed()
	require.ErrorIs(t, r.Err(), syscall.ENOSPC)
	r.stop()
	full.Store(false)
	again := startWith(t, cfg)
	d := again.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, d.ask(zkproto.OpExists, readBody("/kept", false)).Err)
	require.Equal(t, zkproto.ErrNoNode, d.ask(zkproto.OpExists, readBody("/lost", false)).Err)
}

func TestMissingDirectoriesAreRefusedWhenAsked(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataDir, cfg.DirAutocreate = filepath.Join(cfg.DataDir, "volume"), false
	s, err := New(cfg)
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(), "zookeeper.datadir.autocreate is false: mount the right volume, or run zkserver init")
	require.NoError(t, vfs.OS().MkdirAll(filepath.Join(cfg.DataDir, versionDir)))
	startWith(t, cfg)
}

func TestSecurityReportAtStart(t *testing.T) {
	r := start(t, func(c *config.Config) { c.SkipACL = true })
	r.awaitLog("security: skipACL=yes: every client may read and change everything")
	q := start(t)
	q.awaitLog("security: everybody may create znodes below /")
}

// A volume that cannot tell its free space is no alarm.
func TestUnknownFreeSpace(t *testing.T) {
	r := startWith(t, testConfig(t), WithFS(unknownSpace{vfs.OS()}))
	await(t, func() bool { r.wakeHouse(); return r.DiskStatus().DataFree == -1 }, "looked")
	require.False(t, r.DiskStatus().Alarm)
}

type unknownSpace struct{ vfs.FS }

func (unknownSpace) FreeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }

package zkserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// Power cuts at random moments under pipelined load, on a disk that keeps what was synced and any part of the rest: what
// was acknowledged is there after the recovery, and what no client could see may be.
func TestAcknowledgedWritesSurvivePowerCuts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewMem()
	cfg := testConfig(t)
	cfg.DataDir, cfg.SnapCount = filepath.Join(string(filepath.Separator), "data"), 300
	r := startWith(t, cfg, WithFS(disk))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/n", make([]byte, 8), 0)).Err)
	var sent uint64
	for range 15 {
		acked := loadUntilPowerCut(t, r, c, &sent, random, &disk)
		r.stop()
		r = startWith(t, cfg, WithFS(disk))
		c = r.raw(zkclient.Handshake{})
		rep := c.ask(zkproto.OpGetData, readBody("/n", false))
		require.Equal(t, zkproto.ErrOK, rep.Err)
		var data zkproto.GetDataReply
		data.Decode(&rep.body)
		n := binary.BigEndian.Uint64(data.Data)
		require.GreaterOrEqual(t, n, acked, "an acknowledged write is lost")
		require.LessOrEqual(t, n, sent)
	}
}

// loadUntilPowerCut counts /n up in a pipeline, clones the disk as a power cut would leave it at some moment, and returns
// the last number acknowledged before that moment.
func loadUntilPowerCut(t *testing.T, r *running, c *raw, sent *uint64, random *rand.Rand, disk **vfs.Mem) (acked uint64) {
	t.Helper()
	cutAfter, base := 1+random.IntN(2000), *sent
	for done := 0; done < cutAfter; {
		var out []byte
		for ; *sent-base < uint64(done+100); *sent++ {
			out = append(out, frame(int32(*sent-base)+50, zkproto.OpSetData, setBody("/n", binary.BigEndian.AppendUint64(nil, *sent+1)))...)
		}
		require.NoError(t, c.Write(out))
		require.Equal(t, zkproto.ErrOK, c.next().Err)
		for done++; len(c.pending) > 0 && done < cutAfter; done++ {
			require.Equal(t, zkproto.ErrOK, c.next().Err)
		}
		acked = base + uint64(done)
	}
	*disk = (*disk).CrashClone(vfs.Crash{Rand: random, Reorder: false})
	return acked
}

// A failing fsync or write stops the server: what was not synced is not answered, and nothing is after it.
func TestFailingDiskStopsTheServer(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpSync, vfs.OpWrite} {
		t.Run(string(op), func(t *testing.T) {
			cfg := testConfig(t)
			boom := errors.New("the disk is on fire")
			var mu sync.Mutex
			broken := false
			fs := vfs.Inject(vfs.OS(), func(call vfs.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if broken && call.Op == op {
					return boom
				}
				return nil
			})
			r := startWith(t, cfg, WithFS(fs))
			c := r.raw(zkclient.Handshake{})
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/good", nil, 0)).Err)
			mu.Lock()
			broken = true
			mu.Unlock()
			require.NoError(t, c.Write(frame(5, zkproto.OpCreate, createBody("/bad", nil, 0))))
			require.Error(t, c.ReadBatch(func(f []byte) error {
				t.Errorf("a write that is not durable was answered: %x", f)
				return nil
			}))
			select {
			case <-r.Failed():
			case <-time.After(10 * time.Second):
				require.FailNow(t, "the server goes on")
			}
			require.ErrorIs(t, r.Err(), boom)
			require.ErrorContains(t, r.Err(), cfg.DataDir)
			_, err := net.Dial("tcp", r.Addr().String())
			require.Error(t, err, "the port is closed")
			require.ErrorIs(t, r.Shutdown(t.Context()), boom)

			mu.Lock()
			broken = false
			mu.Unlock()
			again := startWith(t, cfg)
			require.Equal(t, zkproto.ErrOK, again.raw(zkclient.Handshake{}).ask(zkproto.OpExists, readBody("/good", false)).Err)
		})
	}
}

func TestStartIsRefusedClearly(t *testing.T) {
	r := start(t)
	try := func(change func(*config.Config)) error {
		cfg := testConfig(t)
		change(&cfg)
		s, err := New(cfg)
		require.NoError(t, err)
		err = s.Start()
		require.Error(t, err)
		require.NoError(t, s.Shutdown(context.Background()))
		return err
	}
	err := try(func(c *config.Config) { c.DataDir = r.cfg.DataDir })
	require.EqualError(t, err, fmt.Sprintf("zkserver: dataDir %s is in use by another server: stop that one, or give this one a "+
		"directory of its own", r.cfg.DataDir))
	err = try(func(c *config.Config) { c.ClientPort = r.Addr().(*net.TCPAddr).Port })
	require.ErrorContains(t, err, "another program, perhaps another server, uses the port: stop it or choose another clientPort")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err = try(func(c *config.Config) { c.DataDir = file })
	require.ErrorContains(t, err, "cannot be written")
	require.ErrorContains(t, err, "make it a directory this user may write to")

	_, err = New(config.Default())
	require.ErrorContains(t, err, "dataDir: missing")
}

func TestCorruptLogIsRefusedWithFileAndOffset(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	for i := range 50 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(fmt.Sprintf("/n%d", i), make([]byte, 100), 0)).Err)
	}
	r.stop()
	logs, err := filepath.Glob(filepath.Join(r.cfg.DataDir, versionDir, "log.*"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	text, err := os.ReadFile(logs[0])
	require.NoError(t, err)
	text[1000] ^= 1
	require.NoError(t, os.WriteFile(logs[0], text, 0o600))
	s, err := New(r.cfg)
	require.NoError(t, err)
	err = s.Start()
	require.ErrorContains(t, err, logs[0])
	require.NoError(t, s.Shutdown(context.Background()))
}

// Writes under way when Shutdown is called are finished and answered; those of them that were not sent any further are
// not half done.
func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	r := start(t)
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/n", nil, 0)).Err)
	var out []byte
	for i := range 500 {
		out = append(out, frame(int32(i+10), zkproto.OpSetData, setBody("/n", []byte("x")))...)
	}
	require.NoError(t, c.Write(out))
	answered := int32(0)
	require.Equal(t, int32(10), c.next().Xid)
	r.stop()
	for err := error(nil); err == nil; {
		err = c.ReadBatch(func(f []byte) error { answered++; return nil })
	}
	answered += int32(len(c.pending)) + 1
	again := startWith(t, r.cfg)
	rep := again.raw(zkclient.Handshake{Resume: &c.Session}).ask(zkproto.OpExists, readBody("/n", false))
	require.Equal(t, zkproto.ErrOK, rep.Err)
	var stat zkproto.Stat
	stat.Decode(&rep.body)
	require.GreaterOrEqual(t, stat.Version, answered)
}

// Snapshots are written and old files purged while writes go on.
func TestSnapshotsAndPurge(t *testing.T) {
	for name, every := range map[string]time.Duration{"by the clock": 20 * time.Millisecond, "by what has piled up": time.Hour} {
		t.Run(name, func(t *testing.T) { snapshotsAndPurge(t, every) })
	}
}

func snapshotsAndPurge(t *testing.T, every time.Duration) {
	t.Helper()
	r := start(t, func(c *config.Config) { c.SnapCount, c.PurgeInterval = 50, every })
	c := r.raw(zkclient.Handshake{})
	snapshots := func() []string {
		names, err := filepath.Glob(filepath.Join(r.cfg.DataDir, versionDir, "snapshot.*"))
		require.NoError(t, err)
		return names
	}
	i := 0
	await(t, func() bool {
		for range 50 {
			require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(fmt.Sprintf("/n%d", i), nil, 0)).Err)
			i++
		}
		return r.stats.snapshots.Load() >= 13 && len(snapshots()) <= 4
	})
	r = r.restart()
	require.Equal(t, i+5, r.tree.NodeCount())
}

package zkserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// advance moves the server's time and waits until its tick has taken note.
func (r *running) advance(fake *clock.Fake, d time.Duration) {
	r.t.Helper()
	fake.Advance(d)
	await(r.t, func() bool {
		seen := false
		r.onCore(func() { seen = r.beat.Load() == fake.Now().UnixNano() })
		return seen
	})
}

func TestExpiryByTheServersClock(t *testing.T) {
	fake := clock.NewFake(time.Now())
	r := startWith(t, testConfig(t), WithClock(fake))
	silent := r.raw(zkclient.Handshake{Timeout: 200 * time.Millisecond})
	require.Equal(t, zkproto.ErrOK, silent.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	exists := func() bool {
		r.treeMu.RLock()
		defer r.treeMu.RUnlock()
		_, _, ok := r.tree.Exists("/e")
		return ok
	}
	for passed := time.Duration(0); passed < 190*time.Millisecond; passed += 10 * time.Millisecond {
		r.advance(fake, 10*time.Millisecond)
		require.True(t, exists(), "expired after %v", passed)
	}
	for range 3 {
		r.advance(fake, 10*time.Millisecond)
	}
	await(t, func() bool { return !exists() }) // the transaction is on its way
}

// However long a recovery takes, the sessions that it finds have all of their time, and end after it.
func TestSessionsExpireAfterALongRecovery(t *testing.T) {
	cfg := testConfig(t)
	first := startWith(t, cfg)
	gone := first.raw(zkclient.Handshake{Timeout: 200 * time.Millisecond})
	require.Equal(t, zkproto.ErrOK, gone.ask(zkproto.OpCreate, createBody("/e", nil, zkproto.ModeEphemeral)).Err)
	first.stop()

	fake := clock.NewFake(time.Now())
	slow := vfs.Inject(vfs.OS(), func(c vfs.Call) error {
		if c.Op == vfs.OpOpen && c.N == 1 {
			fake.Advance(time.Hour)
		}
		return nil
	})
	r := startWith(t, cfg, WithClock(fake), WithFS(slow))
	exists := func() bool {
		r.treeMu.RLock()
		defer r.treeMu.RUnlock()
		_, _, ok := r.tree.Exists("/e")
		return ok
	}
	for passed := time.Duration(0); passed < 190*time.Millisecond; passed += 10 * time.Millisecond {
		r.advance(fake, 10*time.Millisecond)
		require.True(t, exists(), "expired after %v", passed)
	}
	for range 12 { // up to a bucket later
		r.advance(fake, 10*time.Millisecond)
	}
	await(t, func() bool { return !exists() })
}

// A server that did not run for a while cannot know who was silent: nobody expires for it.
func TestNobodyExpiresBecauseTheServerWasHeldUp(t *testing.T) {
	fake := clock.NewFake(time.Now())
	r := startWith(t, testConfig(t), WithClock(fake))
	c := r.raw(zkclient.Handshake{Timeout: 200 * time.Millisecond})
	// A timer that is late shows as a time that is far ahead at the first tick: the fake clock drops the ticks between.
	r.advance(fake, time.Hour)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/", false)).Err)
	require.Zero(t, r.stats.expired.Load())
	r.awaitLog("the server was held up")
}

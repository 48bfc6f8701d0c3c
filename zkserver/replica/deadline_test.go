package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// An ensemble that has nothing to do sleeps: it is woken for pings, and now and then to see that it was not suspended.
func TestIdleEnsembleSleeps(t *testing.T) {
	c := newCluster(t, 3, func(cfg *Config) { cfg.Zab.PingTicks, cfg.Zab.SyncTicks = 100, 500 })
	leader := c.leader()
	w := leader.connect()
	c.tick(100)
	c.wakes = 0
	c.tick(1000) // ten seconds of three servers
	require.Less(t, c.wakes, 3*10*6)
	require.NoError(t, w.closed)
	require.Equal(t, zab.Leading, leader.r.Node().Status().Role)
	c.same()

	// A session still expires when it should, to the bucket.
	w.silent, w.heard = true, c.now.Mono
	c.tick(400)
	require.NoError(t, w.closed)
	c.tick(12)
	require.ErrorIs(t, w.closed, ErrExpired)
}

// The patience with a silent leader is as long as with a tick every 10 ms.
func TestSleepingFollowerNoticesASilentLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader, follower := c.leader(), c.learner(0)
	for _, id := range c.order {
		c.cut[[2]zab.Sid{leader.id, id}] = true
	}
	at := follower.r.Node().LeaderSilent()
	c.tick(50 - int(at) - 1)
	require.Equal(t, zab.Following, follower.r.Node().Status().Role)
	c.tick(2)
	require.NotEqual(t, zab.Following, follower.r.Node().Status().Role)
}

// One that was suspended does not count that time, and gives all sessions another chance.
func TestSleeperThatWasSuspended(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	w := leader.connect()
	w.silent, w.heard = true, c.now.Mono
	require.LessOrEqual(t, leader.r.Deadline(), c.now.Mono+maxSleep)
	c.now.Mono += 10_000
	leader.r.Pass(c.now)
	leader.perform()
	require.Equal(t, 1, leader.saw(EventHeldUp))
	require.NoError(t, w.closed)
	require.Equal(t, zab.Leading, leader.r.Node().Status().Role)
}

// Standalone, only sessions need the time.
func TestStandaloneSleeps(t *testing.T) {
	c := newCluster(t, 1, func(cfg *Config) { cfg.Zab.Standalone, cfg.TickMillis = true, 100 })
	s := c.servers[1]
	w := s.connect()
	require.Greater(t, s.r.Deadline(), c.now.Mono+100)
	w.silent, w.heard = true, c.now.Mono
	c.tick(410)
	require.ErrorIs(t, w.closed, ErrExpired)
	require.Equal(t, 1, s.saw(EventSessionExpired))
	require.Equal(t, zkproto.Zxid(2), s.tree.LastZxid())
}

package failover_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
)

var (
	firstActive  = [2]target.State{target.Active, target.Standby}
	secondActive = [2]target.State{target.Standby, target.Active}
)

func mustNotFence(target.Identity) error { return errors.New("nobody is to be fenced") }

// The original's orderly restart is an outage of 8 s and a failover.
func TestRestartedControllerOfTheActiveChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = mustNotFence
		p.after(time.Second)
		before := time.Now()
		p.halt["nn1"](failover.ErrRestart)
		require.Equal(t, firstActive, p.after(900*time.Millisecond))
		p.start("nn1")
		require.Equal(t, firstActive, p.after(time.Second))
		require.True(t, p.ctl["nn1"].Status().Active)
		require.Equal(t, []string{"active", "active"}, p.svc["nn1"].calls, "never made standby")
		require.Empty(t, p.names("nn2", before), "the other controller has noticed nothing")
		require.Contains(t, p.names("nn1", before), failover.EventKept)

		require.NoError(t, p.ctl["nn2"].GracefulFailover(t.Context()), "all works as before")
		require.Equal(t, secondActive, p.after(0))
	})
}

// The end comes when the service is active and the elector has not yet heard of it.
func TestControllerThatEndsTheMomentItsServiceIsActive(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		want  [2]target.State
	}{"restart": {failover.ErrRestart, firstActive}, "stop": {nil, secondActive}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t).start("nn2")
				p.fence = mustNotFence
				p.after(time.Second)
				p.onLine = func(node, line string) {
					if node == "nn1" && strings.HasSuffix(line, "to active state") {
						p.cancel["nn1"](c.cause)
						time.Sleep(time.Second)
					}
				}
				p.start("nn1").after(time.Second)
				go func() { _ = p.ctl["nn1"].GracefulFailover(t.Context()) }()
				p.after(3 * time.Second)
				require.NoError(t, p.end["nn1"]())
				require.Equal(t, c.want, p.after(time.Second))
				p.mu.Lock()
				p.onLine = nil
				p.mu.Unlock()
				p.start("nn1")
				require.Equal(t, c.want, p.after(time.Second))
			})
		})
	}
}

func TestRestartThatComesTooLateIsAGracefulFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = mustNotFence
		p.after(time.Second)
		p.halt["nn1"](failover.ErrRestart)
		p.world.Expire(lock)
		require.Equal(t, secondActive, p.after(0), "asked to stand down, as it is healthy")
		p.start("nn1")
		require.Equal(t, secondActive, p.after(3*time.Second))
		require.Equal(t, "STANDBY", p.ctl["nn1"].Status().Election)
	})
}

// Without a place to keep the session, the lock of the dead controller is another session's: the original makes its own
// active service standby then, and nobody is active until that session expires.
func TestRestartedControllerDoesNotDemoteItsOwnActiveService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = mustNotFence
		p.after(time.Second)
		p.halt["nn1"](failover.ErrRestart)
		p.world.Forget("nn1")
		p.start("nn1")
		require.Equal(t, firstActive, p.after(5*time.Second))
		require.Equal(t, "NEUTRAL", p.ctl["nn1"].Status().Election)
		require.Equal(t, []string{"active"}, p.svc["nn1"].calls)
		p.world.Expire(lock)
		states := p.after(time.Second)
		require.True(t, states == firstActive || states == secondActive, "whoever was faster: %v", states)
	})
}

func TestRestartedControllerObeysALockOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn2")
		p.after(time.Second)
		p.svc["nn1"].state = target.Active // left so by a controller that died long ago, say
		p.start("nn1")
		require.Equal(t, secondActive, p.after(time.Second))
	})
}

func TestStandbyThatRestartsSimplyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.halt["nn2"](failover.ErrRestart)
		p.start("nn2")
		require.Equal(t, firstActive, p.after(time.Second))
		require.Equal(t, "STANDBY", p.ctl["nn2"].Status().Election)
	})
}

func TestStopWithoutASuccessorLeavesTheServiceActive(t *testing.T) {
	for name, other := range map[string]func(p *pair){
		"nobody there": func(*pair) {},
		"unhealthy":    func(p *pair) { p.svc["nn2"].ill = true; p.start("nn2") },
		"an observer":  func(p *pair) { p.svc["nn2"].state = target.Observer; p.start("nn2") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t).start("nn1")
				other(p)
				p.after(time.Second)
				p.stop["nn1"]()
				require.Equal(t, target.Active, p.after(time.Second)[0], "a stopped controller is no reason to have no active service")
				_, held := p.world.Data(lock)
				require.False(t, held)
				_, crumb := p.world.Data(breadcrumb)
				require.True(t, crumb, "who becomes active later asks it to stand down")
				require.True(t, slices.ContainsFunc(p.events, func(e failover.Event) bool { return e.Name == failover.EventUnattended }))
				if name == "nobody there" {
					p.fence = mustNotFence
					p.start("nn2")
					require.Equal(t, secondActive, p.after(time.Second))
				}
			})
		})
	}
}

// A large NameNode takes its time to become standby. Neither that nor an earlier request to cede confuses a stop.
func TestStopWaitsForASlowServiceToBecomeStandby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = mustNotFence
		p.after(time.Second)
		require.NoError(t, p.ctl["nn2"].GracefulFailover(t.Context()))
		require.NoError(t, p.ctl["nn1"].GracefulFailover(t.Context()))
		p.after(time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].slowStandby = 4 * time.Second })
		began := time.Now()
		p.stop["nn1"]()
		require.Equal(t, 4*time.Second, time.Since(began))
		require.Equal(t, secondActive, p.after(time.Second))
		require.False(t, slices.ContainsFunc(p.events, func(e failover.Event) bool { return e.Name == failover.EventUnattended }))
		_, held := p.world.Data(lock)
		require.True(t, held)
	})
}

func TestStopBesideAFrozenControllerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = mustNotFence
		p.after(time.Second)
		p.freeze("nn2") // its RPC; its election goes on
		began := time.Now()
		p.stop["nn1"]()
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Equal(t, secondActive, p.after(0), "it takes over when the lock is free, and asks the service to stand down")
	})
}

// The original's NameNodes both said active for up to 0.38 s after SIGCONT.
func TestServiceThatWakesUpActiveIsMadeStandbyAtItsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(900 * time.Millisecond)
		p.svc["nn1"].freeze()
		require.Equal(t, [2]target.State{target.Active, target.Active}, p.after(time.Minute), "the frozen one does not know better")
		woken := time.Now()
		p.svc["nn1"].wake()
		synctest.Wait() // no time passes
		require.Equal(t, target.Standby, p.svc["nn1"].is())
		require.Equal(t, failover.EventReturned, p.names("nn1", woken)[0], "before its health is known and the election joined")
		require.Equal(t, secondActive, p.after(5*time.Second))
	})
}

func TestServiceThatWakesUpAloneIsActiveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1")
		p.after(900 * time.Millisecond)
		p.svc["nn1"].freeze()
		p.after(time.Minute)
		p.svc["nn1"].wake()
		require.Equal(t, target.Active, p.after(time.Second)[0])
	})
}

func TestHungActiveIsStoppedHereWhenThatIsConfigured(t *testing.T) {
	for name, c := range map[string]struct {
		harm  func(s *stub)
		fence int
	}{
		"hung":                  {(*stub).freeze, 1},
		"dead":                  {(*stub).kill, 0},
		"hung, but wakes early": {func(s *stub) { s.freeze(); time.AfterFunc(1100*time.Millisecond, s.wake) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				var stopped []string
				p.self = fencer(func(_ context.Context, n target.Identity) (fencing.Record, error) {
					owner, _ := p.world.Data(lock)
					mine, err := target.MarshalNodeInfo(n)
					require.NoError(t, err)
					require.NotEqual(t, string(mine), owner, "the lock is given up first")
					stopped = append(stopped, n.ServiceID)
					p.svc["nn1"].set(func() { p.svc["nn1"].dead = true })
					return fencing.Record{Method: "shell(kill)"}, nil
				})
				p.diagnose = func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
				p.start("nn1", "nn2").after(900 * time.Millisecond)
				c.harm(p.svc["nn1"])
				require.Equal(t, target.Active, p.after(3 * time.Second)[1])
				require.Len(t, stopped, c.fence)
			})
		})
	}
}

func TestControllerOutlivesAnyOutageOfZooKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.world.Cut()
		p.svc["nn2"].kill() // the original's controller of a service that restarts in an outage exits
		p.after(time.Minute)
		require.Equal(t, "SERVICE_NOT_RESPONDING", p.ctl["nn2"].Status().Health, "health is watched all the time")
		p.svc["nn2"].set(func() { p.svc["nn2"].dead = false })
		require.Equal(t, firstActive, p.after(10*time.Minute))
		require.Equal(t, "SERVICE_HEALTHY", p.ctl["nn2"].Status().Health)
		p.world.Restore()
		require.Equal(t, firstActive, p.after(time.Second))
		require.Equal(t, "STANDBY", p.ctl["nn2"].Status().Election)
	})
}

func TestControllerGivesUpOnZooKeeperOnlyIfToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.patience = 45 * time.Second
		c := p.start("nn1").ctl["nn1"]
		p.after(time.Second)
		p.world.Cut()
		p.after(10 * time.Minute)
		require.Equal(t, "NEUTRAL", c.Status().Election, "the session may live: that is no reason")
		p.world.Restore()
		p.after(time.Second)
		p.world.Cut()
		p.svc["nn1"].kill()
		p.after(time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].dead = false })
		p.after(44 * time.Second)
		require.NotContains(t, p.names("nn1", time.Time{}), failover.EventStopped)
		p.after(2 * time.Second)
		require.Contains(t, p.names("nn1", time.Time{}), failover.EventStopped)
		require.ErrorIs(t, p.end["nn1"](), failover.ErrNoZooKeeper)
	})
}

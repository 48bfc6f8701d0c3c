package failover_test

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/fencing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFirstNodeBecomesActiveWithTheRecordedBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		require.Equal(t, [2]target.State{target.Active, target.Standby}, p.after(time.Second))
		want, err := target.MarshalNodeInfo(identity("nn1"))
		require.NoError(t, err)
		got, _ := p.world.Data(lock)
		require.Equal(t, hex.EncodeToString(want), hex.EncodeToString([]byte(got)))
		crumb, _ := p.world.Data(breadcrumb)
		require.Equal(t, got, crumb)
	})
}

func TestKilledServiceIsReplacedWithoutAnyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		var fenced []string
		p.fence = func(n target.Identity) error { fenced = append(fenced, n.ServiceID); return nil }
		p.after(300 * time.Millisecond)
		began := time.Now()
		p.svc["nn1"].kill()
		synctest.Wait() // no time passes
		require.Equal(t, target.Active, p.svc["nn2"].is())
		require.Equal(t, []string{"nn1"}, fenced)
		require.Equal(t, []string{
			failover.EventServiceDown, failover.EventHealthChanged, failover.EventElectionQuit, failover.EventSessionClosed,
		}, p.names("nn1", began))
		require.Equal(t, []string{
			failover.EventLockLost, failover.EventLockAcquired, failover.EventBreadcrumbRead, failover.EventFenceStart,
			failover.EventFenceGraceful, failover.EventFenceMethod, failover.EventFenceDone, failover.EventBreadcrumbWritten,
			failover.EventPromoteStart, failover.EventPromoteDone,
		}, p.names("nn2", began))
		ids := map[string]bool{}
		for _, e := range p.events {
			if !e.Time.Before(began) {
				ids[e.Correlation] = true
			}
		}
		require.Len(t, ids, 1, "one failover, one correlation id on both nodes")
	})
}

func TestDeadMachineIsReplacedWhenItsSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].dead = true })
		p.world.Freeze(lock)
		synctest.Wait()
		require.Equal(t, target.Active, p.svc["nn2"].is())
	})
}

func TestHungServiceIsReplacedWithinItsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(900 * time.Millisecond)
		p.svc["nn1"].set(func() { p.svc["nn1"].hang = true })
		require.Equal(t, target.Active, p.after(1400 * time.Millisecond)[1])
	})
}

// What a controller tells another one of its service: that it hangs, from when the lock is given up until the first answer.
func TestControllerTellsOfAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1")
		hangs := func(want bool, when string) {
			t.Helper()
			got, err := p.ctl["nn1"].ServiceHangs(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, got, when)
		}
		hangs(false, "alive")
		p.svc["nn1"].set(func() { p.svc["nn1"].hang = true })
		p.after(500 * time.Millisecond)
		hangs(false, "not silent for long enough")
		p.after(600 * time.Millisecond)
		hangs(true, "given up")
		p.svc["nn1"].set(func() { p.svc["nn1"].hang = false })
		p.after(2 * time.Second)
		hangs(false, "it answers again")
		p.svc["nn1"].set(func() { p.svc["nn1"].dead = true })
		p.after(2 * time.Second)
		hangs(false, "dead is not hung: a connection tells that at once")
	})
}

func TestSlowPromotionIsNotMistakenForAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.svc["nn1"].slow = 10 * time.Second
		p.start("nn1")
		require.Equal(t, target.Standby, p.after(9 * time.Second)[0])
		require.Equal(t, target.Active, p.after(1100 * time.Millisecond)[0])
		require.Equal(t, []string{"active"}, p.svc["nn1"].calls, "asked once, never interrupted")
		p.svc["nn1"].set(func() { p.svc["nn1"].hang = true })
		p.after(3 * time.Second)
		require.Equal(t, "SERVICE_NOT_RESPONDING", p.ctl["nn1"].Status().Health, "a hang afterwards is one")
	})
}

func TestUnhealthyServiceIsReplacedGracefully(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = func(target.Identity) error { return errors.New("must not be asked: it can stand down by itself") }
		p.after(time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].ill = true })
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(1100*time.Millisecond))
	})
}

// The original fetches a thread dump before it leaves the election: 20 s of a hung NameNode's failover.
func TestLookAtASickServiceDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		var began, looks atomic.Int32
		p.diagnose = func(ctx context.Context) ([]byte, error) {
			began.Add(1)
			<-ctx.Done() // hangs, as the service does
			looks.Add(1)
			return nil, ctx.Err()
		}
		p.start("nn1", "nn2")
		p.after(time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].ill = true })
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(1100*time.Millisecond))
		require.EqualValues(t, 1, began.Load())
		require.Zero(t, looks.Load(), "it still looks")
		p.after(20 * time.Second)
		require.Equal(t, []int32{1, 1}, []int32{began.Load(), looks.Load()}, "once for a sickness")
		require.True(t, slices.ContainsFunc(p.events, func(e failover.Event) bool {
			return e.Name == failover.EventDiagnosed && e.Node == "nn1" && e.Detail == "context deadline exceeded" && e.Millis == 20000
		}))
		p.svc["nn1"].set(func() { p.svc["nn1"].ill = false })
		p.after(2 * time.Second)
		p.svc["nn1"].set(func() { p.svc["nn1"].ill = true })
		p.after(2 * time.Second)
		require.EqualValues(t, 2, began.Load())
		p.stop["nn1"]() // does not wait for the look's deadline
		require.EqualValues(t, 2, looks.Load())
	})
}

// What a hung service was doing: its threads it may not tell any more, its log is there.
func TestSickServiceLeavesItsLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.diagnose = func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
		var tails atomic.Int32
		p.tail = func(context.Context) ([]byte, error) { tails.Add(1); return []byte("last words"), nil }
		p.start("nn1", "nn2").after(900 * time.Millisecond)
		p.svc["nn1"].freeze()
		require.Equal(t, target.Active, p.after(1500 * time.Millisecond)[1])
		require.EqualValues(t, 1, tails.Load())
		require.Contains(t, p.names("nn1", time.Time{}), failover.EventLogTail)
		require.NotContains(t, p.names("nn1", time.Time{}), failover.EventDiagnosed, "it still waits for the threads")
		p.svc["nn1"].wake()
	})
}

func TestNobodyBecomesActiveUnlessFencingSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = func(target.Identity) error { return fencing.ErrNotFenced }
		p.after(time.Second)
		p.svc["nn1"].kill()
		require.NotEqual(t, target.Active, p.after(20 * time.Second)[1])
		p.mu.Lock()
		p.fence = func(target.Identity) error { return nil }
		p.mu.Unlock()
		require.Equal(t, target.Active, p.after(5 * time.Second)[1])
	})
}

func TestUnreadableBreadcrumbStopsPromotionAndNamesTheRemedy(t *testing.T) {
	for name, data := range map[string]string{"garbage": "\xff\xffgarbage", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.world.Put(breadcrumb, []byte(data))
				p.start("nn1")
				require.Equal(t, target.Standby, p.after(10 * time.Second)[0])
				i := slices.IndexFunc(p.events, func(e failover.Event) bool { return e.Name == failover.EventFenceFailed })
				require.GreaterOrEqual(t, i, 0)
				for _, want := range []string{breadcrumb, hex.EncodeToString([]byte(data)), "delete the znode"} {
					require.Contains(t, p.events[i].Detail, want)
				}
			})
		})
	}
}

func TestBreadcrumbOfAnotherAddressOrUnknownNodeIsRefused(t *testing.T) {
	moved, stranger := identity("nn2"), identity("nn7")
	moved.Port = 9999
	for _, c := range []struct {
		id   target.Identity
		want string
	}{{moved, "Mismatched address stored in ZK for nn2"}, {stranger, "not in this node's configuration"}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			data, err := target.MarshalNodeInfo(c.id)
			require.NoError(t, err)
			p.world.Put(breadcrumb, data)
			p.start("nn1")
			require.Equal(t, target.Standby, p.after(time.Second)[0])
			require.True(t, slices.ContainsFunc(p.events, func(e failover.Event) bool { return strings.Contains(e.Detail, c.want) }))
		})
	}
}

func TestRefusedPromotionGivesTheOtherNodeItsChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.svc["nn1"].refuse = target.Refused("not ready")
		p.start("nn1", "nn2")
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(3*time.Second))
	})
}

func TestOutageOfZooKeeperChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.world.Cut()
		require.Equal(t, [2]target.State{target.Active, target.Standby}, p.after(time.Minute))
		require.Equal(t, "NEUTRAL", p.ctl["nn1"].Status().Election)
		p.world.Restore()
		require.Equal(t, [2]target.State{target.Active, target.Standby}, p.after(time.Second))
		require.True(t, p.ctl["nn1"].Status().Active)
	})
}

func TestStateChangedByHandMovesTheActiveRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(1500 * time.Millisecond)
		p.svc["nn1"].set(func() { p.svc["nn1"].state = target.Standby })
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(3*time.Second))
		p.after(3 * time.Second)
		require.Equal(t, "STANDBY", p.ctl["nn1"].Status().Election, "it is in the election again")
	})
}

func TestObserverIsNoCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.svc["nn1"].state = target.Observer
		p.start("nn1")
		require.Equal(t, target.Observer, p.after(3 * time.Second)[0])
		require.ErrorContains(t, p.ctl["nn1"].GracefulFailover(t.Context()), "is in observer state. Cannot be failover target")
		p.svc["nn1"].set(func() { p.svc["nn1"].state = target.Standby })
		require.Equal(t, target.Active, p.after(2 * time.Second)[0])
	})
}

func TestOrderlyStopHandsOverAtOnceAndFencesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = func(target.Identity) error { return errors.New("must not be asked") }
		p.after(time.Second)
		p.stop["nn1"]()
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(0))
	})
}

func TestGracefulFailoverThereAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.fence = func(target.Identity) error { return errors.New("must not be asked") }
		p.after(time.Second)
		require.NoError(t, p.ctl["nn2"].GracefulFailover(t.Context()))
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(0))
		require.NoError(t, p.ctl["nn2"].GracefulFailover(t.Context()), "already active")
		require.NoError(t, p.ctl["nn1"].GracefulFailover(t.Context()), "the prohibition has been lifted")
		require.Equal(t, [2]target.State{target.Active, target.Standby}, p.after(0))
	})
}

func TestGracefulFailoverGoesOnWithoutADeadThirdNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.others = append(p.others, identity("nn3"))
		p.start("nn1", "nn2").after(time.Second)
		require.NoError(t, p.ctl["nn2"].GracefulFailover(t.Context()))
		require.Equal(t, [2]target.State{target.Standby, target.Active}, p.after(0))
	})
}

func TestGracefulFailoverSucceedsWhenTheFrozenControllerLosesItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.freeze("nn1")
		done := make(chan error, 1)
		go func() { done <- p.ctl["nn2"].GracefulFailover(t.Context()) }()
		p.after(2 * time.Second)
		p.world.Freeze(lock)
		require.NoError(t, <-done)
	})
}

func TestGracefulFailoverRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1", "nn2")
		p.after(time.Second)
		p.svc["nn2"].set(func() { p.svc["nn2"].ill = true })
		p.after(1100 * time.Millisecond)
		err := p.ctl["nn2"].GracefulFailover(t.Context())
		require.ErrorIs(t, err, target.ErrRefused)
		require.Regexp(t, `^NameNode at /127\.0\.0\.1:8022 is not currently healthy\. Cannot be failover target$`, err.Error())
	})
}

func TestCedingNodeStaysOutForTheTimeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t).start("nn1")
		p.after(time.Second)
		require.NoError(t, p.ctl["nn1"].CedeActive(t.Context(), 3000))
		require.Equal(t, target.Standby, p.after(2900 * time.Millisecond)[0])
		_, crumb := p.world.Data(breadcrumb)
		require.False(t, crumb, "it left in order")
		require.Equal(t, target.Active, p.after(200 * time.Millisecond)[0])
	})
}

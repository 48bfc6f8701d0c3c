package elector_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/elector/electortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app is an App of functions; nil ones succeed.
type app struct {
	fence   func(context.Context, []byte) error
	active  func(context.Context) error
	standby func(context.Context) error
}

func (a app) FenceOldActive(ctx context.Context, data []byte) error {
	if a.fence == nil {
		return nil
	}
	return a.fence(ctx, data)
}

func (a app) BecomeActive(ctx context.Context) error {
	if a.active == nil {
		return nil
	}
	return a.active(ctx)
}

func (a app) BecomeStandby(ctx context.Context) error {
	if a.standby == nil {
		return nil
	}
	return a.standby(ctx)
}

func start(t *testing.T, w *electortest.World, a elector.App) *elector.Elector {
	t.Helper()
	e := elector.New(elector.Config{Parent: "/p", Connect: w.Connect, App: a})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return e
}

func TestStandbyFencesAndTakesOverWhenTheActiveQuitsInDisorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := electortest.New()
		var fenced []byte
		a := start(t, w, app{})
		b := start(t, w, app{fence: func(_ context.Context, d []byte) error { fenced = d; return nil }})
		a.Join([]byte("a"), false)
		synctest.Wait()
		b.Join([]byte("b"), false)
		synctest.Wait()
		require.Equal(t, []elector.State{elector.Active, elector.Standby}, []elector.State{a.State(), b.State()})
		lead := a.Leadership()
		require.NoError(t, lead.Err())

		require.NoError(t, a.Leave(t.Context(), true))
		synctest.Wait()
		require.Equal(t, []elector.State{elector.Init, elector.Active}, []elector.State{a.State(), b.State()})
		require.Error(t, lead.Err(), "leadership ends with the lock")
		require.Equal(t, "a", string(fenced))
		require.Equal(t, []string{
			"create /p/" + elector.LockName + " a", "create /p/" + elector.BreadcrumbName + " a",
			"create /p/" + elector.LockName + " b", "set /p/" + elector.BreadcrumbName + " b",
		}, w.Journal())
	})
}

func TestOrderlyLeaveNeedsNoFencing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := electortest.New()
		a := start(t, w, app{})
		b := start(t, w, app{fence: func(context.Context, []byte) error { return errors.New("must not be asked") }})
		a.Join([]byte("a"), false)
		synctest.Wait()
		b.Join([]byte("b"), false)
		synctest.Wait()
		require.NoError(t, a.Leave(t.Context(), false))
		synctest.Wait()
		require.Equal(t, elector.Active, b.State())
		data, err := a.ActiveData(t.Context()) // by a session of its own
		require.NoError(t, err)
		require.Equal(t, "b", string(data))
	})
}

func TestExpiryEndsLeadershipAndThePromotionUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := electortest.New()
		var ended error
		once := true
		a := start(t, w, app{active: func(ctx context.Context) error {
			if once {
				once = false
				<-ctx.Done()
				ended = ctx.Err()
			}
			return ended
		}})
		a.Join([]byte("a"), false)
		synctest.Wait()
		w.Expire("/p/" + elector.LockName)
		synctest.Wait()
		require.ErrorIs(t, ended, context.Canceled)
	})
}

func TestFailedFencingLeavesTheLockToOthersForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := electortest.New()
		w.Put("/p/"+elector.BreadcrumbName, []byte("old"))
		tries := 0
		a := start(t, w, app{fence: func(context.Context, []byte) error {
			if tries++; tries < 3 {
				return errors.New("no method worked")
			}
			return nil
		}})
		a.Join([]byte("a"), false)
		synctest.Wait()
		require.Equal(t, 1, tries)
		require.NotEqual(t, elector.Active, a.State())
		_, held := w.Data("/p/" + elector.LockName)
		require.False(t, held, "the lock is free")
		crumb, _ := w.Data("/p/" + elector.BreadcrumbName)
		require.Equal(t, "old", crumb, "the breadcrumb still names who must be fenced")
		_, err := a.ActiveData(t.Context())
		require.ErrorIs(t, err, elector.ErrNoActive)
		time.Sleep(3 * time.Second) // 1s, then 2s
		synctest.Wait()
		require.Equal(t, elector.Active, a.State())
	})
}

func TestLeaveWithoutSessionReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, start(t, electortest.New(), app{}).Leave(t.Context(), true))
	})
}

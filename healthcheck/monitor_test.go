package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a scripted service: alive, hanging, unhealthy or dead.
type service struct {
	mu     sync.Mutex
	health func(context.Context) error
	status func(context.Context) (target.Status, error)
	down   chan struct{}
	calls  int
}

var errRefused = errors.New("connection refused")

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func healthy() *service {
	return &service{
		health: func(context.Context) error { return nil },
		status: func(context.Context) (target.Status, error) { return target.Status{State: target.Standby}, nil },
		down:   make(chan struct{}),
	}
}

func (s *service) MonitorHealth(ctx context.Context) error {
	s.mu.Lock()
	f := s.health
	s.mu.Unlock()
	return f(ctx)
}

func (s *service) Status(ctx context.Context) (target.Status, error) {
	s.mu.Lock()
	s.calls++
	f := s.status
	s.mu.Unlock()
	return f(ctx)
}

func (s *service) Down() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil {
		return nil
	}
	return s.down
}

func (s *service) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// die closes the connection; whoever connects now is refused.
func (s *service) die() {
	s.set(func() {
		s.status = func(context.Context) (target.Status, error) { return target.Status{}, errRefused }
		close(s.down)
		s.down = nil
	})
}

type entry struct {
	at    time.Duration
	state State
}

// watch runs a monitor in a bubble and records the changes of state.
func watch(t *testing.T, cfg Config, script func(s *service)) []entry {
	t.Helper()
	var mu sync.Mutex
	var got []entry
	synctest.Test(t, func(t *testing.T) {
		s := healthy() // its channels belong to the bubble
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		m := New(s, cfg, func(r Report) {
			mu.Lock()
			defer mu.Unlock()
			if r.Changed {
				got = append(got, entry{time.Since(start), r.State})
			}
		})
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		synctest.Wait() // the first check has been answered at 0
		script(s)
		cancel()
		require.NoError(t, <-done)
	})
	return got
}

func TestDeadServiceIsSeenAtOnce(t *testing.T) {
	got := watch(t, Config{Interval: time.Second}, func(s *service) {
		time.Sleep(400 * time.Millisecond)
		s.die()
		time.Sleep(time.Second)
	})
	require.Equal(t, []entry{{0, Healthy}, {400 * time.Millisecond, NotResponding}}, got)
}

func TestRestartedServiceIsSeenWithinRetry(t *testing.T) {
	got := watch(t, Config{Interval: time.Second, Retry: 50 * time.Millisecond}, func(s *service) {
		time.Sleep(400 * time.Millisecond)
		s.die()
		time.Sleep(510 * time.Millisecond)
		s.set(func() { s.status = healthy().status; s.down = make(chan struct{}) })
		time.Sleep(time.Second)
	})
	require.Equal(t, []entry{{0, Healthy}, {400 * time.Millisecond, NotResponding}, {950 * time.Millisecond, Healthy}}, got)
}

func TestConnectionClosedByLivingServiceChangesNothing(t *testing.T) {
	calls := 0
	got := watch(t, Config{Interval: time.Second}, func(s *service) {
		time.Sleep(400 * time.Millisecond)
		s.set(func() { close(s.down); s.down = make(chan struct{}) })
		time.Sleep(1100 * time.Millisecond)
		s.set(func() { calls = s.calls })
	})
	require.Equal(t, []entry{{0, Healthy}}, got)
	require.Equal(t, 3, calls, "at 0, at once after the close, and an interval later")
}

func TestConnectionBreakingUnderTheQuestionIsAskedAgain(t *testing.T) {
	s, broken := healthy(), false
	s.health = func(context.Context) error {
		if !broken {
			broken = true
			return errors.New("EOF")
		}
		return nil
	}
	var got []State
	m := New(s, Config{Interval: time.Second}, func(r Report) { got = append(got, r.State) })
	m.check(t.Context())
	require.Equal(t, []State{Healthy}, got)
	require.Equal(t, 2, s.calls)
}

func TestHungServiceIsFoundAfterTheDeadlineSinceItsLastAnswer(t *testing.T) {
	for _, c := range []struct {
		name     string
		interval time.Duration
		want     time.Duration
	}{
		{"frequent checks", 250 * time.Millisecond, time.Second},
		{"checks as rare as the deadline", time.Second, 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := watch(t, Config{Interval: c.interval, Deadline: time.Second}, func(s *service) {
				s.set(func() { s.health = hang })
				time.Sleep(3 * time.Second)
			})
			require.Equal(t, []entry{{0, Healthy}, {c.want, NotResponding}}, got)
		})
	}
}

func TestUnhealthyAndBack(t *testing.T) {
	got := watch(t, Config{Interval: time.Second}, func(s *service) {
		time.Sleep(500 * time.Millisecond)
		s.set(func() {
			s.health = func(context.Context) error { return fmt.Errorf("%w: disk full", target.ErrUnhealthy) }
		})
		time.Sleep(time.Second)
		s.set(func() { s.health = func(context.Context) error { return nil } })
		time.Sleep(time.Second)
	})
	require.Equal(t, []entry{{0, Healthy}, {time.Second, Unhealthy}, {2 * time.Second, Healthy}}, got)
}

func TestStatusIsReportedEvenWhenUnhealthy(t *testing.T) {
	s := healthy()
	s.health = func(context.Context) error { return target.ErrUnhealthy }
	var got []Report
	m := New(s, Config{Interval: time.Second}, func(r Report) { got = append(got, r) })
	m.check(t.Context())
	require.Len(t, got, 1)
	require.Equal(t, target.Standby, got[0].Status.State)
	require.ErrorIs(t, got[0].Err, target.ErrUnhealthy)
}

func TestStatusIsToldBeforeTheHealthIsKnown(t *testing.T) {
	s := healthy()
	var order []string
	s.health = func(context.Context) error { order = append(order, "health"); return nil }
	before := time.Now()
	m := New(s, Config{Answered: func(st target.Status, asked time.Time) {
		require.Equal(t, target.Standby, st.State)
		require.False(t, asked.Before(before))
		order = append(order, "answered")
	}}, func(Report) { order = append(order, "report") })
	m.check(t.Context())
	require.Equal(t, []string{"answered", "health", "report"}, order)
}

func TestPanicFailsTheMonitor(t *testing.T) {
	s := healthy()
	s.health = func(context.Context) error { panic("boom") }
	var got []State
	err := New(s, Config{Interval: time.Second}, func(r Report) { got = append(got, r.State) }).Run(t.Context())
	require.ErrorContains(t, err, "boom")
	require.Equal(t, []State{Failed}, got)
}

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
	got := watch(t, Config{Interval: time.Second, Deadline: 4 * time.Second}, func(s *service) {
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

// stop is SIGSTOP, resume SIGCONT: nothing is answered until then, and then all that still waits for an answer.
func (s *service) stop() (resume func()) {
	resumed := make(chan struct{})
	status, health := s.status, s.health
	wait := func(ctx context.Context) error {
		select {
		case <-resumed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.set(func() {
		s.status = func(ctx context.Context) (target.Status, error) {
			if err := wait(ctx); err != nil {
				return target.Status{}, err
			}
			return status(ctx)
		}
		s.health = func(ctx context.Context) error {
			if err := wait(ctx); err != nil {
				return err
			}
			return health(ctx)
		}
	})
	return func() { close(resumed) }
}

// phases are the settings under which a hang, or a pause, begins at every moment between two checks.
var phases = []struct {
	name  string
	cfg   Config
	every time.Duration
}{
	{"our own times", Config{Interval: 250 * time.Millisecond, Deadline: time.Second}, 250 * time.Millisecond},
	{"the default", Config{}, 250 * time.Millisecond},
	{"the original's times", Config{Interval: time.Second, Deadline: 45 * time.Second}, time.Second},
	{"the original's interval and a short deadline", Config{Interval: time.Second, Deadline: time.Second}, 250 * time.Millisecond},
	{"an interval as long as the deadline", Config{Interval: 40 * time.Second, Deadline: 40 * time.Second}, 10 * time.Second},
}

func eachPhase(t *testing.T, f func(t *testing.T, cfg Config, began time.Duration)) {
	t.Helper()
	for _, p := range phases {
		t.Run(p.name, func(t *testing.T) {
			require.Equal(t, p.every, p.cfg.Every())
			cfg := p.cfg.withDefaults()
			for i := range 50 {
				f(t, cfg, 7*p.every+time.Duration(i)*p.every/50+time.Microsecond) // not in the moment of a check itself
			}
		})
	}
}

func TestHangIsKnownWithinTheDeadlineWheneverItBegins(t *testing.T) {
	eachPhase(t, func(t *testing.T, cfg Config, began time.Duration) {
		got := watch(t, cfg, func(s *service) {
			time.Sleep(began)
			s.stop()
			time.Sleep(2 * cfg.Deadline)
		})
		require.Len(t, got, 2)
		require.Equal(t, NotResponding, got[1].state)
		after := got[1].at - began
		require.LessOrEqual(t, after, cfg.Deadline, "it began at %v", began)
		require.GreaterOrEqual(t, after, cfg.Deadline-cfg.Interval, "it began at %v", began)
		require.Equal(t, 7*cfg.Interval+cfg.Deadline, got[1].at, "the deadline counts from the last answer")
	})
}

func TestPauseShorterThanTheDeadlineChangesNothingWheneverItBegins(t *testing.T) {
	eachPhase(t, func(t *testing.T, cfg Config, began time.Duration) {
		got := watch(t, cfg, func(s *service) {
			time.Sleep(began)
			resume := s.stop()
			time.Sleep(cfg.Deadline - cfg.Interval)
			resume()
			time.Sleep(2 * cfg.Deadline)
		})
		require.Equal(t, []entry{{0, Healthy}}, got, "it began at %v", began)
	})
}

func TestEachAnswerOfACheckEndsASilence(t *testing.T) {
	got := watch(t, Config{Deadline: time.Second}, func(s *service) {
		slow := func(context.Context) error { time.Sleep(700 * time.Millisecond); return nil }
		s.set(func() {
			s.health = slow
			s.status = func(ctx context.Context) (target.Status, error) {
				return target.Status{State: target.Standby}, slow(ctx)
			}
		})
		time.Sleep(10 * time.Second)
	})
	require.Equal(t, []entry{{0, Healthy}}, got)
}

func TestHangOfTheHealthCheckAloneIsFound(t *testing.T) {
	got := watch(t, Config{Deadline: time.Second}, func(s *service) {
		s.set(func() { s.health = hang })
		time.Sleep(3 * time.Second)
	})
	require.Equal(t, []entry{{0, Healthy}, {1250 * time.Millisecond, NotResponding}}, got)
}

// A monitor that was stopped over the end of a deadline cannot tell whether the service or itself was late.
func TestTimeForWhichTheMonitorWasHeldUpIsNotHeldAgainstTheService(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(context.Context) error
		want []entry
	}{
		{"the service answers", func(context.Context) error { return nil }, []entry{{0, Healthy}}},
		{"the service hangs", hang, []entry{{0, Healthy}, {4500 * time.Millisecond, NotResponding}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := watch(t, Config{Deadline: time.Second}, func(s *service) {
				then := func(ctx context.Context) (target.Status, error) {
					return target.Status{State: target.Standby}, c.then(ctx)
				}
				s.set(func() {
					s.status = func(ctx context.Context) (target.Status, error) {
						s.set(func() { s.status = then })
						<-ctx.Done() // at 1s
						time.Sleep(3 * time.Second)
						return target.Status{}, ctx.Err()
					}
				})
				time.Sleep(6 * time.Second)
			})
			require.Equal(t, c.want, got)
		})
	}
}

func TestUnhealthyAndBack(t *testing.T) {
	got := watch(t, Config{Interval: time.Second, Deadline: 4 * time.Second}, func(s *service) {
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

package target

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// fake is both a service and a controller, answering what the test sets.
type fake struct {
	mu     sync.Mutex
	health error
	refuse error
	status Status
	hangs  bool // as a controller
	calls  []string
	hold   chan struct{} // transitions wait for it when not nil
}

func (f *fake) note(call string) (chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	return f.hold, f.refuse
}

func (f *fake) transition(call string) error {
	hold, err := f.note(call)
	if hold != nil {
		<-hold
	}
	return err
}

func (f *fake) MonitorHealth(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.health
}

func (f *fake) Status(context.Context) (Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status, f.health
}

func (f *fake) TransitionToActive(_ context.Context, src RequestSource) error {
	return f.transition("active " + string(rune('0'+src)))
}

func (f *fake) TransitionToStandby(_ context.Context, src RequestSource) error {
	return f.transition("standby " + string(rune('0'+src)))
}

func (f *fake) TransitionToObserver(_ context.Context, src RequestSource) error {
	return f.transition("observer " + string(rune('0'+src)))
}

func (f *fake) CedeActive(_ context.Context, millis int32) error {
	if millis == -1 {
		return f.transition("cede for ever no more")
	}
	return f.transition("cede")
}

func (f *fake) GracefulFailover(context.Context) error { return f.transition("failover") }

func (f *fake) ServiceHangs(context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hangs, f.health
}

func serve(t *testing.T, f *fake) (*hadooprpc.Server, string) {
	t.Helper()
	srv := hadooprpc.NewServer(zap.NewNop(), hadooprpc.ServerOptions{})
	RegisterHAService(srv, f)
	RegisterZKFC(srv, f)
	RegisterController(srv, f)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.NoError(t, <-served)
	})
	return srv, ln.Addr().String()
}

func connect(t *testing.T, f *fake) (*hadooprpc.Server, *Hadoop, *ZKFC) {
	t.Helper()
	srv, addr := serve(t, f)
	h, z := NewHadoop(addr, HadoopOptions{}), NewZKFC(addr, HadoopOptions{CallerContext: "CLI"})
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		require.NoError(t, h.Close())
		require.NoError(t, z.Close())
	})
	return srv, h, z
}

func TestEachCallReachesTheService(t *testing.T) {
	f := &fake{status: Status{State: Observer, NotReadyReason: "observers never are"}}
	_, h, z := connect(t, f)
	ctx := t.Context()
	require.NoError(t, h.MonitorHealth(ctx))
	st, err := h.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, f.status, st)
	require.NoError(t, h.TransitionToActive(ctx, RequestByZKFC))
	require.NoError(t, h.TransitionToStandby(ctx, RequestByUserForced))
	require.NoError(t, h.TransitionToObserver(ctx, RequestByUser))
	require.NoError(t, z.CedeActive(ctx, 10000))
	require.NoError(t, z.CedeActive(ctx, -1))
	require.NoError(t, z.GracefulFailover(ctx))
	require.Equal(t, []string{"active 2", "standby 1", "observer 0", "cede", "cede for ever no more", "failover"}, f.calls)
}

func TestControllerTellsThatItsServiceHangs(t *testing.T) {
	f := &fake{}
	_, _, z := connect(t, f)
	for _, f.hangs = range []bool{true, false} {
		hangs, err := z.ServiceHangs(t.Context())
		require.NoError(t, err)
		require.Equal(t, f.hangs, hangs)
	}
	f.hangs, f.health = true, AccessDenied("not you")
	hangs, err := z.ServiceHangs(t.Context())
	require.EqualError(t, err, "AccessControlException: not you")
	require.False(t, hangs)
}

// The original's controller knows ZKFCProtocol only.
func TestControllerWithoutOurProtocolDoesNotTell(t *testing.T) {
	srv := hadooprpc.NewServer(zap.NewNop(), hadooprpc.ServerOptions{})
	RegisterZKFC(srv, &fake{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	z := NewZKFC(ln.Addr().String(), HadoopOptions{})
	hangs, err := z.ServiceHangs(t.Context())
	require.True(t, hadooprpc.IsClass(err, hadooprpc.ClassNoSuchProtocol), err)
	require.False(t, hangs)
	require.NoError(t, z.CedeActive(t.Context(), -1))
	require.NoError(t, z.Close())
	require.NoError(t, srv.Close())
	require.NoError(t, <-served)
}

func TestStatesTravel(t *testing.T) {
	f := &fake{}
	_, h, _ := connect(t, f)
	for given, want := range map[State]State{
		Initializing: Initializing, Active: Active, Standby: Standby, Observer: Observer, Stopping: Initializing,
	} {
		f.mu.Lock()
		f.status = Status{State: given, ReadyToBecomeActive: true}
		f.mu.Unlock()
		st, err := h.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, Status{State: want, ReadyToBecomeActive: true}, st)
	}
}

func TestErrorsOfHealthChecks(t *testing.T) {
	for name, tt := range map[string]struct {
		given     error
		unhealthy bool
		message   string
	}{
		"unhealthy":     {Unhealthy("no resources on %s", "/data"), true, "no resources on /data"},
		"other error":   {errors.New("bug"), false, "IOException: bug"},
		"access denied": {AccessDenied("who are you"), false, "AccessControlException: who are you"},
	} {
		t.Run(name, func(t *testing.T) {
			_, h, _ := connect(t, &fake{health: tt.given})
			err := h.MonitorHealth(t.Context())
			require.Equal(t, tt.unhealthy, errors.Is(err, ErrUnhealthy))
			require.EqualError(t, err, tt.message)
		})
	}
}

func TestErrorsOfTransitions(t *testing.T) {
	for name, tt := range map[string]struct {
		given   error
		refused bool
		class   string
		message string
	}{
		"refused":   {Refused("observer"), true, hadooprpc.ClassServiceFailed, "observer"},
		"forbidden": {AccessDenied("automatic"), true, hadooprpc.ClassAccessControl, "automatic"},
		"failed":    {errors.New("half way"), false, hadooprpc.ClassIO, "IOException: half way"},
	} {
		t.Run(name, func(t *testing.T) {
			_, h, z := connect(t, &fake{refuse: tt.given})
			for _, err := range []error{
				h.TransitionToActive(t.Context(), RequestByZKFC), h.TransitionToStandby(t.Context(), RequestByZKFC),
				h.TransitionToObserver(t.Context(), RequestByZKFC), z.CedeActive(t.Context(), 1), z.GracefulFailover(t.Context()),
			} {
				require.Equal(t, tt.refused, errors.Is(err, ErrRefused))
				require.True(t, hadooprpc.IsClass(err, tt.class))
				require.EqualError(t, err, tt.message)
			}
		})
	}
}

func TestUnknownProtocolIsARefusal(t *testing.T) {
	srv := hadooprpc.NewServer(zap.NewNop(), hadooprpc.ServerOptions{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	h := NewHadoop(ln.Addr().String(), HadoopOptions{})
	require.ErrorIs(t, h.TransitionToActive(t.Context(), RequestByZKFC), ErrRefused)
	require.NoError(t, h.Close())
	require.NoError(t, srv.Close())
	require.NoError(t, <-served)
}

func TestLongTransitionDoesNotHoldUpHealthChecks(t *testing.T) {
	f := &fake{hold: make(chan struct{})}
	_, h, _ := connect(t, f)
	done := make(chan error, 1)
	go func() { done <- h.TransitionToActive(t.Context(), RequestByZKFC) }()
	for range 20 {
		require.NoError(t, h.MonitorHealth(t.Context()))
	}
	select {
	case err := <-done:
		t.Fatal("the transition ended early", err)
	default:
	}
	close(f.hold)
	require.NoError(t, <-done)
	require.NotSame(t, h.monitor, h.control)
}

func TestDownTellsOfTheServicesEndAtOnce(t *testing.T) {
	srv, h, _ := connect(t, &fake{})
	require.Nil(t, h.Down())
	require.NoError(t, h.MonitorHealth(t.Context()))
	down := h.Down()
	select {
	case <-down:
		t.Fatal("down while it answers")
	default:
	}
	require.NoError(t, srv.Close())
	<-down
	err := h.MonitorHealth(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnhealthy)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
}

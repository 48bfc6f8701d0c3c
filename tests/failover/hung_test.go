package failover

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	holdfast "github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/target"
)

// hanging is a NameNode that answers nobody from hang on, as one that was stopped.
type hanging struct {
	namenode
	mu   sync.Mutex
	hung chan struct{} // what is asked waits for its end; nil while it lives
}

func (h *hanging) hang() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hung = make(chan struct{})
	return sync.OnceFunc(func() { close(h.hung) })
}

func (h *hanging) wait() error {
	h.mu.Lock()
	hung := h.hung
	h.mu.Unlock()
	if hung == nil {
		return nil
	}
	<-hung
	return errors.New("the test is over")
}

func (h *hanging) MonitorHealth(context.Context) error { return h.wait() }

func (h *hanging) Status(ctx context.Context) (target.Status, error) {
	if err := h.wait(); err != nil {
		return target.Status{}, err
	}
	return h.namenode.Status(ctx)
}

func (h *hanging) TransitionToStandby(ctx context.Context, from target.RequestSource) error {
	if err := h.wait(); err != nil {
		return err
	}
	return h.namenode.TransitionToStandby(ctx, from)
}

// The one that takes over asks the controller of the node that hangs, and does not wait for the node itself, however long it might.
func TestHungNodeIsFencedAtTheWordOfItsController(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	one, two := &hanging{namenode: namenode{state: target.Standby}}, &namenode{state: target.Standby}
	p := configure(t, addr, serve(t, one), serve(t, two))
	code, out := p.zkfc(t.Context(), "", "-formatZK")
	require.Zero(t, code, out)
	long := []string{"-D", "failover.gracefulFenceDeadline=60m", "-D", "failover.probeDeadline=50m"}
	first := p.daemon(t, "nn1", append(long, "-D", "health.deadline=2s")...)
	awaitEvent(t, first.events, holdfast.EventPromoteDone)
	other := p.daemon(t, "nn2", long...)
	awaitEvent(t, other.events, holdfast.EventStandbyDone)
	end := one.hang()
	defer end()
	require.Equal(t, "no sign of life: its controller says that it hangs", awaitEvent(t, other.events, holdfast.EventFenceGraceful).Detail)
	require.Equal(t, "ok: shell(exit 0)", awaitEvent(t, other.events, holdfast.EventFenceMethod).Detail)
	awaitEvent(t, other.events, holdfast.EventPromoteDone)
	end()
	require.Zero(t, first.stop(holdfast.ErrRestart), first.out)
	require.Zero(t, other.stop(holdfast.ErrRestart), other.out)
}

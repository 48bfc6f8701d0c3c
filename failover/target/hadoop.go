package target

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc/hapb"
)

// The Java interface names and versions of the two protocols.
const (
	HAServiceProtocol = "org.apache.hadoop.ha.HAServiceProtocol"
	ZKFCProtocol      = "org.apache.hadoop.ha.ZKFCProtocol"
	protocolVersion   = 1
)

// ControllerProtocol is our own, beside ZKFCProtocol: what a controller knows of its service. An original controller says that
// it does not know the protocol.
const ControllerProtocol = "holdfast.ControllerProtocol"

// HadoopOptions are the settings of the Hadoop RPC clients in this package; the zero value is complete. See
// hadooprpc.ClientOptions.
type HadoopOptions = hadooprpc.ClientOptions

// Hadoop is the Service behind HAServiceProtocol. Health checks and status use one connection, transitions another, so
// that neither waits for the other. Both are opened when first needed, and again after they have ended. No call is
// repeated and none waits before it is sent: a refused connection is an error at once.
type Hadoop struct {
	monitor *hadooprpc.Client
	control *hadooprpc.Client
}

var _ Service = (*Hadoop)(nil)

// NewHadoop returns the service at host:port. It connects nothing yet.
func NewHadoop(addr string, opts HadoopOptions) *Hadoop {
	return &Hadoop{
		monitor: hadooprpc.NewClient(addr, HAServiceProtocol, protocolVersion, opts),
		control: hadooprpc.NewClient(addr, HAServiceProtocol, protocolVersion, opts),
	}
}

// MonitorHealth implements Service.
func (h *Hadoop) MonitorHealth(ctx context.Context) error {
	err := h.monitor.Call(ctx, "monitorHealth", &hapb.MonitorHealthRequest{}, &hapb.MonitorHealthResponse{})
	return mapError(err, hadooprpc.ClassHealthCheck, ErrUnhealthy)
}

// Status implements Service.
func (h *Hadoop) Status(ctx context.Context) (Status, error) {
	var resp hapb.GetServiceStatusResponse
	if err := h.monitor.Call(ctx, "getServiceStatus", &hapb.GetServiceStatusRequest{}, &resp); err != nil {
		return Status{}, err
	}
	return Status{
		State:               State(resp.GetState()),
		ReadyToBecomeActive: resp.GetReadyToBecomeActive(),
		NotReadyReason:      resp.GetNotReadyReason(),
	}, nil
}

// TransitionToActive implements Service.
func (h *Hadoop) TransitionToActive(ctx context.Context, src RequestSource) error {
	return h.transition(ctx, "transitionToActive",
		&hapb.TransitionToActiveRequest{ReqInfo: requestInfo(src)}, &hapb.TransitionToActiveResponse{})
}

// TransitionToStandby implements Service.
func (h *Hadoop) TransitionToStandby(ctx context.Context, src RequestSource) error {
	return h.transition(ctx, "transitionToStandby",
		&hapb.TransitionToStandbyRequest{ReqInfo: requestInfo(src)}, &hapb.TransitionToStandbyResponse{})
}

// TransitionToObserver implements Service.
func (h *Hadoop) TransitionToObserver(ctx context.Context, src RequestSource) error {
	return h.transition(ctx, "transitionToObserver",
		&hapb.TransitionToObserverRequest{ReqInfo: requestInfo(src)}, &hapb.TransitionToObserverResponse{})
}

func (h *Hadoop) transition(ctx context.Context, method string, req, resp proto.Message) error {
	return mapRefusal(h.control.Call(ctx, method, req, resp))
}

// Down implements Service: it tells of the connection of the health checks.
func (h *Hadoop) Down() <-chan struct{} { return h.monitor.Down() }

// Close implements Service.
func (h *Hadoop) Close() error {
	return errors.Join(h.monitor.Close(), h.control.Close())
}

func requestInfo(src RequestSource) *hapb.HAStateChangeRequestInfo {
	return &hapb.HAStateChangeRequestInfo{ReqSource: hapb.HARequestSource(src).Enum()}
}

// mapRefusal makes the answers of a service that did not do what it was asked wrap ErrRefused: those that the original
// gives, and those for a protocol or method that it does not have.
func mapRefusal(err error) error {
	for _, class := range []string{
		hadooprpc.ClassServiceFailed, hadooprpc.ClassAccessControl, hadooprpc.ClassAuthorization,
		hadooprpc.ClassNoSuchMethod, hadooprpc.ClassNoSuchProtocol, hadooprpc.ClassVersion,
	} {
		err = mapError(err, class, ErrRefused)
	}
	return err
}

func mapError(err error, class string, kind error) error {
	var e *hadooprpc.Exception
	if errors.Is(err, kind) || !errors.As(err, &e) || e.Class != class {
		return err
	}
	return &answer{kind: kind, e: e}
}

// ZKFC is a client of the controller beside a service (ZKFCProtocol and ControllerProtocol).
type ZKFC struct {
	client *hadooprpc.Client
	own    *hadooprpc.Client
}

// NewZKFC returns the controller at host:port. It connects nothing yet.
func NewZKFC(addr string, opts HadoopOptions) *ZKFC {
	return &ZKFC{
		client: hadooprpc.NewClient(addr, ZKFCProtocol, protocolVersion, opts),
		own:    hadooprpc.NewClient(addr, ControllerProtocol, protocolVersion, opts),
	}
}

// CedeActive asks the controller to make its service standby if it is active, and to stay out of the election for
// millis milliseconds; -1 lets it join again at once. A refusal wraps ErrRefused.
func (z *ZKFC) CedeActive(ctx context.Context, millis int32) error {
	m := uint32(millis)
	return mapRefusal(z.client.Call(ctx, "cedeActive", &hapb.CedeActiveRequest{MillisToCede: &m}, &hapb.CedeActiveResponse{}))
}

// GracefulFailover asks the controller to make its service the active one. It returns when that is done. A refusal wraps
// ErrRefused.
func (z *ZKFC) GracefulFailover(ctx context.Context) error {
	return mapRefusal(z.client.Call(ctx, "gracefulFailover", &hapb.GracefulFailoverRequest{}, &hapb.GracefulFailoverResponse{}))
}

// ServiceHangs tells whether the controller knows that its service hangs. An error is no answer.
func (z *ZKFC) ServiceHangs(ctx context.Context) (bool, error) {
	err := z.own.Call(ctx, "monitorHealth", &hapb.MonitorHealthRequest{}, &hapb.MonitorHealthResponse{})
	if hadooprpc.IsClass(err, hadooprpc.ClassHealthCheck) {
		return true, nil
	}
	return false, err
}

// Close ends the connections. It is idempotent.
func (z *ZKFC) Close() error {
	if err := errors.Join(z.client.Close(), z.own.Close()); err != nil {
		return fmt.Errorf("close connection to the controller: %w", err)
	}
	return nil
}

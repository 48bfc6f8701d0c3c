package target

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc/hapb"
)

// Registrar takes protocols to serve; *hadooprpc.Server is one.
type Registrar interface {
	Register(p hadooprpc.Protocol)
}

// HAServer is a service that can be controlled. Its errors travel as they are when made by Unhealthy, Refused or
// AccessDenied (or *hadooprpc.Exception), and as java.io.IOException otherwise. hadooprpc.InfoFrom(ctx) tells who calls.
type HAServer interface {
	MonitorHealth(ctx context.Context) error
	Status(ctx context.Context) (Status, error)
	TransitionToActive(ctx context.Context, src RequestSource) error
	TransitionToStandby(ctx context.Context, src RequestSource) error
	TransitionToObserver(ctx context.Context, src RequestSource) error
}

// ZKFCServer is a controller that can be asked to hand over. Its errors travel like those of HAServer.
type ZKFCServer interface {
	// CedeActive makes the service standby if it is active and keeps it out of the election for millis milliseconds; a
	// negative number lets it join again.
	CedeActive(ctx context.Context, millis int32) error
	// GracefulFailover returns when the service of this controller is the active one.
	GracefulFailover(ctx context.Context) error
}

// ControllerServer tells what a controller knows of its service.
type ControllerServer interface {
	// ServiceHangs tells whether the service was silent for too long, and has said nothing since.
	ServiceHangs(ctx context.Context) (bool, error)
}

// RegisterHAService serves HAServiceProtocol by impl.
func RegisterHAService(r Registrar, impl HAServer) {
	r.Register(hadooprpc.Protocol{Name: HAServiceProtocol, Version: protocolVersion, Methods: map[string]hadooprpc.Method{
		"monitorHealth": hadooprpc.Unary(func(ctx context.Context, _ *hapb.MonitorHealthRequest) (proto.Message, error) {
			return &hapb.MonitorHealthResponse{}, impl.MonitorHealth(ctx)
		}),
		"getServiceStatus": hadooprpc.Unary(func(ctx context.Context, _ *hapb.GetServiceStatusRequest) (proto.Message, error) {
			st, err := impl.Status(ctx)
			if err != nil {
				return nil, err
			}
			return statusMessage(st), nil
		}),
		"transitionToActive": hadooprpc.Unary(func(ctx context.Context, req *hapb.TransitionToActiveRequest) (proto.Message, error) {
			return &hapb.TransitionToActiveResponse{}, impl.TransitionToActive(ctx, source(req.GetReqInfo()))
		}),
		"transitionToStandby": hadooprpc.Unary(func(ctx context.Context, req *hapb.TransitionToStandbyRequest) (proto.Message, error) {
			return &hapb.TransitionToStandbyResponse{}, impl.TransitionToStandby(ctx, source(req.GetReqInfo()))
		}),
		"transitionToObserver": hadooprpc.Unary(func(ctx context.Context, req *hapb.TransitionToObserverRequest) (proto.Message, error) {
			return &hapb.TransitionToObserverResponse{}, impl.TransitionToObserver(ctx, source(req.GetReqInfo()))
		}),
	}})
}

// RegisterZKFC serves ZKFCProtocol by impl.
func RegisterZKFC(r Registrar, impl ZKFCServer) {
	r.Register(hadooprpc.Protocol{Name: ZKFCProtocol, Version: protocolVersion, Methods: map[string]hadooprpc.Method{
		"cedeActive": hadooprpc.Unary(func(ctx context.Context, req *hapb.CedeActiveRequest) (proto.Message, error) {
			return &hapb.CedeActiveResponse{}, impl.CedeActive(ctx, int32(req.GetMillisToCede()))
		}),
		"gracefulFailover": hadooprpc.Unary(func(ctx context.Context, _ *hapb.GracefulFailoverRequest) (proto.Message, error) {
			return &hapb.GracefulFailoverResponse{}, impl.GracefulFailover(ctx)
		}),
	}})
}

// RegisterController serves ControllerProtocol by impl: monitorHealth, which fails for a service that hangs.
func RegisterController(r Registrar, impl ControllerServer) {
	r.Register(hadooprpc.Protocol{Name: ControllerProtocol, Version: protocolVersion, Methods: map[string]hadooprpc.Method{
		"monitorHealth": hadooprpc.Unary(func(ctx context.Context, _ *hapb.MonitorHealthRequest) (proto.Message, error) {
			hangs, err := impl.ServiceHangs(ctx)
			if err == nil && hangs {
				err = Unhealthy("the service does not answer")
			}
			return &hapb.MonitorHealthResponse{}, err
		}),
	}})
}

// statusMessage has the fields that the original's NameNode sends: the reason only when there is one. Stopping has no
// number on the wire; the original sends it as initializing.
func statusMessage(st Status) *hapb.GetServiceStatusResponse {
	state := hapb.HAServiceState(st.State)
	if _, known := hapb.HAServiceState_name[int32(state)]; !known {
		state = hapb.HAServiceState_INITIALIZING
	}
	m := &hapb.GetServiceStatusResponse{State: &state, ReadyToBecomeActive: &st.ReadyToBecomeActive}
	if !st.ReadyToBecomeActive {
		m.NotReadyReason = &st.NotReadyReason
	}
	return m
}

func source(info *hapb.HAStateChangeRequestInfo) RequestSource {
	return RequestSource(info.GetReqSource())
}

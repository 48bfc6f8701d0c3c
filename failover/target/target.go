// Package target is the service that a failover controller controls: its identity, its HA state, and the calls that
// monitor it and change its state.
//
// Service is the one seam between the controller and the service. The adapter over Hadoop RPC (HAServiceProtocol) lives
// beside this file; others (HTTP, exec) implement the same interface.
package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// State is the HA state that a service reports of itself (HAServiceProtocol.HAServiceState).
type State int

// The states, with their numbers in Hadoop's HAServiceStateProto.
const (
	Initializing State = 0
	Active       State = 1
	Standby      State = 2
	Observer     State = 3
	Stopping     State = 4
)

// String is the original's lower-case name, as haadmin prints it.
func (s State) String() string {
	switch s {
	case Initializing:
		return "initializing"
	case Active:
		return "active"
	case Standby:
		return "standby"
	case Observer:
		return "observer"
	case Stopping:
		return "stopping"
	default:
		return "unknown state " + strconv.Itoa(int(s))
	}
}

// Status is the answer to getServiceStatus.
type Status struct {
	State               State
	ReadyToBecomeActive bool
	NotReadyReason      string // empty when ready
}

// RequestSource tells the service on whose behalf a transition is asked for (HARequestSource).
type RequestSource int

// The sources, with their numbers in Hadoop's HARequestSource.
const (
	RequestByUser       RequestSource = 0
	RequestByUserForced RequestSource = 1
	RequestByZKFC       RequestSource = 2
)

// Identity names one node of a nameservice and where it listens. It is what the lock and the breadcrumb znodes carry.
type Identity struct {
	NameserviceID string // "ns1"
	ServiceID     string // "nn1": the namenodeId
	Host          string // as it is written to ZooKeeper: byte for byte what a paired Java ZKFC would write
	Port          int    // RPC port of the service
	ZKFCPort      int    // RPC port of the controller beside it
}

// Addr is host:port of the service.
func (i Identity) Addr() string { return net.JoinHostPort(i.Host, strconv.Itoa(i.Port)) }

// ZKFCAddr is host:port of the controller beside the service.
func (i Identity) ZKFCAddr() string { return net.JoinHostPort(i.Host, strconv.Itoa(i.ZKFCPort)) }

func (i Identity) String() string {
	return fmt.Sprintf("%s/%s at %s", i.NameserviceID, i.ServiceID, i.Addr())
}

// ErrUnhealthy is wrapped by the error of MonitorHealth when the service answered and says that it is not healthy
// (HealthCheckFailedException). Any other error of MonitorHealth means that it did not answer.
var ErrUnhealthy = errors.New("service is unhealthy")

// ErrRefused is wrapped by the error of a transition that the service answered with a refusal (ServiceFailedException,
// AccessControlException). Any other error means that it did not answer, and may or may not have changed its state.
var ErrRefused = errors.New("service refused")

// Service is a connection to one controlled service. Calls may be made from several goroutines. A call obeys the
// deadline of its context. An error that wraps neither ErrUnhealthy nor ErrRefused is a failure to communicate.
type Service interface {
	// MonitorHealth returns nil when the service is healthy.
	MonitorHealth(ctx context.Context) error
	// Status asks for the present HA state.
	Status(ctx context.Context) (Status, error)
	// TransitionToActive returns when the service is active. It is harmless when it is active already.
	TransitionToActive(ctx context.Context, src RequestSource) error
	// TransitionToStandby returns when the service has stopped accepting writes. It is harmless on a standby.
	TransitionToStandby(ctx context.Context, src RequestSource) error
	// TransitionToObserver returns when the service is an observer.
	TransitionToObserver(ctx context.Context, src RequestSource) error
	// Down returns a channel that is closed as soon as the connection that the health checks use is seen to be closed
	// by the other side, so that a dead process is noticed at once and not at the next check. Each successful
	// connection has a channel of its own; nil means that there is no connection now.
	Down() <-chan struct{}
	// Close ends all connections. It is idempotent.
	Close() error
}

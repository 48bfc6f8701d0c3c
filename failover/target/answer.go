package target

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// answer is a refusal or a bad state of health that the service itself has told. It wraps ErrUnhealthy or ErrRefused and
// the exception as it travels, so that both sides of the wire can use one error.
type answer struct {
	kind error
	e    *hadooprpc.Exception
}

// Error is the service's own message.
func (a *answer) Error() string { return a.e.Message }

func (a *answer) Unwrap() []error { return []error{a.kind, a.e} }

// Unhealthy is the error of a service that answers a health check with "not healthy" (HealthCheckFailedException); it
// wraps ErrUnhealthy.
func Unhealthy(format string, args ...any) error {
	return &answer{ErrUnhealthy, hadooprpc.NewException(hadooprpc.ClassHealthCheck, fmt.Sprintf(format, args...))}
}

// Refused is the error of a service or controller that refuses a request (ServiceFailedException); it wraps ErrRefused.
func Refused(format string, args ...any) error {
	return &answer{ErrRefused, hadooprpc.NewException(hadooprpc.ClassServiceFailed, fmt.Sprintf(format, args...))}
}

// AccessDenied is the error of a service or controller that refuses who asks (AccessControlException); it wraps
// ErrRefused.
func AccessDenied(format string, args ...any) error {
	return &answer{ErrRefused, hadooprpc.NewException(hadooprpc.ClassAccessControl, fmt.Sprintf(format, args...))}
}

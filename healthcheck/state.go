package healthcheck

// State is what the monitor knows of the service's health. The names are those of the original's HealthMonitor.
type State int

// The states.
const (
	// Initializing: no check has ended yet.
	Initializing State = iota
	// NotResponding: the service refuses connections, closed the connection, or is silent for longer than the deadline.
	NotResponding
	// Healthy: the service answers, and says that it is healthy.
	Healthy
	// Unhealthy: the service answers, and says that it is not healthy.
	Unhealthy
	// Failed: the monitor itself broke; nothing is known of the service any more.
	Failed
)

// String is the original's spelling, which operators search logs for.
func (s State) String() string {
	switch s {
	case Initializing:
		return "INITIALIZING"
	case NotResponding:
		return "SERVICE_NOT_RESPONDING"
	case Healthy:
		return "SERVICE_HEALTHY"
	case Unhealthy:
		return "SERVICE_UNHEALTHY"
	case Failed:
		return "HEALTH_MONITOR_FAILED"
	default:
		return "UNKNOWN_HEALTH_STATE"
	}
}

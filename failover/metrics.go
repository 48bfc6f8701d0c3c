package failover

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts events and measures steps; it is a Listener and registers itself with reg.
type Metrics struct {
	events *prometheus.CounterVec
	steps  *prometheus.HistogramVec
}

// NewMetrics registers the metrics of c and returns what counts its events. controller may be nil until the controller
// exists: it is asked at each scrape.
func NewMetrics(reg prometheus.Registerer, controller func() *Controller) *Metrics {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zkfc_events_total", Help: "Events of the failover controller by name.",
		}, []string{"event"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zkfc_step_seconds", Help: "Duration of the steps of a failover, by the event that ends them.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"event"}),
	}
	gauge := func(name, help string, f func(Status) bool) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if c := controller(); c != nil && f(c.Status()) {
				return 1
			}
			return 0
		})
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "zkfc_last_check_age_seconds", Help: "Time since the last health check of the service ended.",
	}, func() float64 {
		if c := controller(); c != nil {
			return float64(c.Status().CheckMillis) / 1000
		}
		return 0
	})
	reg.MustRegister(m.events, m.steps, age,
		gauge("zkfc_zookeeper_connected", "1 when the controller's session is connected.",
			func(s Status) bool { return s.ZooKeeper }),
		gauge("zkfc_service_active", "1 when the service says that it is active, whatever the controller made it.",
			func(s Status) bool { return s.Service == "active" }),
		gauge("zkfc_active", "1 when this node holds the lock and has made its service active.",
			func(s Status) bool { return s.Active }),
		gauge("zkfc_service_healthy", "1 when the service beside the controller is healthy.",
			func(s Status) bool { return s.Health == "SERVICE_HEALTHY" }),
		gauge("zkfc_neutral", "1 when ZooKeeper is not reachable or the lock is in motion.",
			func(s Status) bool { return s.Election == "NEUTRAL" }))
	return m
}

// Listen is a Listener.
func (m *Metrics) Listen(e Event) {
	m.events.WithLabelValues(e.Name).Inc()
	if e.Millis > 0 {
		m.steps.WithLabelValues(e.Name).Observe(e.Millis / 1000)
	}
}

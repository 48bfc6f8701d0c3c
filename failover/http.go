package failover

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves what operators and load balancers ask:
//
//	/metrics   Prometheus
//	/livez     200 while the controller does its work, whatever it finds; 503 when it should be started again
//	/healthz   200 while the controller runs and its service is healthy, else 503
//	/active    200 when this node holds the lock and its service has been made active, else 503
//	/status    the Status as JSON
func Handler(c *Controller, reg prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	probe := func(path string, ok func(Status) bool) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			s := c.Status()
			if !ok(s) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = w.Write([]byte(s.Health + " " + s.Election + "\n"))
		})
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	probe("/livez", func(s Status) bool { return s.Live })
	probe("/healthz", func(s Status) bool { return s.Health == "SERVICE_HEALTHY" })
	probe("/active", func(s Status) bool { return s.Active })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.Status())
	})
	return mux
}

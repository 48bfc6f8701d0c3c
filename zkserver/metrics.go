package zkserver

import (
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-ha/holdfast/zkserver/admin"
)

// metricsEndpoint serves /metrics for Prometheus.
type metricsEndpoint struct {
	listener net.Listener
	server   http.Server
	done     chan struct{}
}

func (s *Server) openMetrics() (*metricsEndpoint, error) {
	l, err := net.Listen("tcp", s.cfg.MetricsAddr)
	if err != nil {
		return nil, listenError("metricsProvider.httpPort", s.cfg.MetricsAddr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(s.Registry(), promhttp.HandlerOpts{}))
	return &metricsEndpoint{listener: l, server: http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}, nil
}

func (m *metricsEndpoint) serve() {
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		_ = m.server.Serve(m.listener) // ends with ErrServerClosed
	}()
}

func (m *metricsEndpoint) close() {
	_ = m.server.Close()
	_ = m.listener.Close()
	if m.done != nil {
		<-m.done
	}
}

// Registry is a new Prometheus registry with the metrics of this server, under the original's names where it has them.
// Collect from it only between Start and Shutdown.
func (s *Server) Registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.stats.reads, s.stats.writes, s.stats.syncs, s.stats.snapshotTime, &statusCollector{s: s})
	return r
}

// statusCollector turns the status into metrics when it is asked.
type statusCollector struct{ s *Server }

type statusMetric struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(*admin.Status) float64
}

func gauge(name, help string, value func(*admin.Status) float64) statusMetric {
	return statusMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value}
}

func counter(name, help string, value func(*admin.Status) float64) statusMetric {
	return statusMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value}
}

var statusMetrics = []statusMetric{
	gauge("znode_count", "Number of znodes.", func(s *admin.Status) float64 { return float64(s.Nodes) }),
	gauge("ephemerals_count", "Number of ephemeral znodes.", func(s *admin.Status) float64 { return float64(s.Ephemerals) }),
	gauge("approximate_data_size", "Bytes of all paths and data.", func(s *admin.Status) float64 { return float64(s.DataSize) }),
	gauge("watch_count", "Number of watches.", func(s *admin.Status) float64 { return float64(s.Watches) }),
	gauge("global_sessions", "Number of sessions.", func(s *admin.Status) float64 { return float64(s.Sessions) }),
	gauge("num_alive_connections", "Number of connections.", func(s *admin.Status) float64 { return float64(s.ConnectionCount) }),
	gauge("outstanding_requests", "Number of requests not answered yet.", func(s *admin.Status) float64 { return float64(s.Outstanding) }),
	gauge("uptime", "Time since the start, in ms.", func(s *admin.Status) float64 { return float64(s.Uptime.Milliseconds()) }),
	gauge("avg_latency", "Mean time to answer a request, in ms.", func(s *admin.Status) float64 { return s.LatencyAvg.Seconds() * 1000 }),
	gauge("max_latency", "Longest time to answer a request, in ms.", func(s *admin.Status) float64 { return s.LatencyMax.Seconds() * 1000 }),
	gauge("min_latency", "Shortest time to answer a request, in ms.", func(s *admin.Status) float64 { return s.LatencyMin.Seconds() * 1000 }),
	gauge("holdfast_last_zxid", "The last zxid applied.", func(s *admin.Status) float64 { return float64(s.LastZxid) }),
	gauge("holdfast_snapshot_bytes", "Bytes of all snapshots on disk.", func(s *admin.Status) float64 { return float64(s.DataDirSize) }),
	gauge("holdfast_log_bytes", "Bytes of all log files on disk.", func(s *admin.Status) float64 { return float64(s.LogDirSize) }),
	counter("packets_received", "Packets received.", func(s *admin.Status) float64 { return float64(s.Received) }),
	counter("packets_sent", "Packets sent.", func(s *admin.Status) float64 { return float64(s.Sent) }),
	counter("connection_rejected", "Connections refused for a limit.", func(s *admin.Status) float64 { return float64(s.RejectedConnections) }),
	counter("auth_failed_count", "Failed authentications.", func(s *admin.Status) float64 { return float64(s.AuthFailed) }),
	counter("fsync_threshold_exceed_count", "Slow fsyncs of the log.", func(s *admin.Status) float64 { return float64(s.SlowSyncs) }),
}

var opDescs = func() (d []*prometheus.Desc) {
	for _, op := range opMetrics {
		d = append(d, prometheus.NewDesc(op.metric, "Number of operations answered: "+op.op.String()+".", nil, nil))
	}
	return d
}()

// Describe implements prometheus.Collector.
func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range statusMetrics {
		ch <- m.desc
	}
	for _, d := range opDescs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.s.Status(false)
	for _, m := range statusMetrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.typ, m.value(&st))
	}
	for i, op := range opMetrics {
		ch <- prometheus.MustNewConstMetric(opDescs[i], prometheus.CounterValue, float64(c.s.stats.opCount(op.op)))
	}
}

package zkserver

import (
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
)

// metricsEndpoint serves /metrics for Prometheus.
type metricsEndpoint struct {
	listeners []net.Listener // one, or HTTP and HTTPS
	server    http.Server
	serving   sync.WaitGroup
}

func (s *Server) openMetrics() (*metricsEndpoint, error) {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(s.Registry(), promhttp.HandlerOpts{}))
	m := &metricsEndpoint{server: http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: admin.ErrorLog(s.log)}}
	plain, secure := s.cfg.MetricsAddr, s.cfg.MetricsTLSAddr
	if secure != "" {
		l, err := net.Listen("tcp", secure)
		if err != nil {
			return nil, listenError("metricsProvider.httpsPort", secure, err)
		}
		var both func()
		if plain == secure {
			both = func() {}
		}
		m.listeners = append(m.listeners, tlsconf.NewListener(l, s.certs.metrics.Server(), s.cfg.TLSTimeout, both))
	}
	if plain != "" && plain != secure {
		l, err := net.Listen("tcp", plain)
		if err != nil {
			m.close()
			return nil, listenError("metricsProvider.httpPort", plain, err)
		}
		m.listeners = append([]net.Listener{l}, m.listeners...)
	}
	return m, nil
}

func (m *metricsEndpoint) serve() {
	for _, l := range m.listeners {
		m.serving.Go(func() { _ = m.server.Serve(l) }) // ends with ErrServerClosed
	}
}

func (m *metricsEndpoint) close() {
	_ = m.server.Close()
	for _, l := range m.listeners {
		_ = l.Close()
	}
	m.serving.Wait()
}

// Registry is a new Prometheus registry with the metrics of this server: those of the original under its names and with its
// types, and ours, which begin with holdfast_. Collect from it only between Start and Shutdown.
func (s *Server) Registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(admin.NewCollector(s), &ownCollector{s: s})
	if !s.cfg.MetricsNoRuntime {
		r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return r
}

// ownCollector shows what the original has no names for.
type ownCollector struct{ s *Server }

type ownMetric struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(*Server, *admin.Status) float64
}

func own(name, help string, typ prometheus.ValueType, value func(*Server, *admin.Status) float64) ownMetric {
	return ownMetric{prometheus.NewDesc("holdfast_"+name, help, nil, nil), typ, value}
}

var (
	ownMetrics = []ownMetric{
		own("last_zxid", "The last zxid applied.", prometheus.GaugeValue, func(_ *Server, st *admin.Status) float64 { return float64(st.LastZxid) }),
		own("zxid_counter_remaining", "Transactions until the counter of the epoch is used up and a new epoch begins.", prometheus.GaugeValue,
			func(_ *Server, st *admin.Status) float64 { return float64(math.MaxUint32 - st.LastZxid.Counter()) }),
		own("snapshot_bytes", "Bytes of all files beside the snapshots.", prometheus.GaugeValue,
			func(_ *Server, st *admin.Status) float64 { return float64(st.DataDirSize) }),
		own("log_bytes", "Bytes of all log files.", prometheus.GaugeValue, func(_ *Server, st *admin.Status) float64 { return float64(st.LogBytes) }),
		own("disk_free_bytes", "Free bytes of the disk with the log; -1 when the system does not tell.", prometheus.GaugeValue,
			func(s *Server, _ *admin.Status) float64 {
				free, err := s.fs.FreeSpace(s.logDir())
				if err != nil {
					return -1
				}
				return float64(free)
			}),
		own("disk_alarm", "1 while a disk has less free space than it needs.", prometheus.GaugeValue, func(s *Server, _ *admin.Status) float64 {
			if s.DiskStatus().Alarm {
				return 1
			}
			return 0
		}),
		own("large_answers_total", "Answers above jute.maxbuffer, which their clients may not take.", prometheus.CounterValue,
			func(s *Server, _ *admin.Status) float64 { return float64(s.LimitStats().LargeAnswers) }),
		own("oversized_requests_total", "Requests above jute.maxbuffer.", prometheus.CounterValue,
			func(s *Server, _ *admin.Status) float64 { return float64(s.LimitStats().OversizedRequests) }),
		own("clamped_timeouts_total", "Sessions that got another timeout than they asked for.", prometheus.CounterValue,
			func(s *Server, _ *admin.Status) float64 { return float64(s.LimitStats().ClampedTimeouts) }),
		own("audit_lost_lines_total", "Lines of the audit log that the disk did not take.", prometheus.CounterValue, func(s *Server, _ *admin.Status) float64 {
			if s.audit == nil {
				return 0
			}
			return float64(s.audit.log.Lost())
		}),
		own("plain_peer_connections", "Connections with other servers that have no TLS.", prometheus.GaugeValue,
			func(s *Server, _ *admin.Status) float64 { return float64(s.plainPeers()) }),
		own("outstanding_bytes", "Bytes of all requests not answered yet.", prometheus.GaugeValue,
			func(s *Server, _ *admin.Status) float64 { return float64(s.throttle.bytes.Load()) }),
		own("slow_fsyncs_total", "Fsyncs of the log that took longer than fsync.warningthresholdms.", prometheus.CounterValue,
			func(_ *Server, st *admin.Status) float64 { return float64(st.SlowSyncs) }),
		own("snapshots_total", "Snapshots written.", prometheus.CounterValue, func(s *Server, _ *admin.Status) float64 { return float64(s.stats.snapshots.Load()) }),
	}
	opDesc = prometheus.NewDesc("holdfast_op_total", "Operations answered.", []string{"op"}, nil)
)

// Describe implements prometheus.Collector.
func (c *ownCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range ownMetrics {
		ch <- m.desc
	}
	ch <- opDesc
}

// Collect implements prometheus.Collector.
func (c *ownCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.s.Status(false)
	for _, m := range ownMetrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.typ, m.value(c.s, &st))
	}
	for _, op := range countedOps {
		ch <- prometheus.MustNewConstMetric(opDesc, prometheus.CounterValue, float64(c.s.stats.opCount(op)), op.String())
	}
}

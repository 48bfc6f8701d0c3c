package admin

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the metrics of the original under its names to Prometheus: all that it shows for a standalone server but
// those of its JVM. Process metrics are those of the Go client library, which has the same names.
type collector struct {
	src      Source
	gauges   map[string]*prometheus.Desc
	counters map[string]*prometheus.Desc
	empty    []*emptySummary
}

// emptySummary is a summary of something that never happens here.
type emptySummary struct {
	desc     *prometheus.Desc
	advanced bool
}

// quotaGauges have a label key, the namespace.
var quotaGauges = []struct {
	name  string
	desc  *prometheus.Desc
	value func(*Quota) int64
}{
	{"quota_count_limit_per_namespace", quotaDesc("quota_count_limit_per_namespace", "Znodes that the quotas allow."), func(q *Quota) int64 { return q.CountLimit }},
	{"quota_bytes_limit_per_namespace", quotaDesc("quota_bytes_limit_per_namespace", "Bytes that the quotas allow."), func(q *Quota) int64 { return q.BytesLimit }},
	{"quota_count_usage_per_namespace", quotaDesc("quota_count_usage_per_namespace", "Znodes below quotas."), func(q *Quota) int64 { return q.Count }},
	{"quota_bytes_usage_per_namespace", quotaDesc("quota_bytes_usage_per_namespace", "Bytes below quotas."), func(q *Quota) int64 { return q.Bytes }},
}

// learnerGauges are ours: what a leader knows of each learner. Their label sid is the learner's id.
var learnerGauges = []struct {
	desc  *prometheus.Desc
	value func(*Learner) float64
}{
	{learnerDesc("synced", "1 once the learner has all data and follows."), func(l *Learner) float64 {
		if l.Synced {
			return 1
		}
		return 0
	}},
	{learnerDesc("last_zxid", "The last zxid that the learner has acknowledged."), func(l *Learner) float64 { return float64(l.LastZxid) }},
	{learnerDesc("queued_packets", "Packets that wait to be sent to the learner."), func(l *Learner) float64 { return float64(l.Queued) }},
	{learnerDesc("queued_bytes", "Bytes that wait to be sent to the learner."), func(l *Learner) float64 { return float64(l.QueuedBytes) }},
}

func learnerDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("holdfast_learner_"+name, help, []string{"sid"}, nil)
}

func quotaDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"key"}, nil)
}

// NewCollector makes the collector. It asks src each time it is asked itself.
func NewCollector(src Source) prometheus.Collector {
	c := &collector{src: src, gauges: map[string]*prometheus.Desc{}, counters: map[string]*prometheus.Desc{}}
	for name, help := range gaugeHelp {
		c.gauges[name] = prometheus.NewDesc(name, help, nil, nil)
	}
	m := src.Metrics()
	for _, name := range counterNames {
		c.counters[name] = prometheus.NewDesc(name, help(m.Counters[name] != nil), nil, nil)
	}
	for i, names := range [][]string{basicNames, advancedNames} {
		for _, name := range names {
			if m.Summaries[name] == nil {
				c.empty = append(c.empty, &emptySummary{desc: prometheus.NewDesc(name, help(false), nil, nil), advanced: i == 1})
			}
		}
	}
	return c
}

func help(real bool) string {
	if real {
		return "As the original counts it."
	}
	return "Of the original; here always 0, see docs/compatibility.md."
}

var gaugeHelp = map[string]string{
	"ephemerals_count":            "Number of ephemeral znodes.",
	"num_alive_connections":       "Number of connections.",
	"avg_latency":                 "Mean time to answer a request, in ms.",
	"outstanding_requests":        "Number of requests not answered yet.",
	"znode_count":                 "Number of znodes.",
	"global_sessions":             "Number of sessions.",
	"non_mtls_remote_conn_count":  help(false),
	"last_client_response_size":   "Size of the last reply in bytes, -1 for none.",
	"packets_sent":                "Packets sent.",
	"packets_received":            "Packets received.",
	"max_client_response_size":    "Size of the largest reply in bytes, -1 for none.",
	"connection_drop_probability": "Probability with which a new connection is dropped.",
	"watch_count":                 "Number of watches.",
	"auth_failed_count":           "Failed authentications.",
	"min_latency":                 "Shortest time to answer a request, in ms.",
	"max_file_descriptor_count":   "How many files the process may open.",
	"approximate_data_size":       "Bytes of all paths and data.",
	"open_file_descriptor_count":  "Open files of the process.",
	"local_sessions":              "Number of local sessions.",
	"uptime":                      "Time since the start, in ms.",
	"max_latency":                 "Longest time to answer a request, in ms.",
	"outstanding_tls_handshake":   help(false),
	"min_client_response_size":    "Size of the smallest reply in bytes, -1 for none.",
	"non_mtls_local_conn_count":   help(false),
	// Of servers of an ensemble, all but the last of leaders.
	"learners":                    "Connections of learners.",
	"synced_followers":            "Followers that have all data.",
	"synced_non_voting_followers": "Followers without a vote that have all data.",
	"synced_observers":            "Observers that have all data.",
	"pending_syncs":               "Syncs of clients that are not answered yet.",
	"leader_uptime":               "Time since it began to lead, in ms.",
	"last_proposal_size":          "Bytes of the last proposal, -1 for none.",
	"max_proposal_size":           "Bytes of the largest proposal, -1 for none.",
	"min_proposal_size":           "Bytes of the smallest proposal, -1 for none.",
	"quorum_size":                 "Number of voters.",
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.gauges {
		ch <- d
	}
	for _, d := range c.counters {
		ch <- d
	}
	for _, e := range c.empty {
		ch <- e.desc
	}
	for _, q := range quotaGauges {
		ch <- q.desc
	}
	for _, d := range learnerGauges {
		ch <- d.desc
	}
	m := c.src.Metrics()
	for _, s := range m.Summaries {
		s.Describe(ch)
	}
	for _, s := range m.SummarySets {
		s.Describe(ch)
	}
	for _, s := range m.CounterSets {
		s.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st, m := c.src.Status(false), c.src.Metrics()
	for _, g := range gauges(&st) {
		if d := c.gauges[g.key]; d != nil {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, number(g.value))
		}
	}
	for namespace, quota := range st.Quotas {
		for _, q := range quotaGauges {
			ch <- prometheus.MustNewConstMetric(q.desc, prometheus.GaugeValue, float64(q.value(&quota)), namespace)
		}
	}
	if e := st.Ensemble; e != nil {
		for i := range e.Learners {
			for _, g := range learnerGauges {
				ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(&e.Learners[i]), e.Learners[i].ID.String())
			}
		}
	}
	for name, d := range c.counters {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(m.counter(name)))
	}
	for _, e := range c.empty {
		ch <- prometheus.MustNewConstSummary(e.desc, 0, 0, emptyQuantiles(e.advanced))
	}
	for _, s := range m.Summaries {
		s.Collect(ch)
	}
	for _, s := range m.SummarySets {
		s.Collect(ch)
	}
	for _, s := range m.CounterSets {
		s.Collect(ch)
	}
}

func number(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case javaFloat:
		return float64(n)
	default:
		return 0
	}
}

func emptyQuantiles(advanced bool) map[float64]float64 {
	if advanced {
		return map[float64]float64{0.5: math.NaN(), 0.9: math.NaN(), 0.99: math.NaN()}
	}
	return map[float64]float64{0.5: math.NaN()}
}

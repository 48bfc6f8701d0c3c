package obs

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Detail is which quantiles a Summary shows to Prometheus.
type Detail uint8

// The levels of detail, as the original has them.
const (
	Basic    Detail = iota // 0.5
	Advanced               // 0.5, 0.9 and 0.99
)

// Summary counts numbers (0 and up) in buckets that are at most a quarter of their value wide. It is safe for concurrent
// use and allocates nothing. It is a prometheus.Collector. Make it with NewSummary.
type Summary struct {
	desc    *prometheus.Desc
	detail  Detail
	unit    float64 // what is counted, per unit that is shown
	buckets [160]atomic.Int64
	sum     atomic.Int64
	min     atomic.Int64
	max     atomic.Int64
}

// NewSummary makes an empty one; name and help are for Prometheus.
func NewSummary(name, help string, detail Detail) *Summary {
	s := &Summary{desc: prometheus.NewDesc(name, help, nil, nil), detail: detail, unit: 1}
	s.Reset()
	return s
}

// Latency is a Summary of durations, exact to a microsecond and shown in milliseconds, the unit of the original's metrics.
// Make it with NewLatency.
type Latency struct{ Summary }

// NewLatency makes an empty one; name and help are for Prometheus.
func NewLatency(name, help string, detail Detail) *Latency {
	l := &Latency{Summary{desc: prometheus.NewDesc(name, help, nil, nil), detail: detail, unit: 1000}}
	l.Reset()
	return l
}

// Observe counts one duration.
func (l *Latency) Observe(d time.Duration) { l.AddN(d.Microseconds(), 1) }

// ObserveN counts n equal durations.
func (l *Latency) ObserveN(d time.Duration, n int64) { l.AddN(d.Microseconds(), n) }

// Reset forgets everything.
func (s *Summary) Reset() {
	for i := range s.buckets {
		s.buckets[i].Store(0)
	}
	s.sum.Store(0)
	s.max.Store(0)
	s.min.Store(math.MaxInt64)
}

// Add counts one number.
func (s *Summary) Add(v int64) { s.AddN(v, 1) }

// AddN counts n equal numbers; negative ones count as zero.
func (s *Summary) AddN(v, n int64) {
	v = max(0, v)
	s.buckets[bucket(v)].Add(n)
	s.sum.Add(v * n)
	for m := s.min.Load(); v < m && !s.min.CompareAndSwap(m, v); m = s.min.Load() {
	}
	for m := s.max.Load(); v > m && !s.max.CompareAndSwap(m, v); m = s.max.Load() {
	}
}

func bucket(v int64) int {
	if v < 4 {
		return int(v)
	}
	e := bits.Len64(uint64(v)) - 1
	return min((e-1)*4+int(v>>(e-2))&3, 159)
}

// upper is the largest value of a bucket.
func upper(i int) int64 {
	if i < 4 {
		return int64(i)
	}
	e, sub := i/4+1, int64(i%4)
	return (4+sub+1)<<(e-2) - 1
}

// Count is how many numbers were counted.
func (s *Summary) Count() (n int64) {
	for i := range s.buckets {
		n += s.buckets[i].Load()
	}
	return n
}

// Sum is the sum of all, in the unit that is shown.
func (s *Summary) Sum() float64 { return float64(s.sum.Load()) / s.unit }

// Avg is the mean. Like Min, Max and Quantile it is in the unit that is shown, and 0 as long as there is none.
func (s *Summary) Avg() float64 {
	n := s.Count()
	if n == 0 {
		return 0
	}
	return s.Sum() / float64(n)
}

// Min is the least.
func (s *Summary) Min() float64 {
	if s.min.Load() == math.MaxInt64 {
		return 0
	}
	return float64(s.min.Load()) / s.unit
}

// Max is the greatest.
func (s *Summary) Max() float64 { return float64(s.max.Load()) / s.unit }

// Quantile is a value that the share q of all does not exceed, exact to a quarter.
func (s *Summary) Quantile(q float64) float64 {
	want := int64(math.Ceil(q * float64(s.Count())))
	var seen int64
	for i := range s.buckets {
		if seen += s.buckets[i].Load(); seen >= want && seen > 0 {
			return min(float64(upper(i))/s.unit, s.Max())
		}
	}
	return 0
}

// Describe implements prometheus.Collector.
func (s *Summary) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

// Collect implements prometheus.Collector.
func (s *Summary) Collect(ch chan<- prometheus.Metric) { s.collect(ch) }

func (s *Summary) collect(ch chan<- prometheus.Metric, labels ...string) {
	quantiles := map[float64]float64{0.5: 0}
	if s.detail == Advanced {
		quantiles = map[float64]float64{0.5: 0, 0.9: 0, 0.99: 0}
	}
	for q := range quantiles {
		quantiles[q] = s.Quantile(q)
		if s.Count() == 0 {
			quantiles[q] = math.NaN() // as Prometheus' own clients say that there is none
		}
	}
	ch <- prometheus.MustNewConstSummary(s.desc, uint64(s.Count()), s.Sum(), quantiles, labels...)
}

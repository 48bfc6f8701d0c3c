package obs

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Latency counts durations in buckets that are at most a quarter of their value wide, from a microsecond up. It is safe
// for concurrent use and allocates nothing. As a prometheus.Collector it is a summary in milliseconds, which is the unit
// of the original's metrics. Make it with NewLatency.
type Latency struct {
	desc    *prometheus.Desc
	buckets [160]atomic.Int64
	count   atomic.Int64
	sum     atomic.Int64 // microseconds
	min     atomic.Int64 // microseconds
	max     atomic.Int64 // microseconds
}

// NewLatency makes an empty one; name and help are for Prometheus.
func NewLatency(name, help string) *Latency {
	l := &Latency{desc: prometheus.NewDesc(name, help, nil, nil)}
	l.Reset()
	return l
}

// Reset forgets everything.
func (l *Latency) Reset() {
	for i := range l.buckets {
		l.buckets[i].Store(0)
	}
	l.count.Store(0)
	l.sum.Store(0)
	l.max.Store(0)
	l.min.Store(math.MaxInt64)
}

// Observe counts one duration.
func (l *Latency) Observe(d time.Duration) { l.ObserveN(d, 1) }

// ObserveN counts n equal durations; negative ones count as zero.
func (l *Latency) ObserveN(d time.Duration, n int64) {
	us := max(0, d.Microseconds())
	l.buckets[bucket(us)].Add(n)
	l.count.Add(n)
	l.sum.Add(us * n)
	for v := l.min.Load(); us < v && !l.min.CompareAndSwap(v, us); v = l.min.Load() {
	}
	for v := l.max.Load(); us > v && !l.max.CompareAndSwap(v, us); v = l.max.Load() {
	}
}

func bucket(us int64) int {
	if us < 4 {
		return int(us)
	}
	e := bits.Len64(uint64(us)) - 1
	return min((e-1)*4+int(us>>(e-2))&3, 159)
}

// upper is the largest value of a bucket, in microseconds.
func upper(i int) int64 {
	if i < 4 {
		return int64(i)
	}
	e, sub := i/4+1, int64(i%4)
	return (4+sub+1)<<(e-2) - 1
}

// Count is the number of durations observed.
func (l *Latency) Count() int64 { return l.count.Load() }

// Min is the shortest duration observed. Like Avg and Max it is zero as long as there is none.
func (l *Latency) Min() time.Duration {
	if l.count.Load() == 0 {
		return 0
	}
	return time.Duration(l.min.Load()) * time.Microsecond
}

// Max is the longest duration observed.
func (l *Latency) Max() time.Duration { return time.Duration(l.max.Load()) * time.Microsecond }

// Avg is the mean.
func (l *Latency) Avg() time.Duration {
	n := l.count.Load()
	if n == 0 {
		return 0
	}
	return time.Duration(l.sum.Load()/n) * time.Microsecond
}

// Quantile is a value that the share q of all durations does not exceed, exact to a quarter.
func (l *Latency) Quantile(q float64) time.Duration {
	want := int64(math.Ceil(q * float64(l.count.Load())))
	var seen int64
	for i := range l.buckets {
		if seen += l.buckets[i].Load(); seen >= want && seen > 0 {
			return min(time.Duration(upper(i))*time.Microsecond, l.Max())
		}
	}
	return 0
}

// Describe implements prometheus.Collector.
func (l *Latency) Describe(ch chan<- *prometheus.Desc) { ch <- l.desc }

// Collect implements prometheus.Collector.
func (l *Latency) Collect(ch chan<- prometheus.Metric) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	ch <- prometheus.MustNewConstSummary(l.desc, uint64(l.count.Load()), float64(l.sum.Load())/1000,
		map[float64]float64{0.5: ms(l.Quantile(0.5)), 0.95: ms(l.Quantile(0.95)), 0.99: ms(l.Quantile(0.99))})
}

package obs

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// mostKeys is how many keys a set keeps apart. The keys may be chosen by clients: what more of them there are counts
// together, under OtherKeys.
const mostKeys = 200

// OtherKeys is the key of everything that came when a set was full.
const OtherKeys = "_other"

// SummarySet are summaries under one name, apart by a key, such as the top part of paths. It is safe for concurrent use; to
// find a key allocates nothing. It is a prometheus.Collector with the label "key". Make it with NewSummarySet.
type SummarySet struct {
	keys[Summary]
	desc *prometheus.Desc
}

// NewSummarySet makes an empty one. unit is what is counted, per unit that is shown: 1, or 1000 for microseconds that are
// shown as milliseconds.
func NewSummarySet(name, help string, detail Detail, unit float64) *SummarySet {
	desc := prometheus.NewDesc(name, help, []string{"key"}, nil)
	return &SummarySet{desc: desc, keys: keys[Summary]{make: func() *Summary {
		s := &Summary{desc: desc, detail: detail, unit: unit}
		s.Reset()
		return s
	}}}
}

// Detail is the one it was made with; that of all its summaries.
func (s *SummarySet) Detail() Detail { return s.make().detail }

// Describe implements prometheus.Collector.
func (s *SummarySet) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

// Collect implements prometheus.Collector.
func (s *SummarySet) Collect(ch chan<- prometheus.Metric) {
	s.Each(func(key string, sum *Summary) { sum.collect(ch, key) })
}

// CounterSet are counters under one name, apart by a key, as a SummarySet. Make it with NewCounterSet.
type CounterSet struct {
	keys[atomic.Int64]
	desc *prometheus.Desc
}

// NewCounterSet makes an empty one.
func NewCounterSet(name, help string) *CounterSet {
	return &CounterSet{desc: prometheus.NewDesc(name, help, []string{"key"}, nil), keys: keys[atomic.Int64]{make: func() *atomic.Int64 {
		return &atomic.Int64{}
	}}}
}

// Describe implements prometheus.Collector.
func (s *CounterSet) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

// Collect implements prometheus.Collector.
func (s *CounterSet) Collect(ch chan<- prometheus.Metric) {
	s.Each(func(key string, n *atomic.Int64) {
		ch <- prometheus.MustNewConstMetric(s.desc, prometheus.CounterValue, float64(n.Load()), key)
	})
}

// keys maps keys to values. Reading takes no lock: a new key puts a copy of the map in its place.
type keys[T any] struct {
	make func() *T
	mu   sync.Mutex
	m    atomic.Pointer[map[string]*T]
}

// Get is the value of a key, made when it is new.
func (k *keys[T]) Get(key string) *T {
	if m := k.m.Load(); m != nil {
		if v := (*m)[key]; v != nil {
			return v
		}
	}
	return k.add(key)
}

// GetBytes is Get for a key that is no string yet.
func (k *keys[T]) GetBytes(key []byte) *T {
	if m := k.m.Load(); m != nil {
		if v := (*m)[string(key)]; v != nil {
			return v
		}
		if len(*m) > mostKeys { // full: no need to make a string, either
			return (*m)[OtherKeys]
		}
	}
	return k.add(string(key))
}

func (k *keys[T]) add(key string) *T {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := map[string]*T{}
	if m := k.m.Load(); m != nil {
		old = *m
	}
	if len(old) >= mostKeys {
		if old[key] == nil {
			key = OtherKeys
		}
	}
	if v := old[key]; v != nil {
		return v
	}
	next := maps.Clone(old)
	next[key] = k.make()
	k.m.Store(&next)
	return next[key]
}

// Each calls f for all keys in order.
func (k *keys[T]) Each(f func(key string, v *T)) {
	m := k.m.Load()
	if m == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(*m)) {
		f(key, (*m)[key])
	}
}

// Reset forgets everything, the keys too.
func (k *keys[T]) Reset() { k.m.Store(nil) }

package zkbench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The range of the histograms in microseconds, and their precision in decimal digits.
const (
	minLatency, maxLatency, latencyDigits = 1, 60_000_000, 3
)

// maxShards bounds the memory of the histograms: streams share them beyond that.
const maxShards = 16

// recorder collects the outcomes of all streams between two moments.
type recorder struct {
	from, to atomic.Int64 // monotonic nanoseconds: outcomes received in [from, to) count
	shards   []*shard
	traced   bool // keep the span of each counted outcome
}

// span is one request: monotonic nanoseconds. An open loop's begins when it was due.
type span struct{ from, to int64 }

type shard struct {
	mu     sync.Mutex
	hist   [numOps]*hdrhistogram.Histogram
	errors map[zkproto.Error]int64
	last   int64 // when the last counted outcome was received
	spans  []span
}

// newRecorder returns a recorder that counts nothing until begin.
func newRecorder(streams int) *recorder {
	r := &recorder{}
	r.from.Store(math.MaxInt64)
	r.to.Store(math.MaxInt64)
	for range min(streams, maxShards) {
		r.shards = append(r.shards, &shard{errors: map[zkproto.Error]int64{}})
	}
	return r
}

// attach makes the outcomes of stream number i count, of those of its requests, by number, that counts wants.
func (r *recorder) attach(s *stream, i int, counts func(n int64) bool) {
	sh := r.shards[i%len(r.shards)]
	from, to, n := int64(0), int64(0), int64(-1)
	s.batch = func(begin bool) { // the lock is taken once per read, not once per reply
		if begin {
			sh.mu.Lock()
			from, to = r.from.Load(), r.to.Load()
		} else {
			sh.mu.Unlock()
		}
	}
	s.done = func(o op, sent, received int64, err zkproto.Error) {
		if n++; received < from || received >= to || !counts(n) {
			return
		}
		sh.last = received
		if r.traced {
			sh.spans = append(sh.spans, span{sent, received})
		}
		if err != zkproto.ErrOK {
			sh.errors[err]++
			return
		}
		h := sh.hist[o]
		if h == nil {
			h = hdrhistogram.New(minLatency, maxLatency, latencyDigits)
			sh.hist[o] = h
		}
		_ = h.RecordValue(min(max((received-sent)/int64(time.Microsecond), minLatency), maxLatency))
	}
}

// latency is the summary of one op's histogram, times in microseconds.
type latency struct {
	Op        string  `json:"op"`
	Count     int64   `json:"count"`
	PerSecond float64 `json:"ops_per_s"`
	Mean      float64 `json:"mean_us"`
	P50       int64   `json:"p50_us"`
	P90       int64   `json:"p90_us"`
	P99       int64   `json:"p99_us"`
	P999      int64   `json:"p999_us"`
	Max       int64   `json:"max_us"`
}

func summarize(name string, h *hdrhistogram.Histogram, seconds float64) latency {
	return latency{
		Op: name, Count: h.TotalCount(), PerSecond: float64(h.TotalCount()) / seconds, Mean: math.Round(h.Mean()*10) / 10,
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9),
		Max: h.Max(),
	}
}

// result sums the shards up. All streams must have ended.
func (r *recorder) result() (ops []latency, total latency, errs map[string]int64, seconds float64) {
	all := hdrhistogram.New(minLatency, maxLatency, latencyDigits)
	var each [numOps]*hdrhistogram.Histogram
	errs = map[string]int64{}
	last := int64(0)
	for _, sh := range r.shards {
		last = max(last, sh.last)
		for o, h := range sh.hist {
			if h == nil {
				continue
			}
			if each[o] == nil {
				each[o] = hdrhistogram.New(minLatency, maxLatency, latencyDigits)
			}
			each[o].Merge(h)
			all.Merge(h)
		}
		for e, n := range sh.errors {
			errs[e.Error()] += n
		}
	}
	end := r.to.Load()
	if end == math.MaxInt64 { // ended by count
		end = last
	}
	seconds = max(float64(end-r.from.Load())/1e9, 1e-9)
	for o, h := range each {
		if h != nil {
			ops = append(ops, summarize(op(o).String(), h, seconds))
		}
	}
	return ops, summarize("all", all, seconds), errs, seconds
}

// spans are the requests traced. All streams must have ended.
func (r *recorder) spans() []span {
	var all []span
	for _, sh := range r.shards {
		all = append(all, sh.spans...)
	}
	return all
}

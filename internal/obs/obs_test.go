package obs

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestLoggerWritesLinesAtOrAboveItsLevel(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, "info")
	require.NoError(t, err)
	log.Debug("hidden")
	log.Info("seen", zap.String("session", "0x1"))
	require.Regexp(t, `^\S+ INFO seen \{"session": "0x1"\}\n$`, out.String())
	_, err = NewLogger(&out, "loud")
	require.EqualError(t, err, `obs: log level "loud": use debug, info, warn or error`)
}

func TestBucketsCoverEveryDuration(t *testing.T) {
	for _, us := range []int64{0, 1, 3, 4, 5, 7, 8, 9, 10, 15, 16, 1000, 1 << 20, 1<<40 + 12345} {
		i := bucket(us)
		if i < 159 {
			require.LessOrEqual(t, us, upper(i), us)
		}
		if i > 0 {
			require.Greater(t, us, upper(i-1), us)
		}
	}
}

func TestQuantilesAreExactToAQuarter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := NewLatency("x", "help", Basic)
	require.Zero(t, l.Quantile(0.5))
	require.Zero(t, l.Min()+l.Avg()+l.Max())
	var all []float64
	var sum float64
	for range 10_000 {
		d := time.Duration(random.ExpFloat64() * float64(time.Millisecond)).Truncate(time.Microsecond)
		ms := float64(d.Microseconds()) / 1000
		all, sum = append(all, ms), sum+ms
		l.Observe(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		exact := all[int(q*float64(len(all)))-1]
		require.InDelta(t, exact, l.Quantile(q), exact/4+0.001, q)
	}
	require.InDelta(t, all[0], l.Min(), 1e-9)
	require.InDelta(t, all[len(all)-1], l.Max(), 1e-9)
	require.InDelta(t, sum/10_000, l.Avg(), 0.001)
	l.Reset()
	require.Zero(t, l.Count())
	require.Zero(t, l.Max())
}

func TestLatencyIsASummaryInMilliseconds(t *testing.T) {
	l := NewLatency("readlatency", "help", Advanced)
	l.ObserveN(2*time.Millisecond, 3)
	r := prometheus.NewRegistry()
	require.NoError(t, r.Register(l))
	families, err := r.Gather()
	require.NoError(t, err)
	s := families[0].GetMetric()[0].GetSummary()
	require.Equal(t, "readlatency", families[0].GetName())
	require.Equal(t, uint64(3), s.GetSampleCount())
	require.InDelta(t, 6, s.GetSampleSum(), 0.001)
	require.InDelta(t, 2, s.GetQuantile()[0].GetValue(), 0.001)
}

func TestSummaryOfCounts(t *testing.T) {
	s := NewSummary("batch", "help", Basic)
	gather := func() (count uint64, sum, median float64) {
		r := prometheus.NewRegistry()
		require.NoError(t, r.Register(s))
		families, err := r.Gather()
		require.NoError(t, err)
		got := families[0].GetMetric()[0].GetSummary()
		require.Len(t, got.GetQuantile(), 1)
		return got.GetSampleCount(), got.GetSampleSum(), got.GetQuantile()[0].GetValue()
	}
	count, _, median := gather()
	require.Zero(t, count)
	require.True(t, math.IsNaN(median), "nothing was counted")
	s.Add(3)
	s.AddN(3, 2)
	s.Add(-1)
	count, sum, median := gather()
	require.Equal(t, uint64(4), count)
	require.InDelta(t, 9, sum, 0)
	require.InDelta(t, 3, median, 0)
	require.InDelta(t, 0, s.Min(), 0)
}

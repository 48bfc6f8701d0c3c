package obs

import (
	"bytes"
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
	l := NewLatency("x", "help")
	require.Zero(t, l.Quantile(0.5))
	require.Zero(t, l.Min()+l.Avg()+l.Max())
	var all []time.Duration
	var sum time.Duration
	for range 10_000 {
		d := time.Duration(random.ExpFloat64() * float64(time.Millisecond)).Truncate(time.Microsecond)
		all, sum = append(all, d), sum+d
		l.Observe(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		exact := all[int(q*float64(len(all)))-1]
		require.InDelta(t, float64(exact), float64(l.Quantile(q)), float64(exact)/4+1000, q)
	}
	require.Equal(t, all[0], l.Min())
	require.Equal(t, all[len(all)-1], l.Max())
	require.InDelta(t, float64(sum)/10_000, float64(l.Avg()), 1000)
	l.Reset()
	require.Zero(t, l.Count())
	require.Zero(t, l.Max())
}

func TestLatencyIsASummaryInMilliseconds(t *testing.T) {
	l := NewLatency("readlatency", "help")
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

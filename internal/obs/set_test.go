package obs

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestSetKeepsKeysApart(t *testing.T) {
	s := NewSummarySet("write_per_namespace", "help", Basic, 1)
	s.Get("b").Add(4)
	s.GetBytes([]byte("a")).Add(6)
	s.GetBytes([]byte("b")).Add(8)
	require.Equal(t, Basic, s.Detail())
	got := ""
	s.Each(func(key string, sum *Summary) { got += fmt.Sprintf("%s %d %v,", key, sum.Count(), sum.Sum()) })
	require.Equal(t, "a 1 6,b 2 12,", got)
	r := prometheus.NewRegistry()
	r.MustRegister(s)
	families, err := r.Gather()
	require.NoError(t, err)
	require.Len(t, families[0].GetMetric(), 2)
	require.InDelta(t, 12, families[0].GetMetric()[1].GetSummary().GetSampleSum(), 0.001)
	s.Reset()
	s.Each(func(string, *Summary) { t.Fatal("forgotten") })
	s.Get("a").Add(1)
	key := []byte("a")
	require.Zero(t, testing.AllocsPerRun(100, func() { s.GetBytes(key).Add(1) }))
}

// Clients choose the keys: a million of them must not take the memory.
func TestSetIsBounded(t *testing.T) {
	s := NewCounterSet("quota_exceeded_error_per_namespace", "help")
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range 3 * mostKeys {
				s.GetBytes(fmt.Append(nil, i)).Add(1)
				s.Get(fmt.Sprint(i)).Add(1)
			}
		})
	}
	group.Wait()
	keys, sum := 0, int64(0)
	s.Each(func(_ string, n *atomic.Int64) { keys++; sum += n.Load() })
	require.Equal(t, mostKeys+1, keys)
	require.Equal(t, int64(4*3*mostKeys), sum)
	require.NotZero(t, s.Get("one more").Load(), "it counts with the others")
	require.Same(t, s.Get(OtherKeys), s.Get("one more"))
}

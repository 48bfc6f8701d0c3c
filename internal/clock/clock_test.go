package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFakeFiresInOrder(t *testing.T) {
	start := time.Unix(1000, 0)
	f := NewFake(start)
	late, early := f.NewTimer(3*time.Second), f.NewTimer(time.Second)
	tick := f.NewTicker(2 * time.Second)
	require.Equal(t, 3, f.Waiting())
	f.Advance(999 * time.Millisecond)
	require.Empty(t, early.C())
	f.Advance(4001 * time.Millisecond)
	require.Equal(t, start.Add(5*time.Second), f.Now())
	require.Equal(t, start.Add(time.Second), <-early.C())
	require.Equal(t, start.Add(3*time.Second), <-late.C())
	require.Equal(t, start.Add(2*time.Second), <-tick.C())
	require.Empty(t, tick.C()) // the tick at 4 s found the channel full
	require.False(t, late.Stop())
	require.False(t, late.Reset(time.Second))
	require.True(t, late.Reset(2*time.Second))
	f.Advance(time.Second)
	require.Empty(t, late.C())
	require.Equal(t, start.Add(6*time.Second), <-tick.C())
	tick.Stop()
	require.True(t, late.Stop())
	f.Advance(time.Hour)
	require.Empty(t, late.C())
	require.Empty(t, tick.C())
	tick.Reset(time.Second)
	f.Advance(time.Second)
	require.NotEmpty(t, tick.C())
	require.NotEmpty(t, f.NewTimer(0).C())
	require.Panics(t, func() { f.NewTicker(0) })
}

func TestRealClockRuns(t *testing.T) {
	c := Real()
	before := c.Now()
	tm := c.NewTimer(time.Millisecond)
	tk := c.NewTicker(time.Millisecond)
	<-tm.C()
	<-tk.C()
	tk.Reset(time.Hour)
	tk.Stop()
	require.False(t, tm.Reset(time.Hour))
	require.True(t, tm.Stop())
	require.GreaterOrEqual(t, c.Now().Sub(before), time.Millisecond)
}

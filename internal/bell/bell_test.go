package bell

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forms are the bell of this system, and that of those that have none better.
func forms() map[string]func() *Bell {
	return map[string]func() *Bell{"system": New, "channel": func() *Bell {
		b := &Bell{}
		b.init(newChannel())
		return b
	}}
}

// Each piece of work that is announced is done, one after the other, whoever is quicker.
func TestNoRingIsLost(t *testing.T) {
	for name, newBell := range forms() {
		t.Run(name, func(t *testing.T) {
			for _, processors := range []int{1, 2, 4} {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				there, back := newBell(), newBell()
				var work, done atomic.Int64
				ended := goOn(func() {
					for there.Wait() {
						done.Store(work.Load())
						back.Ring()
					}
				})
				for n := range int64(20_000) {
					work.Store(n + 1)
					there.Ring()
					for done.Load() != n+1 {
						if !back.Wait() {
							t.Error("it is not closed")
							return
						}
					}
				}
				there.Close()
				<-ended
				back.Close()
			}
		})
	}
}

func TestRingsBeforeTheWaitAreOne(t *testing.T) {
	for name, newBell := range forms() {
		t.Run(name, func(t *testing.T) {
			b := newBell()
			b.Ring()
			b.Ring()
			require.True(t, b.Wait())
			b.Ring()
			b.Close()
			b.Close()
			require.True(t, b.Wait(), "the last ring is heard")
			require.False(t, b.Wait())
			b.Ring() // by somebody who does not know yet
			require.True(t, b.Wait())
			require.False(t, b.Wait())
		})
	}
}

func TestCloseLetsGoWhoWaits(t *testing.T) {
	for name, newBell := range forms() {
		t.Run(name, func(t *testing.T) {
			b := newBell()
			var got atomic.Bool
			ended := goOn(func() { got.Store(b.Wait()) })
			runtime.Gosched()
			b.Close()
			<-ended
			require.False(t, got.Load())
		})
	}
}

func goOn(f func()) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	return ended
}

func TestRingAllocatesNothing(t *testing.T) {
	b := New()
	defer b.Close()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b.Ring()
		b.Wait()
	}))
}

func BenchmarkThereAndBack(b *testing.B) {
	for name, newBell := range forms() {
		b.Run(name, func(b *testing.B) {
			there, back := newBell(), newBell()
			ended := goOn(func() {
				for there.Wait() {
					back.Ring()
				}
			})
			for b.Loop() {
				there.Ring()
				back.Wait()
			}
			there.Close()
			<-ended
			back.Close()
		})
	}
}

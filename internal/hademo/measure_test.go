package hademo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/failover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms float64) time.Time { return t0.Add(time.Duration(ms * 1e6)) }

func TestMeasureTakesEachPhaseFromTheEventsOfTheRightNode(t *testing.T) {
	evs := []event{
		{Time: at(-5), Node: "nn1", Event: failover.EventServiceDown}, // before the fault: something else
		{Time: at(1), Node: "nn1", Event: failover.EventServiceDown},
		{Time: at(2), Node: "nn1", Event: failover.EventHealthChanged, Detail: "SERVICE_NOT_RESPONDING"},
		{Time: at(3), Node: "nn2", Event: failover.EventLockLost},
		{Time: at(4), Node: "nn2", Event: failover.EventLockAcquired},
		{Time: at(5), Node: "nn2", Event: failover.EventFenceStart},
		{Time: at(9), Node: "nn2", Event: failover.EventFenceDone},
		{Time: at(10), Node: "nn2", Event: failover.EventPromoteStart},
		{Time: at(13), Node: "nn2", Event: failover.EventPromoteDone},
		{Time: at(900), Node: "nn1", Event: failover.EventLockAcquired},
	}
	acks := []ack{
		{node: "nn1", at: at(-1)},
		{node: "nn1", at: at(0.5)}, // acknowledged before it died
		{node: "nn2", at: at(13.5)},
		{node: "nn2", at: at(14)},
	}
	var r Result
	measure(&r, t0, evs, acks, "nn2")
	ms := func(f float64) time.Duration { return time.Duration(f * 1e6) }
	require.Equal(t, Result{
		Detect: ms(1), Lock: ms(3), Fence: ms(4), Promote: ms(3), FirstWrite: ms(0.5), Total: ms(13.5), Takeover: ms(13), Gap: ms(13),
	}, r)
}

// A dead machine is noticed when the lock is gone; a controller that reports no loss still got the lock.
func TestMeasureWithoutAnyoneWhoSawTheFault(t *testing.T) {
	var r Result
	measure(&r, t0, []event{
		{Time: at(2000), Node: "nn2", Event: failover.EventLockAcquired},
		{Time: at(2001), Node: "nn2", Event: failover.EventPromoteStart},
		{Time: at(2004), Node: "nn2", Event: failover.EventPromoteDone},
	}, nil, "nn2")
	require.Equal(t, 2000*time.Millisecond, r.Detect)
	require.Zero(t, r.Lock)
	require.Zero(t, r.Fence)
	require.Zero(t, r.Total, "no write was acknowledged")
}

func TestHealthyIsNoDetection(t *testing.T) {
	require.False(t, event{Event: failover.EventHealthChanged, Detail: "SERVICE_HEALTHY"}.isDetection())
	require.True(t, event{Event: failover.EventHealthChanged, Detail: "SERVICE_UNHEALTHY"}.isDetection())
}

func TestDualActiveCountsSecondWritersOfAnEpoch(t *testing.T) {
	acks := []ack{{node: "nn1", epoch: 1}, {node: "nn2", epoch: 2}, {node: "nn1", epoch: 1}}
	require.Zero(t, dualActive(acks))
	require.Equal(t, 1, dualActive(append(acks, ack{node: "nn1", epoch: 2})))
}

// fakePutter acknowledges what it is told to, and then fails.
type fakePutter struct {
	n    int
	max  int
	fail error
}

func (f *fakePutter) put(_ context.Context, path string, _ []byte) (ack, error) {
	f.n++
	if f.n > f.max {
		return ack{}, f.fail
	}
	return ack{path: path, node: "nn1", epoch: 1, txid: uint64(f.n), at: at(float64(f.n))}, nil
}

func TestWriterRemembersEveryAcknowledgement(t *testing.T) {
	broken := errors.New("disk on fire")
	w := newWriter(&fakePutter{max: 3, fail: broken})
	w.directory("/act/1")
	w.run(context.Background())
	require.Equal(t, 3, w.count())
	require.Equal(t, "/act/1/0000003", w.since(2)[0].path)
	a, err := w.waitAck(context.Background(), 0, func(a ack) bool { return a.txid == 2 })
	require.NoError(t, err)
	require.Equal(t, "/act/1/0000002", a.path)
	_, err = w.waitAck(context.Background(), 0, func(ack) bool { return false })
	require.ErrorIs(t, err, broken)
	require.InDelta(t, 3, w.rate(at(3), time.Second), 0)
	require.Equal(t, time.Millisecond, longestGap(w.since(0)))
}

func TestSlowWriterEndsWithItsContext(t *testing.T) {
	w := newWriter(&fakePutter{max: 3})
	w.slowDown(time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.run(ctx); close(done) }()
	_, err := w.waitAck(ctx, 0, func(ack) bool { return true })
	require.NoError(t, err)
	cancel()
	<-done
	require.Equal(t, 1, w.count(), "it was in its pause")
}

func TestTableShowsLossAndMedians(t *testing.T) {
	results := []Result{
		{Act: "kill-namenode", From: "nn1", To: "nn2", Total: 30 * time.Millisecond, Acked: 12345},
		{Act: "kill-namenode", From: "nn2", To: "nn1", Total: 10 * time.Millisecond, Acked: 1, Lost: 2},
		{Act: "lose-quorum", From: "nn1", To: "nn1", Total: 1500 * time.Millisecond, ZKGap: 1500 * time.Millisecond},
	}
	var b strings.Builder
	Summary(&b, results)
	require.Contains(t, b.String(), "12,345")
	require.Contains(t, b.String(), "1,500")
	require.Contains(t, b.String(), "20.0", "the median of 10 and 30")
	require.Contains(t, b.String(), "2 lost")
	require.False(t, results[1].OK())
	require.True(t, results[0].OK())
}

func TestResultAsJSON(t *testing.T) {
	b, err := json.Marshal(Result{Act: "kill-zkfc", Round: 2, Detect: 1500 * time.Microsecond, Acked: 7, From: "nn1", To: "nn2"})
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	for _, key := range []string{
		"act", "round", "detect_ms", "lock_ms", "fence_ms", "promote_ms", "first_write_ms", "total_ms", "zk_gap_ms", "acked", "lost", "dual_active",
	} {
		require.Contains(t, m, key)
	}
	require.InDelta(t, 1.5, m["detect_ms"], 1e-9)
}

func TestUnknownActNamesTheKnownOnes(t *testing.T) {
	_, err := findActs([]string{"kill-everything"})
	require.ErrorContains(t, err, "kill-everything")
	for _, n := range ActNames() {
		require.ErrorContains(t, err, n)
		found, err := findActs([]string{n})
		require.NoError(t, err)
		require.Len(t, found, 1)
	}
}

func TestTimelineWaitsForWhatComesLater(t *testing.T) {
	tl := newTimeline()
	tl.add(event{Event: "a"})
	mark := tl.mark()
	got := make(chan event)
	go func() {
		e, err := tl.wait(context.Background(), mark, func(e event) bool { return e.Event == "b" })
		if err != nil {
			e.Event = fmt.Sprint(err)
		}
		got <- e
	}()
	tl.add(event{Event: "c"})
	tl.add(event{Event: "b", Node: "nn2"})
	require.Equal(t, event{Event: "b", Node: "nn2"}, <-got)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := tl.wait(ctx, tl.mark(), func(event) bool { return true })
	require.ErrorIs(t, err, context.Canceled)
}

package zkserver

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// When many writes are over, what they have left goes back to the system, once.
func TestManyWritesAreFollowedByOneCollection(t *testing.T) {
	var held, freed atomic.Int64
	held.Store(200 << 20)
	fake := clock.NewFake(time.Now())
	r := startWith(t, testConfig(t), WithClock(fake), func(s *Server) {
		s.trimmer.heap = func() heapUse { return heapUse{held: uint64(held.Load()), live: 100 << 20} }
		s.trimmer.free = func() {
			held.Store(100 << 20)
			freed.Add(1)
		}
	})
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	value := make([]byte, 512<<10)
	for range trimBytes/len(value) + 1 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", value)).Err)
	}
	await(t, func() bool { fake.Advance(trimLook); return freed.Load() == 1 }, "given back")
	r.trimmer.signal()
	await(t, func() bool { fake.Advance(trimLook); return len(r.trimmer.wake) == 0 }, "looked at again")
	for range 10 {
		fake.Advance(trimLook)
	}
	r.stop()
	require.EqualValues(t, 1, freed.Load())
}

func TestQuietIsFoundByCounting(t *testing.T) {
	var c calm
	requests, txns := int64(0), zkproto.Zxid(1<<32)
	for i, step := range []struct {
		requests int64
		txns     zkproto.Zxid
		quiet    bool
	}{
		{0, 5, false}, // the first counts are all that ever was
		{0, 0, false},
		{quietRequests, quietTxns, true},
		{quietRequests + 1, 0, false},
		{0, 0, false},
		{0, quietTxns + 1, false},
		{0, 0, false},
		{-requests - 5, 0, false}, // they have been reset
		{0, 0, false},
		{1, 1, true},
		{0, 1 << 32, false}, // another epoch
	} {
		requests, txns = requests+step.requests, txns+step.txns
		require.Equal(t, step.quiet, c.look(requests, txns), i)
	}
}

func TestACollectionMustPay(t *testing.T) {
	const mib = 1 << 20
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		held, live, lastLive uint64
		ago                  time.Duration // since the last; 0 for none
		wait                 time.Duration
		ok                   bool
	}{
		"nothing to gain":               {held: 200 * mib, live: 200 * mib},
		"less is held than lived":       {held: 100 * mib, live: 200 * mib},
		"little of a small heap":        {held: 30 * mib, live: 15 * mib},
		"little of a large heap":        {held: 1100 * mib, live: 1000 * mib},
		"much":                          {held: 280 * mib, live: 200 * mib, ok: true},
		"much, just after another":      {held: 280 * mib, live: 200 * mib, lastLive: 190 * mib, ago: time.Second, wait: 59 * time.Second, ok: true},
		"much, long after another":      {held: 280 * mib, live: 200 * mib, lastLive: 190 * mib, ago: time.Hour, ok: true},
		"just after another, but grown": {held: 280 * mib, live: 200 * mib, lastLive: 160 * mib, ago: time.Second, ok: true},
	} {
		tr := trimmer{live: c.lastLive}
		if c.ago > 0 {
			tr.last = now.Add(-c.ago)
		}
		wait, ok := tr.worth(heapUse{held: c.held, live: c.live}, now)
		require.Equal(t, c.ok, ok, name)
		require.Equal(t, c.wait, wait, name)
	}
}

// The slices of records go to and fro between core and disk: what is in them must not hold the buffers that it came in.
func TestWhatIsLoggedIsForgotten(t *testing.T) {
	r := startWith(t, testConfig(t))
	c := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody("/a", nil, 0)).Err)
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSetData, setBody("/a", []byte("x"))).Err)
	places, held := 0, 0
	r.onCore(func() {
		for _, list := range [][]txnlog.Record{r.core.spare, r.core.toLog} {
			places += cap(list)
			for _, record := range list[:cap(list)] {
				held += len(record.Data)
			}
		}
	})
	require.Positive(t, places)
	require.Zero(t, held)
}

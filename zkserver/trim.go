package zkserver

import (
	"runtime/debug"
	"runtime/metrics"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	// trimLook is how often is looked whether a server is quiet again, and quietLooks how often in a row it must be. It is when so
	// few requests came in between at most, pings among them, and so few transactions.
	trimLook      = 500 * time.Millisecond
	quietLooks    = 2
	quietRequests = 500
	quietTxns     = 10
	// trimBytes in the log are worth a look at the heap.
	trimBytes = 8 << 20
	// trimPause is between two collections, unless a quarter more than after the last is alive.
	trimPause = time.Minute
	// leastTrim is always worth a collection, if it is an eighth of what lives.
	leastTrim = 16 << 20
)

// trimmer gives back to the system what many writes have left, once they are over. The collector by itself runs when the heap has
// grown by two fifths, so it keeps up to that much of the largest heap there was, for as long as nobody writes.
type trimmer struct {
	wake   chan struct{}
	later  chan func() // lets the collector run again
	unseen int64       // bytes logged since the last wake-up; the core's

	heap func() heapUse
	free func()

	last time.Time // of the last collection
	live uint64    // after it
}

// heapUse is what the heap is: bytes that the system has given, without gaps between what lives, and what lived after the last
// collection.
type heapUse struct{ held, live uint64 }

func (t *trimmer) init() {
	*t = trimmer{wake: make(chan struct{}, 1), later: make(chan func(), 1), heap: readHeap, free: debug.FreeOSMemory}
}

func readHeap() heapUse {
	v := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(v)
	return heapUse{held: v[0].Value.Uint64() + v[1].Value.Uint64(), live: v[2].Value.Uint64()}
}

// logged tells of what the core gives to the log.
func (t *trimmer) logged(bytes int64) {
	if t.unseen += bytes; t.unseen >= trimBytes {
		t.unseen = 0
		t.signal()
	}
}

// signal has the heap looked at.
func (t *trimmer) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// worth tells whether so much can be given back that a collection pays, and how long to wait with it.
func (t *trimmer) worth(h heapUse, now time.Time) (wait time.Duration, ok bool) {
	if h.held < h.live || h.held-h.live < max(leastTrim, h.live/8) {
		return 0, false
	}
	if t.last.IsZero() || h.live >= t.live+t.live/4 {
		return 0, true
	}
	return max(0, t.last.Add(trimPause).Sub(now)), true
}

// trim is the trimmer's goroutine.
func (s *Server) trim() {
	t := &s.trimmer
	for {
		select {
		case <-t.wake:
		case <-s.quit:
			return
		}
		for again := true; again; {
			if !s.awaitQuiet() {
				return
			}
			h := t.heap()
			wait, ok := t.worth(h, s.clock.Now())
			if again = ok && wait > 0; again {
				if !s.pause(wait) {
					return
				}
			} else if ok {
				s.collect(h)
			}
		}
	}
}

// collect gives memory back. It uses all processors that nobody else wants, for some 100 ms with a million znodes.
func (s *Server) collect(before heapUse) {
	s.onCore(s.forgetBursts)
	t, begin := &s.trimmer, s.clock.Now()
	t.free()
	t.last = s.clock.Now()
	after := t.heap()
	t.live = after.live
	s.log.Debug("memory given back after many writes", zap.Uint64("bytes", before.held-min(before.held, after.held)),
		zap.Uint64("live", after.live), zap.Duration("took", t.last.Sub(begin)))
}

// keptPlaces is how many places for messages of peers a quiet server keeps.
const keptPlaces = 1 << 10

// forgetBursts gives up what has grown with many messages at once. It is called on the core.
func (s *Server) forgetBursts() {
	if cap(s.core.peerItems) > keptPlaces {
		s.core.peerItems = nil
	}
	s.fromPeers.shrink(keptPlaces)
}

// awaitQuiet waits until hardly anything happens. It answers false when the server stops.
func (s *Server) awaitQuiet() bool {
	c := calm{requests: s.stats.received.Load(), txns: s.disk.lastPersisted()}
	for {
		if !s.pause(trimLook) {
			return false
		}
		if c.look(s.stats.received.Load(), s.disk.lastPersisted()) {
			return true
		}
	}
}

// calm finds out whether a server is quiet, by what it has counted.
type calm struct {
	requests int64
	txns     zkproto.Zxid
	quiet    int // looks in a row
}

// look takes the counts of now, and tells whether it has been quiet for long enough.
func (c *calm) look(requests int64, txns zkproto.Zxid) bool {
	few := func(more, most int64) bool { return more >= 0 && more <= most } // a count that has shrunk was begun anew
	if c.quiet++; !few(requests-c.requests, quietRequests) || !few(int64(txns-c.txns), quietTxns) {
		c.quiet = 0
	}
	c.requests, c.txns = requests, txns
	return c.quiet >= quietLooks
}

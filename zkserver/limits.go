package zkserver

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
)

// limitCounts count what the limits did.
type limitCounts struct {
	throttleWaits  atomic.Int64 // request_throttle_wait_count
	throttledOps   atomic.Int64 // throttled_ops
	stale          atomic.Int64 // stale_requests
	staleDropped   atomic.Int64 // stale_requests_dropped
	largeAnswers   atomic.Int64 // answers above jute.maxbuffer
	clampedTimeout atomic.Int64 // sessions with another timeout than they asked for
}

// LimitStats are the counters of the limits, for metrics. They only grow, but for DropChance.
type LimitStats struct {
	ThrottleWaits     int64 // request_throttle_wait_count: times that requests were held back
	ThrottledOps      int64 // throttled_ops: requests answered with ThrottledOp
	StaleRequests     int64 // stale_requests: requests that became stale while they were held back
	StaleDropped      int64 // stale_requests_dropped: of those, closed
	LargeRejected     int64 // large_requests_rejected
	LargeAnswers      int64 // answers above jute.maxbuffer, which their clients may not take
	ClampedTimeouts   int64 // sessions that got another timeout than they asked for
	OversizedRequests int64 // requests above jute.maxbuffer
	DropChance        float64
}

// LimitStats answers the counters. Valid after Start.
func (s *Server) LimitStats() LimitStats {
	large := s.sumOfPorts(func(p *cnxn.Port) int64 { n, _ := p.LimitCounts(); return n })
	oversized := s.sumOfPorts(func(p *cnxn.Port) int64 { _, n := p.LimitCounts(); return n })
	return LimitStats{
		ThrottleWaits: s.limits.throttleWaits.Load(), ThrottledOps: s.limits.throttledOps.Load(),
		StaleRequests: s.limits.stale.Load(), StaleDropped: s.limits.staleDropped.Load(), LargeRejected: large,
		LargeAnswers: s.limits.largeAnswers.Load(), ClampedTimeouts: s.limits.clampedTimeout.Load(),
		OversizedRequests: oversized, DropChance: s.tokens.chance(),
	}
}

// errStale is why a connection ends whose request waited for too long.
var errStale = errors.New("zkserver: a request waited until it was stale (requestThrottleLimit), and its connection is dropped so that " +
	"what follows it is not done either")

// throttlable are requests that may be answered with ThrottledOp.
func throttlable(op zkproto.OpCode) bool {
	return op != zkproto.OpPing && op != zkproto.OpCloseSession && op != zkproto.OpAuth
}

// hold is the request throttle: it returns when requests of w may go on, and tells how many, and whether they waited so
// long that they are answered with ThrottledOp. arrived is when they came, in nanoseconds since 1970.
func (s *Server) hold(w *client, arrived int64) (most int, late bool, err error) {
	cfg := s.live.Load()
	if cfg.ThrottleLimit == 0 {
		return math.MaxInt, false, nil
	}
	tooLate := func() bool {
		return cfg.ThrottledOpWait > 0 && s.clock.Now().Sub(time.Unix(0, arrived)) > cfg.ThrottledOpWait
	}
	if room := int64(cfg.ThrottleLimit) - s.throttle.count.Load(); room > 0 {
		return int(room), tooLate(), nil
	}
	w.held.Store(true)
	defer w.held.Store(false)
	s.throttle.holding.Add(1)
	defer s.throttle.holding.Add(-1)
	for {
		cfg = s.live.Load()
		stale := s.isStale(w, cfg.StaleConnectionCheck, cfg.StaleLatencyCheck, arrived)
		if stale && cfg.DropStale {
			s.limits.staleDropped.Add(1)
			return 0, false, errStale
		}
		if room := int64(cfg.ThrottleLimit) - s.throttle.count.Load(); room > 0 || cfg.ThrottleLimit == 0 {
			if stale {
				s.limits.stale.Add(1)
			}
			return int(max(1, room)), tooLate(), nil
		}
		s.limits.throttleWaits.Add(1)
		t := s.clock.NewTimer(cfg.ThrottleStall)
		select {
		case <-s.throttle.slots:
		case <-t.C():
		case <-s.stopping:
			err = errStopping
		case <-s.failed:
			err = errStopping
		}
		t.Stop()
		if err != nil {
			return 0, false, err
		}
	}
}

func (s *Server) isStale(w *client, connection, latency bool, arrived int64) bool {
	w.Lock()
	dead, timeout := w.Dead(), time.Duration(w.timeout)*time.Millisecond
	w.Unlock()
	return connection && dead || latency && s.clock.Now().Sub(time.Unix(0, arrived)) > timeout
}

// Oversized implements cnxn.Oversized: it names a request that is too large as well as its beginning tells.
func (w *client) Oversized(err *cnxn.FrameError, head []byte) {
	w.Lock()
	id := w.session
	w.Unlock()
	fields := []zap.Field{
		zap.Stringer("session", id), zap.Stringer("peer", w.RemoteAddr()), zap.Int("bytes", err.Length), zap.Int("limit", err.Max),
	}
	var h zkproto.RequestHeader
	d := jute.NewDecoder(head)
	if h.Decode(&d); d.Err() == nil {
		fields = append(fields, zap.Stringer("op", h.Op))
		if path, ok := pathOf(h.Op, &d); ok {
			fields = append(fields, zap.String("path", path))
		}
	}
	w.server.log.Warn("a request is too large and its connection is closed: raise jute.maxbuffer on servers and clients, or keep less in "+
		"one znode", fields...)
}

// pathOf reads the path of a request from its beginning.
func pathOf(op zkproto.OpCode, d *jute.Decoder) (string, bool) {
	switch op {
	case zkproto.OpMulti:
		var h zkproto.MultiHeader
		h.Decode(d)
	case zkproto.OpCreate, zkproto.OpCreate2, zkproto.OpCreateContainer, zkproto.OpCreateTTL, zkproto.OpSetData, zkproto.OpSetACL,
		zkproto.OpDelete, zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetChildren, zkproto.OpGetChildren2:
	default:
		return "", false
	}
	path := d.String()
	return path, d.Err() == nil && path != ""
}

// longestTxn is how long a transaction may be: twice a frame, which is what an original with the same jute.maxbuffer reads, and what the
// links between servers take; but no longer than a record of the log.
func (s *Server) longestTxn() int {
	frame := s.live.Load().MaxBuffer
	if s.peers != nil {
		frame = min(frame, s.cfg.MaxBuffer) // the links are as they were at the start
	}
	return min(2*frame, txnlog.MaxRecord-64<<10)
}

// leastBuffer is the size of an answer from which on it is compared with jute.maxbuffer.
const leastBuffer = 1 << 10

// checkAnswer warns of an answer that the client, if it has the same jute.maxbuffer, will not take: it closes the
// connection, comes back and asks again (ZOOKEEPER-3593). The connection is locked.
func (s *Server) checkAnswer(w *client, it *pipeline.Item, size int) {
	limit := s.live.Load().MaxBuffer
	if size <= limit {
		return
	}
	n := s.limits.largeAnswers.Add(1)
	if n&(n-1) != 0 {
		return // the first ones, and then ever more rarely
	}
	d := jute.NewDecoder(it.Body)
	path, _ := pathOf(it.Op, &d)
	s.log.Warn("an answer is larger than jute.maxbuffer: a client with the same limit closes the connection and asks again",
		zap.Stringer("session", w.session), zap.Stringer("peer", w.RemoteAddr()), zap.Stringer("op", it.Op), zap.String("path", path),
		zap.Int("bytes", size), zap.Int("limit", limit), zap.Int64("soFar", n))
}

// timeoutsAsked remembers which timeouts were asked for and not given, so that each is a line in the log once.
type timeoutsAsked map[int32]int32

const maxTimeoutsAsked = 100

// clamped tells of a session that gets another timeout than it asked for. On the core.
func (s *Server) clamped(w *client, asked, given int32) {
	s.limits.clampedTimeout.Add(1)
	if s.asked[asked] == given || len(s.asked) >= maxTimeoutsAsked {
		s.log.Debug("session timeout is not the one asked for", zap.Stringer("peer", w.RemoteAddr()), zap.Int32("asked", asked), zap.Int32("given", given))
		return
	}
	if s.asked == nil {
		s.asked = timeoutsAsked{}
	}
	s.asked[asked] = given
	s.log.Warn("session timeout is not the one asked for, which is outside of minSessionTimeout and maxSessionTimeout; said once for each",
		zap.Stringer("peer", w.RemoteAddr()), zap.Int32("askedMillis", asked), zap.Int32("givenMillis", given))
}

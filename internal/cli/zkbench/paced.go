package zkbench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// paced is one connection of an open loop: request number i is due at start + i*interval whether or not earlier ones were
// answered, and its latency runs from that moment. So a server that stops for a second is charged for all requests that
// were due in that second, not only for the one that was in flight (the closed loop's "coordinated omission"). A sender that
// comes late sends all that is due with one write; how late it was is recorded too.
type paced struct {
	*stream
	start    int64   // monotonic nanoseconds
	interval float64 // nanoseconds

	wait func(ctx context.Context, until int64) error // nil: an alarm
	lag  *hdrhistogram.Histogram                      // of the sends, microseconds

	mu     sync.Mutex // the ring of the stream: one goroutine sends, one reads
	ended  bool       // nothing more is sent
	pinged bool       // the answer to the last frame is there
}

// newPaced makes an open loop out of s, request i of which is due at start + i*interval.
func newPaced(s *stream, start int64, interval float64) *paced {
	return &paced{
		stream: s, start: start, interval: interval,
		lag: hdrhistogram.New(minLatency, maxLatency, latencyDigits),
	}
}

// due is the moment of request number i.
func (p *paced) due(i int64) int64 { return p.start + int64(math.Round(float64(i)*p.interval)) }

// run sends until next has no more, and waits for all replies.
func (p *paced) run(ctx context.Context) error {
	if p.async != nil { // reads and writes have a goroutine each here
		p.async.close()
		p.async = nil
	}
	g, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, func() { _ = p.wire.Close() })
	defer stop()
	g.Go(func() error { return p.send(gctx) })
	g.Go(p.receive)
	err := g.Wait()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// send is the goroutine that writes.
func (p *paced) send(ctx context.Context) error {
	wait := p.wait
	if wait == nil {
		a, err := newAlarm(ctx)
		if err != nil {
			return err
		}
		defer a.close()
		wait = a.until
	}
	for i, more := int64(0), true; more; {
		if err := wait(ctx, p.due(i)); err != nil {
			return err
		}
		i, more = p.batchDue(i)
		if !more {
			p.out = appendPing(p.out)
		}
		if len(p.out) == 0 {
			continue
		}
		if err := p.wire.Write(p.out); err != nil {
			return fmt.Errorf("connection to %s: %w", p.wire.RemoteAddr(), err)
		}
	}
	return nil
}

// batchDue puts into out all requests from number i on that are due now, and returns the number of the next.
func (p *paced) batchDue(i int64) (next int64, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = p.out[:0]
	for now := p.now(); p.due(i) <= now; i++ {
		o, n, ok := p.next()
		if !ok {
			p.ended = true
			return i, false
		}
		_ = p.lag.RecordValue(min(max((now-p.due(i))/int64(time.Microsecond), minLatency), maxLatency))
		p.push(slot{sent: p.due(i), op: o})
		p.out = p.tmpl[o].append(p.out, p.xid, n)
	}
	return i, true
}

// push adds a request to the ring, which grows as needed.
func (p *paced) push(s slot) {
	if p.flying == len(p.window) {
		p.window = slices.Concat(p.window[p.head:], p.window[:p.head], make([]slot, max(len(p.window), 16)))
		p.head = 0
	}
	p.window[(p.head+p.flying)%len(p.window)] = s
	p.flying++
	p.xid++
	if p.xid < 0 {
		p.xid = 1
	}
}

// receive is the goroutine that reads.
func (p *paced) receive() error {
	for {
		received := int64(0)
		err := p.wire.ReadBatch(func(frame []byte) error {
			if received == 0 {
				received = p.now()
				p.batch(true)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if isPing(frame) {
				p.pinged = true
				return nil
			}
			return p.reply(frame, received)
		})
		if received != 0 {
			p.batch(false)
		}
		if err != nil {
			return fmt.Errorf("connection to %s: %w", p.wire.RemoteAddr(), err)
		}
		p.mu.Lock()
		done := p.ended && p.pinged && p.flying == 0
		p.mu.Unlock()
		if done {
			return nil
		}
	}
}

// appendPing adds a ping, the last frame of an open loop: its answer wakes the goroutine that reads.
func appendPing(b []byte) []byte {
	b = append(b, 0, 0, 0, 8)
	return zkproto.RequestHeader{Xid: zkproto.XidPing, Op: zkproto.OpPing}.AppendTo(b)
}

// isPing tells whether the frame answers a ping.
func isPing(frame []byte) bool {
	return len(frame) >= 4 && int32(binary.BigEndian.Uint32(frame)) == zkproto.XidPing
}

// sleeper waits with one timer, for what need not be exact.
type sleeper struct{ t *time.Timer }

func newSleeper() *sleeper { return &sleeper{} }

// until waits for the moment, at the monotonic clock, or the end of ctx.
func (s *sleeper) until(ctx context.Context, at int64) error {
	d := time.Duration(at - monotonic())
	if d <= 0 {
		return ctx.Err()
	}
	if s.t == nil {
		s.t = time.NewTimer(d)
	} else {
		s.t.Reset(d)
	}
	select {
	case <-s.t.C:
		return nil
	case <-ctx.Done():
		s.t.Stop()
		return context.Cause(ctx)
	}
}

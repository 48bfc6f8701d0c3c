package zkbench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// stream is one connection kept full: a window of requests in flight, and one new request for each reply. All the replies
// of one read are answered by one write, so the cost per request falls as the load rises.
//
// One goroutine does both, without a lock: latency is taken from the write of a batch to the read that brought the reply.
type stream struct {
	wire   *zkclient.Wire
	window []slot // a ring: requests in flight, oldest at head
	head   int
	flying int
	xid    int32
	next   func() (o op, n uint64, ok bool) // the next request; false: no more
	tmpl   *[numOps]template
	now    func() int64 // nanoseconds, monotonic
	done   func(o op, sent, received int64, err zkproto.Error)
	batch  func(begin bool) // around the done calls of one read
	out    []byte
	async  *asyncWriter // nil: writes happen on this goroutine
}

type slot struct {
	sent int64
	op   op
}

// Both directions above this many bytes in flight could fill the sockets' buffers and leave client and server waiting for
// each other; then writes move to a goroutine of their own.
const safeInFlight = 128 << 10

// newStream prepares a stream of up to window requests over w. replyBytes is the size of the largest usual reply.
func newStream(w *zkclient.Wire, window int, tmpl *[numOps]template, replyBytes int) *stream {
	s := &stream{wire: w, window: make([]slot, window), tmpl: tmpl, now: monotonic, batch: func(bool) {}}
	largest := 0
	for i := range tmpl {
		largest = max(largest, len(tmpl[i].frame))
	}
	if window*largest > safeInFlight && window*replyBytes > safeInFlight {
		s.async = newAsyncWriter(w, window)
	}
	return s
}

var processStart = time.Now()

// monotonic is the time since the process began, in nanoseconds.
func monotonic() int64 { return int64(time.Since(processStart)) }

// run keeps the window full until next has no more, and waits for all replies. Only next knows the end, so nothing is left
// in flight when it returns nil.
func (s *stream) run(ctx context.Context) error {
	if s.async != nil {
		defer s.async.close()
	}
	stop := context.AfterFunc(ctx, func() { _ = s.wire.Close() })
	defer stop()
	err := s.loop()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (s *stream) loop() error {
	if err := s.refill(); err != nil {
		return err
	}
	for s.flying > 0 {
		received := int64(0)
		err := s.wire.ReadBatch(func(frame []byte) error {
			if received == 0 {
				received = s.now()
				s.batch(true)
			}
			return s.reply(frame, received)
		})
		if received != 0 {
			s.batch(false)
		}
		if err != nil {
			return fmt.Errorf("connection to %s with %d requests in flight: %w", s.wire.RemoteAddr(), s.flying, err)
		}
		if err := s.refill(); err != nil {
			return err
		}
	}
	return nil
}

// refillShare: a stream refills its window when this share of it has been answered, so that a server that answers one by
// one does not cost a write per request. What is in flight stays between 7/8 of the window and all of it.
const refillShare = 8

// refill sends as many requests as the window has room for, with one write.
func (s *stream) refill() error {
	if s.flying > len(s.window)-max(len(s.window)/refillShare, 1) {
		return nil
	}
	s.out = s.out[:0]
	if s.async != nil {
		s.out = s.async.buffer()
	}
	sent := s.now()
	tail := s.head + s.flying
	for s.flying < len(s.window) {
		o, n, ok := s.next()
		if !ok {
			break
		}
		if tail >= len(s.window) {
			tail -= len(s.window)
		}
		s.window[tail] = slot{sent: sent, op: o}
		tail++
		s.flying++
		s.xid++
		if s.xid < 0 {
			s.xid = 1
		}
		s.out = s.tmpl[o].append(s.out, s.xid, n)
	}
	if len(s.out) == 0 {
		return nil
	}
	if s.async != nil {
		return s.async.write(s.out)
	}
	if err := s.wire.Write(s.out); err != nil {
		return fmt.Errorf("connection to %s: %w", s.wire.RemoteAddr(), err)
	}
	return nil
}

var errOrder = errors.New("replies do not come in the order of the requests")

// reply takes one frame: only its header and its size are looked at.
func (s *stream) reply(frame []byte, received int64) error {
	if len(frame) < zkproto.ReplyHeaderSize {
		return fmt.Errorf("a reply of %d bytes: %w", len(frame), zkclient.ErrNotZooKeeper)
	}
	xid := int32(binary.BigEndian.Uint32(frame))
	if xid < 0 { // a ping's answer or an event: none of ours
		return nil
	}
	if s.flying == 0 || xid != s.expected() {
		return errOrder
	}
	at := s.window[s.head]
	if s.head++; s.head == len(s.window) {
		s.head = 0
	}
	s.flying--
	code := zkproto.Error(int32(binary.BigEndian.Uint32(frame[12:])))
	if want := s.tmpl[at.op].reply; code == zkproto.ErrOK && want != 0 && len(frame) != want {
		return fmt.Errorf("the reply to a %s has %d bytes, should have %d", at.op, len(frame), want)
	}
	s.done(at.op, at.sent, received, code)
	return nil
}

// expected is the xid of the oldest request in flight.
func (s *stream) expected() int32 {
	x := int64(s.xid) - int64(s.flying) + 1
	if x < 1 {
		x += 1<<31 - 1
	}
	return int32(x)
}

// asyncWriter writes on a goroutine of its own. A batch holds at least one request of the window, so the queue of batches
// never fills.
type asyncWriter struct {
	full, free chan []byte
	failed     chan error
	once       sync.Once
	wg         sync.WaitGroup
}

func newAsyncWriter(w *zkclient.Wire, window int) *asyncWriter {
	a := &asyncWriter{full: make(chan []byte, window), free: make(chan []byte, 3), failed: make(chan error, 1)}
	a.wg.Go(func() {
		for b := range a.full {
			if err := w.Write(b); err != nil {
				a.failed <- err
				_ = w.Close()
				for range a.full { //nolint:revive // what is left cannot be sent
				}
				return
			}
			select {
			case a.free <- b:
			default:
			}
		}
	})
	return a
}

// buffer is an empty buffer to fill: used again when the writer is done with one.
func (a *asyncWriter) buffer() []byte {
	select {
	case b := <-a.free:
		return b[:0]
	default:
		return nil
	}
}

func (a *asyncWriter) write(b []byte) error {
	a.full <- b
	select {
	case err := <-a.failed:
		return err
	default:
		return nil
	}
}

func (a *asyncWriter) close() {
	a.once.Do(func() { close(a.full) })
	a.wg.Wait()
}

// endSession closes the session of w, as far as the server answers within a second, and its connection.
func endSession(w *zkclient.Wire) {
	defer func() { _ = w.Close() }()
	frame := binary.BigEndian.AppendUint32(nil, 8)
	frame = zkproto.RequestHeader{Xid: 1<<31 - 1, Op: zkproto.OpCloseSession}.AppendTo(frame)
	if w.SetReadDeadline(time.Now().Add(time.Second)) != nil || w.Write(frame) != nil {
		return
	}
	_ = w.ReadBatch(func([]byte) error { return nil })
}

// recordFirst keeps the first error code in err.
func recordFirst(err *error) func(op, int64, int64, zkproto.Error) {
	return func(_ op, _, _ int64, code zkproto.Error) {
		if code != zkproto.ErrOK && *err == nil {
			*err = code
		}
	}
}

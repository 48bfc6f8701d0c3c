package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// perMessage is what a message in the queue counts for, besides its data.
const perMessage = 128

// errDropped ends a link that the core has dropped.
var errDropped = errors.New("dropped")

// link is one connection of the quorum port, from either side. Its life: (dialing,) connected, ended. It ends once, for
// the first reason given.
type link struct {
	p        *Peers
	id       zab.Link
	leader   bool // the other end is our leader, or our master if this is an observer's relay
	relay    bool // by the port for observers
	observer bool
	since    time.Time
	ctx      context.Context // of dialing
	cancel   context.CancelFunc

	received, sent atomic.Uint64
	tracker        atomic.Pointer[tracker] // nil: nobody wants to know

	mu       sync.Mutex
	work     *sync.Cond // there is something to send, or nothing more will be
	queue    []zab.Message
	spare    []zab.Message // an empty queue
	queued   int           // bytes in queue and being written
	nc       net.Conn      // nil while dialing
	out      output        // nc, nil before packets are exchanged
	secure   bool          // by TLS; set before packets are exchanged
	writing  bool          // the writer is at work
	rest     []byte        // what the socket did not take of a packet that was sent without the writer; empty and not nil: TLS has it
	short    []byte        // scratch for such packets
	dropping bool          // to be ended when the other end has got what is in the queue
	linger   *time.Timer   // ends a link that is dropping
	inBody   bool          // a snapshot is being received
	mute     atomic.Bool   // dropping: what comes is for nobody
	ended    bool
	reason   error
}

func newLink(p *Peers, id zab.Link) *link {
	l := &link{p: p, id: id, since: time.Now()}
	l.work = sync.NewCond(&l.mu)
	l.ctx, l.cancel = context.WithCancel(p.ctx)
	return l
}

// push queues a message; wake follows.
func (l *link) push(m *zab.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.dropping {
		return
	}
	if l.queued > l.p.cfg.MaxQueue {
		l.endLocked(fmt.Errorf("more than %d bytes wait to be sent: the peer does not keep up", l.p.cfg.MaxQueue))
		return
	}
	l.queue = append(l.queue, *m)
	l.queued += perMessage + len(m.Data)
}

// wake sends what was pushed.
func (l *link) wake() {
	if !l.direct() {
		l.work.Signal()
	}
}

// drop ends the link when the other end has got everything queued and hung up, or LingerTime is over.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.dropping {
		return
	}
	if l.nc == nil {
		l.endLocked(errDropped)
		return
	}
	l.dropping = true
	l.mute.Store(true)
	l.linger = time.AfterFunc(l.p.cfg.LingerTime, func() { l.end(errDropped) })
	_ = l.nc.SetWriteDeadline(time.Now().Add(l.p.cfg.LingerTime))
	l.work.Signal()
}

// hangUpLocked tells the other end that nothing more comes, and waits for it to do the same: a connection that is closed with
// something unread in it takes with it what is still on its way out. Who is in the middle of a snapshot does not wait.
func (l *link) hangUpLocked() {
	half, ok := l.nc.(interface{ CloseWrite() error })
	if !ok || l.inBody || half.CloseWrite() != nil {
		l.endLocked(errDropped)
	}
}

// close ends the link because everything is closed. One that was dropped may send what it has.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dropping {
		l.endLocked(net.ErrClosed)
	}
}

// end ends the link at once.
func (l *link) end(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(reason)
}

func (l *link) endLocked(reason error) {
	if l.ended {
		return
	}
	l.ended, l.reason = true, reason
	if l.dropping {
		l.reason = errDropped
	}
	l.queue = nil
	if l.linger != nil {
		l.linger.Stop()
	}
	l.cancel()
	if l.nc != nil {
		_ = l.nc.Close()
	}
	l.work.Signal()
}

// connected gives the link its connection, unless it has ended meanwhile.
func (l *link) connected(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = nc.Close()
		return false
	}
	l.nc = nc
	return true
}

// serve reads and writes until the link ends. r reads from the connection.
func (l *link) serve(r *reader, src *source) {
	out, secure := src.nc.(*secureConn)
	l.mu.Lock()
	if l.secure = secure; secure {
		l.out = out
	} else {
		conn := sock.New(src.nc)
		src.nc, l.out = conn, conn
	}
	l.mu.Unlock()
	var writer sync.WaitGroup
	writer.Go(l.write)
	err := l.read(r, src)
	if isAlert(err) {
		err = l.p.cfg.TLS.failure(err, !l.leader)
	}
	l.end(err)
	writer.Wait()
}

// over forgets the link and tells the handler.
func (l *link) over() {
	l.p.mu.Lock()
	delete(l.p.links, l.id)
	l.p.mu.Unlock()
	l.mu.Lock()
	reason, nc := l.reason, l.nc
	l.mu.Unlock()
	l.cancel()
	if l.p.ctx.Err() == nil {
		l.p.log.Info("link to a peer ended", zap.Int64("peer", int64(l.id.Peer)), zap.Uint64("link", l.id.Link), zap.Error(reason))
		if t := l.tracker.Load(); t != nil && nc != nil {
			t.tell(l.p.log, "/"+nc.RemoteAddr().String()) // as Java writes it
		}
	}
	l.p.handler.Disconnected(l.id, reason)
}

// read hands over what comes, until the connection ends.
func (l *link) read(r *reader, src *source) error {
	for {
		msgs, err := r.batch()
		if err != nil {
			return err
		}
		l.heard(msgs) // a SNAP before what belongs to it
		if last := len(msgs) - 1; msgs[last].Type == zab.Snap {
			snap := msgs[last : last+1]
			l.deliver(msgs[:last])
			if err := l.receiveSnapshot(r, src, snap[0].Zxid); err != nil {
				return err
			}
			msgs = snap
		}
		l.deliver(msgs)
	}
}

func (l *link) deliver(msgs []zab.Message) {
	if len(msgs) == 0 || l.mute.Load() {
		return
	}
	for i := range msgs {
		m := &msgs[i]
		m.From, m.To, m.Link = l.id.Peer, l.p.cfg.ID, l.id.Link
	}
	l.received.Add(uint64(len(msgs)))
	l.p.handler.Messages(msgs)
}

// receiveSnapshot takes the snapshot behind a SNAP packet. Each read of it has InitTimeout.
func (l *link) receiveSnapshot(r *reader, src *source, z zab.Zxid) error {
	if !l.leader {
		return badPacket("SNAP from a learner")
	}
	if !l.beginBody() {
		return errDropped
	}
	defer l.endBody()
	src.wait(l.p.cfg.InitTimeout)
	b := newBody(r)
	if err := l.p.handler.ReceiveSnapshot(l.id, z, b); err != nil {
		return fmt.Errorf("receiving a snapshot: %w", err)
	}
	if !b.done() {
		if _, err := io.Copy(io.Discard, b); err != nil {
			return fmt.Errorf("receiving a snapshot: %w", err)
		}
	}
	src.wait(0)
	return nil
}

func (l *link) beginBody() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inBody = !l.dropping
	return l.inBody
}

func (l *link) endBody() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inBody = false
}

// source reads from a connection; each read may take so long as wait has said.
type source struct {
	nc      net.Conn
	timeout time.Duration
	head    []byte // was read before
}

// wait bounds reads from now on; 0 is no bound.
func (s *source) wait(d time.Duration) {
	s.timeout = d
	if d == 0 {
		_ = s.nc.SetReadDeadline(time.Time{})
	}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if len(s.head) > 0 {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	if s.timeout > 0 {
		_ = s.nc.SetReadDeadline(time.Now().Add(s.timeout))
	}
	return s.nc.Read(p)
}

func (l *link) status() LinkStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LinkStatus{
		Link: l.id, Leader: l.leader, Observer: l.observer, Connected: l.nc != nil, Since: l.since,
		Received: l.received.Load(), Sent: l.sent.Load(), Queued: l.queued,
	}
	if l.nc != nil {
		s.Address, s.TLS = l.nc.RemoteAddr().String(), tlsOf(l.nc)
	}
	return s
}

package zkserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

// client is the server's side of one connection.
type client struct {
	*cnxn.Conn
	server *Server
	remote netip.Addr

	// Guarded by the connection's lock.
	fifo    pipeline.FIFO
	ids     []zkproto.ID // never changed in place
	barred  bool         // none of them is of a scheme that enforce.auth.schemes asks for
	session zkproto.SessionID
	timeout int32 // milliseconds, as negotiated
	last    lastRequest

	handshake struct{ readOnly bool } // the connect request had the last byte

	// Owned by the connection's goroutine.
	established chan error
	certified   bool // known by a certificate
	closing     bool // a closeSession was received

	// held tells that the server does not read the connection for the sake of others: the client's silence is not its own.
	held atomic.Bool

	asked time.Time    // when the connect request came
	seen  zkproto.Zxid // what it says that it has seen

	// Owned by the core.
	dirty bool // has an answer to flush
	told  bool // has an event to flush
}

// Accept implements cnxn.Server.
func (s *Server) Accept(c *cnxn.Conn) cnxn.Client {
	w := &client{Conn: c, server: s, established: make(chan error, 1)}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		w.remote = a.AddrPort().Addr().Unmap()
	}
	w.identify(auth.RemoteID(w.remote))
	if c.Secure() {
		w.addCertified()
	}
	w.last = neverAsked
	return w
}

// Command implements cnxn.Server.
func (s *Server) Command(word string, arg []byte, _ *cnxn.Conn) (string, bool) {
	s.stats.received.Add(1)
	return s.words.Answer(word, arg)
}

// Argument implements cnxn.Server.
func (s *Server) Argument(word string) int { return admin.ArgumentSize(word) }

// errStopping is what waiting connections are told when the server stops.
var errStopping = fmt.Errorf("zkserver: the server is stopping: %w", net.ErrClosed)

// Connect implements cnxn.Client: the core decides, and answers.
func (w *client) Connect(req *zkproto.ConnectRequest) error {
	s := w.server
	s.stats.received.Add(1)
	if !s.tokens.take(s.wants(req.SessionID), s.clock.Now()) {
		w.Refuse()
		return errNoToken
	}
	s.stats.deficit.Add(s.tokens.deficit())
	s.stats.connects.Add(1)
	copied := *req
	copied.Password = append([]byte(nil), req.Password...)
	w.asked, w.seen = s.clock.Now(), req.LastZxidSeen
	if err := w.submit(pipeline.Request[*client]{From: w, Op: opConnect, Arrived: w.asked.UnixNano(), Extra: &copied}); err != nil {
		return err
	}
	select {
	case err := <-w.established:
		return err
	case <-s.coreDone:
		return errStopping
	}
}

// wants is what a connect request for a session asks of this server: 0 for a new one.
func (s *Server) wants(id zkproto.SessionID) wanted {
	switch {
	case id != 0:
		return wantRenewed
	case s.cfg.LocalSessions && s.cfg.Distributed():
		return wantLocal
	default:
		return wantGlobal
	}
}

// submit puts one internal request into the inbox.
func (w *client) submit(r pipeline.Request[*client]) error {
	b := w.server.inbox.Get()
	b.Add(r, nil)
	if !w.server.inbox.Put(b) {
		return errStopping
	}
	return nil
}

// Closed implements cnxn.Client.
func (w *client) Closed(reason error) {
	s := w.server
	if errors.Is(reason, io.EOF) && !w.closing {
		s.stats.dropped.Add(1)
	}
	w.Lock()
	w.fifo.Clear()
	id := w.session
	w.Unlock()
	s.watchMu.Lock()
	s.watches.RemoveWatcher(w)
	s.watchMu.Unlock()
	if id != 0 {
		s.log.Debug("client is gone", zap.Stringer("session", id), zap.Stringer("peer", w.RemoteAddr()), zap.Error(reason))
		_ = w.submit(pipeline.Request[*client]{From: w, Session: id, Op: opDetach})
	}
}

const (
	// readChunk is how many requests are handled before a waiting writer of the tree gets its turn.
	readChunk = 128
	// maxUnanswered is how many requests of one connection may wait before it is read no further.
	maxUnanswered = 1000
)

// Requests implements cnxn.Client.
func (w *client) Requests(frames [][]byte) error {
	s := w.server
	w.awaitGate()
	now := s.clock.Now().UnixNano()
	s.countReceived(frames)
	for {
		most, late, err := s.hold(w, now)
		if err != nil {
			return err
		}
		batch, done, full, err := w.requests(nil, frames[:min(len(frames), most)], now, late)
		if batch != nil {
			s.throttle.add(len(batch.Requests), batch.Bytes())
			if !s.direct(batch, directBatch) && !s.inbox.Put(batch) {
				return errStopping
			}
		}
		w.Flush()
		if err != nil {
			return err
		}
		if batch != nil && s.throttle.over() {
			w.held.Store(true)
			s.throttle.wait()
			w.held.Store(false)
		}
		if frames = frames[done:]; len(frames) == 0 {
			return nil
		}
		if full {
			w.AwaitRoom(func() bool { return w.fifo.Len() <= maxUnanswered/2 })
		}
	}
}

func (s *Server) countReceived(frames [][]byte) {
	s.stats.received.Add(int64(len(frames)))
	size := 0
	for _, f := range frames {
		size += len(f)
	}
	s.stats.bytesIn.Add(int64(size))
}

// requests handles frames, up to readChunk reads, under one hold of the locks: reads that need not wait are answered,
// writes are added to a batch, a new one if that is nil (it stays nil when there are none). It tells how many frames it has handled, and whether it has
// stopped because too much waits to be answered or sent. Late requests are answered with ThrottledOp.
func (w *client) requests(into *pipeline.Batch[*client], frames [][]byte, now int64, late bool) (batch *pipeline.Batch[*client], done int, full bool, err error) {
	batch = into
	s := w.server
	if late || w.anyRead(frames) {
		frames = frames[:min(len(frames), readChunk)]
		s.treeMu.RLock()
		defer s.treeMu.RUnlock()
	}
	var answered replied
	w.Lock()
	defer func() {
		w.Unlock()
		if answered.n > 0 {
			s.stats.reads.ObserveN(time.Duration(s.clock.Now().UnixNano()-now), answered.n)
			s.stats.replied(&answered)
		}
	}()
	for i, f := range frames {
		if w.fifo.Len() >= maxUnanswered || len(w.Out) > cnxn.SoftLimit {
			return batch, i, true, nil
		}
		var h zkproto.RequestHeader
		d := jute.NewDecoder(f)
		h.Decode(&d)
		if err := d.Err(); err != nil {
			return batch, i, false, fmt.Errorf("zkserver: request header: %w", err)
		}
		if w.closing {
			return batch, i, false, cnxn.ErrStop
		}
		it := pipeline.Item{Op: h.Op, Xid: h.Xid, IDs: w.ids, Arrived: now}
		kind := kindOf(h.Op)
		if w.barred && kind != kindAuth {
			return batch, i, false, w.turnAway(&h)
		}
		if late && throttlable(h.Op) {
			it.Err, kind = zkproto.ErrThrottledOp, kindRead
			s.limits.throttledOps.Add(1)
		}
		switch kind {
		case kindWrite, kindSync:
			if batch == nil {
				batch = s.inbox.Get()
			}
			w.closing = h.Op == zkproto.OpCloseSession
			w.fifo.PushWrite(it)
			body := d.Rest()
			if s.throttle.isLarge(len(body)) {
				s.throttle.large.Add(int64(len(body) + headerSize))
			}
			batch.Add(pipeline.Request[*client]{From: w, Session: w.session, Op: h.Op, Xid: h.Xid, IDs: w.ids, Arrived: now}, body)
		case kindAuth:
			authenticate := w.authenticate
			if h.Op == zkproto.OpSASL {
				authenticate = w.sasl
			}
			if err := authenticate(&h, &d); err != nil {
				return batch, i, false, err
			}
		default:
			it.Body = d.Rest()
			w.closing = kind == kindUnknown
			if !w.fifo.Idle() {
				w.fifo.PushRead(it)
				continue
			}
			at := len(w.Out)
			s.read(w, &it)
			w.last.set(&it, s.tree.LastZxid(), now)
			answered.add(len(w.Out) - at)
		}
	}
	return batch, len(frames), false, nil
}

// anyRead tells whether some frame may have to be answered from the tree.
func (w *client) anyRead(frames [][]byte) bool {
	for _, f := range frames {
		op, ok := opOf(f)
		if !ok {
			return false
		}
		if kindOf(op) == kindRead {
			return true
		}
	}
	return false
}

// opOf is what a packet asks for; false if it is too short.
func opOf(frame []byte) (zkproto.OpCode, bool) {
	if len(frame) < headerSize {
		return 0, false
	}
	return zkproto.OpCode(int32(binary.BigEndian.Uint32(frame[4:]))), true
}

// authenticate answers an auth packet at once, outside of the order of requests, as the original does. The connection is
// locked.
func (w *client) authenticate(h *zkproto.RequestHeader, d *jute.Decoder) error {
	var req zkproto.AuthRequest
	if req.Decode(d); d.Err() != nil {
		return fmt.Errorf("zkserver: auth packet: %w", d.Err())
	}
	var ids []zkproto.ID
	var err error
	if req.Scheme != "x509" || !w.certified { // who has shown a certificate has proven what there is to prove
		ids, err = w.server.registry.Authenticate(req.Scheme, req.Auth, w.remote)
	}
	if errors.Is(err, auth.ErrOtherEnsemble) {
		return fmt.Errorf("zkserver: %w", err) // without an answer
	}
	if err != nil {
		w.server.stats.authFailed.Add(1)
		w.server.log.Warn("authentication failed", zap.Stringer("session", w.session), zap.Stringer("peer", w.RemoteAddr()),
			zap.String("scheme", req.Scheme), zap.Error(err))
		return w.end(h, zkproto.ErrAuthFailed)
	}
	w.identify(ids...)
	if size := identitiesSize(w.ids); size > maxIdentities {
		w.server.log.Warn("a client presents more identities than are taken, and is disconnected", zap.Stringer("session", w.session),
			zap.Stringer("peer", w.RemoteAddr()), zap.Int("identities", len(w.ids)), zap.Int("bytes", size), zap.Int("limit", maxIdentities))
		return w.end(h, zkproto.ErrAuthFailed)
	}
	w.EndFrame(w.BeginFrame(zkproto.ReplyHeader{Xid: h.Xid}))
	return nil
}

// identify adds what the client is known by from now on. The connection is locked, or not in use yet.
func (w *client) identify(ids ...zkproto.ID) {
	w.ids = auth.AddIDs(w.ids, ids...)
	w.barred = !w.server.registry.Admits(w.ids)
}

// maxIdentities bounds the text of all identities of a connection: they go with each of its writes to the leader, in a packet that is
// not much longer than a frame, and into every ACL that says "auth".
const maxIdentities = 32 << 10

func identitiesSize(ids []zkproto.ID) int {
	n := 0
	for i := range ids {
		n += len(ids[i].Scheme) + len(ids[i].ID)
	}
	return n
}

// turnAway answers whatever a client asks that has to authenticate first. Its session lives on until it expires, and nothing that it
// asked before can be under way: it has been barred from the start. The connection is locked.
func (w *client) turnAway(h *zkproto.RequestHeader) error {
	have := make([]string, len(w.ids))
	for i := range w.ids {
		have[i] = w.ids[i].Scheme
	}
	w.server.log.Warn("the client has not authenticated by any of enforce.auth.schemes: it is disconnected", zap.Stringer("session", w.session),
		zap.Stringer("peer", w.RemoteAddr()), zap.Strings("schemes", have), zap.Strings("demanded", w.server.cfg.DemandedSchemes()))
	return w.end(h, zkproto.ErrSessionClosedRequireSASLAuth)
}

// end answers a request with an error alone, and lets the connection end behind it. The connection is locked.
func (w *client) end(h *zkproto.RequestHeader, err zkproto.Error) error {
	w.EndFrame(w.BeginFrame(zkproto.ReplyHeader{Xid: h.Xid, Err: err}))
	w.CloseWhenSent()
	w.closing = true
	return cnxn.ErrStop
}

// sasl answers a SASL token as an original without SASL does: with null, and the client goes on as nobody.
func (w *client) sasl(h *zkproto.RequestHeader, d *jute.Decoder) error {
	if token := d.Bytes(); d.Err() != nil || token == nil {
		return fmt.Errorf("zkserver: SASL packet without a token: %w", io.ErrUnexpectedEOF)
	}
	at := w.BeginFrame(zkproto.ReplyHeader{Xid: h.Xid})
	w.Out = jute.AppendBytes(w.Out, nil)
	w.EndFrame(at)
	return nil
}

// event appends a notification. The connection is locked.
func (w *client) event(zxid zkproto.Zxid, ev zkproto.WatcherEvent) {
	at := w.BeginFrame(zkproto.ReplyHeader{Xid: zkproto.XidNotification, Zxid: zxid})
	w.Out = ev.AppendTo(w.Out)
	w.EndFrame(at)
	w.server.stats.sent.Add(1)
	w.server.stats.watchBytes.Add(int64(len(w.Out) - at))
}

// kind is how a request travels.
type kind uint8

const (
	kindUnknown kind = iota // refused, and the connection closed
	kindRead                // answered from the tree
	kindWrite               // through the log
	kindSync                // through the queue of writes, without a transaction
	kindAuth
)

// The ops that exist only between a connection and the core.
const (
	opConnect zkproto.OpCode = -1000 - iota
	opDetach
	opCall
)

var kinds = func() (k [128]kind) {
	for op := range zkproto.OpCode(len(k)) {
		if op.IsWrite() {
			k[op] = kindWrite
		}
	}
	k[zkproto.OpCheck] = kindUnknown           // only within a multi (ZOOKEEPER-2623)
	k[zkproto.OpDeleteContainer] = kindUnknown // the server's own: it checks no permissions
	for _, op := range []zkproto.OpCode{
		zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetACL, zkproto.OpGetChildren,
		zkproto.OpGetChildren2, zkproto.OpPing, zkproto.OpMultiRead, zkproto.OpSetWatches, zkproto.OpSetWatches2,
		zkproto.OpAddWatch, zkproto.OpCheckWatches, zkproto.OpRemoveWatches, zkproto.OpGetEphemerals,
		zkproto.OpGetAllChildrenNumber, zkproto.OpWhoAmI,
	} {
		k[op] = kindRead
	}
	k[zkproto.OpSync] = kindSync
	k[zkproto.OpAuth] = kindAuth
	k[zkproto.OpSASL] = kindAuth
	return k
}()

func kindOf(op zkproto.OpCode) kind {
	if op >= 0 && int(op) < len(kinds) {
		return kinds[op]
	}
	if op == zkproto.OpCloseSession {
		return kindWrite
	}
	return kindUnknown
}

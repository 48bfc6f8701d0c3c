package zkserver

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/peer"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/txnlog"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// peerInbox is what the other servers have said and the core has not taken yet. One wake-up stands for all that came since
// the core looked last.
type peerInbox struct {
	mu     sync.Mutex
	room   sync.Cond
	items  []peerItem
	bytes  int
	closed bool
}

// peerItem is a message; or what has become of the link that msg.From and msg.Link name.
type peerItem struct {
	msg    zab.Message
	gone   bool // it has ended
	silent bool // because nobody answered at the other end
	moved  bool // a snapshot or a part of the log is on its way by it, and some more has come or gone
}

// peerInboxSize is how many bytes may wait before those who bring more have to wait, too.
const peerInboxSize = 32 << 20

func (in *peerInbox) init() { in.room.L = &in.mu }

// put adds messages and tells whether the core has to be woken.
func (in *peerInbox) put(msgs []zab.Message) (wake bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.bytes > peerInboxSize && !in.closed {
		in.room.Wait()
	}
	if in.closed {
		return false
	}
	wake = len(in.items) == 0
	for i := range msgs {
		in.items = append(in.items, peerItem{msg: msgs[i]})
		in.bytes += len(msgs[i].Data)
	}
	return wake
}

// about adds news of a link itself. It never waits.
func (in *peerInbox) about(l zab.Link, item peerItem) (wake bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	item.msg = zab.Message{From: l.Peer, Link: l.Link}
	in.items = append(in.items, item)
	return len(in.items) == 1
}

// take answers what has come, and keeps the slice given for what comes next.
func (in *peerInbox) take(spare []peerItem) []peerItem {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.items) == 0 {
		return spare[:0]
	}
	items := in.items
	in.items, in.bytes = spare[:0], 0
	in.room.Broadcast()
	return items
}

// shrink gives up an empty list of more than so many places.
func (in *peerInbox) shrink(most int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.items) == 0 && cap(in.items) > most {
		in.items = nil
	}
}

// close lets everybody go; nothing is taken any more.
func (in *peerInbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed, in.items = true, nil
	in.room.Broadcast()
}

// peerHandler is what the connections to the other servers call. It keeps the snapshots that came until the core installs
// them.
type peerHandler struct {
	s        *Server
	mu       sync.Mutex
	received map[zab.Link]*store.Received
	sending  places // for each snapshot on its way to a learner
	reading  places // and for each learner that gets old entries from the log
}

func (h *peerHandler) init(s *Server, snaps, diffs int) {
	h.s, h.received = s, map[zab.Link]*store.Received{}
	h.sending.init(snaps)
	h.reading.init(diffs)
}

// Messages implements peer.Handler.
func (h *peerHandler) Messages(msgs []zab.Message) {
	if !h.s.fromPeers.put(msgs) {
		return
	}
	if len(msgs) <= directMessages && !slices.ContainsFunc(msgs, heavy) {
		h.s.heardDirect()
		return
	}
	h.s.wakeCore()
}

// directMessages is up to how many messages at once are taken by the goroutine that has read them.
const directMessages = 4

// heavy tells whether a message may cause more than a moment's work: a change of role, or of history.
func heavy(m zab.Message) bool {
	switch m.Type {
	case zab.Request, zab.Proposal, zab.Ack, zab.Commit, zab.Ping, zab.Revalidate, zab.Sync, zab.Inform:
		return false
	default:
		return true
	}
}

// Disconnected implements peer.Handler.
func (h *peerHandler) Disconnected(l zab.Link, reason error) {
	h.s.log.Debug("link to a peer has ended", zap.Int64("peer", int64(l.Peer)), zap.Uint64("link", l.Link), zap.Error(reason))
	if h.s.fromPeers.about(l, peerItem{gone: true, silent: errors.Is(reason, peer.ErrSilent)}) {
		h.s.wakeCore()
	}
}

// ReceiveSnapshot implements peer.Handler.
func (h *peerHandler) ReceiveSnapshot(from zab.Link, zxid zab.Zxid, body io.Reader) error {
	begin := h.s.clock.Now()
	collect := snapshot.WithoutGC() // nearly all that is allocated stays; and the collector takes every processor that is idle for a moment
	got, err := h.s.store.Receive(zxid, &moving{h: h, link: from, r: body}, h.s.settleReceived)
	if err != nil {
		collect()
		h.s.log.Error("the leader's snapshot could not be taken", zap.Int64("peer", int64(from.Peer)), zap.Stringer("zxid", zxid), zap.Error(err))
		return err
	}
	h.s.log.Info("snapshot received from the leader", zap.Int64("peer", int64(from.Peer)), zap.Stringer("zxid", zxid),
		zap.Int("znodes", got.Nodes), zap.Duration("took", h.s.clock.Now().Sub(begin)))
	h.s.collectLater(collect, got.Nodes)
	h.mu.Lock()
	old := h.received[from]
	h.received[from] = got
	h.mu.Unlock()
	if old != nil {
		old.Discard()
	}
	return nil
}

// takeReceived gives out the snapshot that came by a link; nil when there is none.
func (h *peerHandler) takeReceived(from zab.Link) *store.Received {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.received[from]
	delete(h.received, from)
	return got
}

// forget throws away the snapshots that came by other links than keep and will not be installed.
func (h *peerHandler) forget(from zab.Link) {
	if got := h.takeReceived(from); got != nil {
		got.Discard()
	}
}

var errNotTheState = errors.New("zkserver: this server's state is no longer what the learner was promised")

// SendSnapshot implements peer.Handler. The tree is walked in pieces while writes go on; each piece is followed by a pause as
// long as it took, so that a learner's million znodes leave half of a processor to the clients.
func (h *peerHandler) SendSnapshot(to zab.Link, zxid zab.Zxid, w io.Writer) error {
	s := h.s
	if err := h.enter(&h.sending, to); err != nil {
		return err
	}
	defer h.sending.giveBack()
	var src *snapshotSource
	s.onCore(func() {
		if s.tree.LastZxid() >= zxid {
			src = &snapshotSource{mu: &s.treeMu, tree: s.tree, sessions: s.core.replica.Sessions()}
		}
	})
	if src == nil {
		return errNotTheState
	}
	begin, pace := s.clock.Now(), s.pacer()
	if err := snapshot.Stream(&moving{h: h, link: to, w: w}, src, func() { pace() }); err != nil {
		return err
	}
	s.log.Info("snapshot sent to a learner", zap.Int64("peer", int64(to.Peer)), zap.Stringer("zxid", zxid),
		zap.Duration("took", s.clock.Now().Sub(begin)))
	return nil
}

// Replay implements peer.Handler.
func (h *peerHandler) Replay(to zab.Link, after, upTo zab.Zxid, emit func(zab.Entry) error) error {
	if err := h.enter(&h.reading, to); err != nil {
		return err
	}
	defer h.reading.giveBack()
	begin, n := h.s.clock.Now(), 0
	way := moving{h: h, link: to}
	err := h.s.store.Replay(after, upTo, func(r txnlog.Record) error {
		n++
		way.on()
		return emit(zab.Entry{Zxid: r.Zxid, Data: r.Data})
	})
	if err != nil {
		return fmt.Errorf("zkserver: reading the log from %s to %s for server %d: %w", after, upTo, to.Peer, err)
	}
	h.s.log.Info("log sent to a learner", zap.Int64("peer", int64(to.Peer)), zap.Stringer("zxid", upTo), zap.Int("entries", n),
		zap.Duration("took", h.s.clock.Now().Sub(begin)))
	return nil
}

// zabTick is the tick of the zab core of an ensemble.
const zabTick = 10 * time.Millisecond

// ticks is a duration in ticks, at least one.
func ticks(d time.Duration) int { return max(1, int(d/zabTick)) }

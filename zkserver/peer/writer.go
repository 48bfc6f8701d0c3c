package peer

import (
	"bufio"
	"fmt"
	"net"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

const (
	// byReference is from what length on data are not copied into the buffer.
	byReference = 16 << 10
	// flushAt bounds what is gathered for one write.
	flushAt = 256 << 10
	// keepBuffer and keepQueue are the largest buffers an idle link keeps: bytes, messages.
	keepBuffer = 64 << 10
	keepQueue  = 1 << 10
	// calmBatches in a row that needed no large buffer make a link idle.
	calmBatches = 16
	// pieceSize is how much of a snapshot must be written in InitTimeout: a slow line is no stalled one.
	pieceSize = 8 << 10
)

// write is the link's writer: each batch of the queue goes out with one system call, as far as flushAt allows.
func (l *link) write() {
	g := gather{l: l}
	for {
		batch, rest, ok := l.take()
		if !ok {
			return
		}
		if rest != nil {
			err := l.deadline()
			if err == nil {
				_, err = l.out.Write(rest)
			}
			if err != nil {
				l.end(err)
				return
			}
		}
		bytes := 0
		for i := range batch {
			bytes += perMessage + len(batch[i].Data)
			if err := g.message(&batch[i]); err != nil {
				l.end(err)
				return
			}
		}
		if err := g.flush(); err != nil {
			l.end(err)
			return
		}
		l.sent.Add(uint64(len(batch)))
		g.shrink()
		l.give(batch, bytes)
	}
}

// take waits for messages and takes them all; rest is to be written before them. It answers false when nothing more is to be
// sent: the link has ended, or is dropped and its queue is empty.
func (l *link) take() (batch []zab.Message, rest []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = false
	nothing := func() bool { return len(l.queue) == 0 && l.rest == nil }
	for nothing() && !l.ended && !l.dropping {
		l.work.Wait()
	}
	if nothing() && l.dropping && !l.ended {
		l.hangUpLocked()
		return nil, nil, false
	}
	if l.ended {
		return nil, nil, false
	}
	l.writing = true
	batch, rest = l.queue, l.rest
	l.queue, l.spare, l.rest = l.spare[:0], nil, nil
	return batch, rest, true
}

// give returns a batch that is sent, to be a queue again.
func (l *link) give(batch []zab.Message, bytes int) {
	clear(batch)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queued -= bytes
	if cap(batch) <= keepQueue {
		l.spare = batch[:0]
	}
}

// deadline gives the next write InitTimeout, or what is left of LingerTime, and fails when the link has ended.
func (l *link) deadline() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return net.ErrClosed
	}
	if l.dropping {
		return nil // set by drop
	}
	return l.nc.SetWriteDeadline(time.Now().Add(l.p.cfg.InitTimeout))
}

// gather collects packets for one write. Long data stay where they are.
type gather struct {
	l    *link
	buf  []byte
	mark int // before it, buf is in vec
	vec  net.Buffers
	size int
	most int // bytes in buf at once, of this batch
	calm int // batches in a row that needed no large buffer
}

// message adds a message, or does what it stands for.
func (g *gather) message(m *zab.Message) error {
	switch m.Type {
	case zab.Replay:
		return g.replay(m)
	case zab.Snap:
		return g.snapshot(m)
	}
	return g.packet(m)
}

// packet adds a packet, and writes when there is much.
func (g *gather) packet(m *zab.Message) error {
	g.l.said(m)
	g.size += minPacket + len(m.Data)
	g.buf = appendHead(g.buf, m.Type, m.Zxid, m.Data)
	if len(m.Data) < byReference || g.l.secure { // TLS copies it in any case, and would make a record of each part
		g.buf = append(g.buf, m.Data...)
	} else {
		g.vec = append(g.vec, g.buf[g.mark:len(g.buf):len(g.buf)], m.Data)
		g.mark = len(g.buf)
	}
	g.buf = appendAuth(g.buf, m.Auth)
	if g.size >= flushAt {
		return g.flush()
	}
	return nil
}

// flush writes what is gathered.
func (g *gather) flush() error {
	if len(g.buf) == 0 {
		return nil
	}
	if err := g.l.deadline(); err != nil {
		return err
	}
	var err error
	if len(g.vec) == 0 {
		_, err = g.l.out.Write(g.buf)
	} else {
		all := append(g.vec, g.buf[g.mark:])
		_, err = all.WriteTo(g.l.nc)
		clear(g.vec)
	}
	g.most = max(g.most, len(g.buf))
	g.buf, g.vec, g.mark, g.size = g.buf[:0], g.vec[:0], 0, 0
	return err
}

// shrink is called behind each batch. A link that has much to send keeps its buffer: to grow it anew for each batch made most of a
// leader's garbage.
func (g *gather) shrink() {
	if g.calm++; g.most > keepBuffer {
		g.calm = 0
	}
	if g.most = 0; g.calm >= calmBatches && cap(g.buf) > keepBuffer {
		g.buf = nil
	}
	if cap(g.vec) > 64 {
		g.vec = nil
	}
}

// replay sends a part of the log as proposals, each with its commit.
func (g *gather) replay(m *zab.Message) error {
	err := g.l.p.handler.Replay(g.l.id, m.After, m.Zxid, func(e zab.Entry) error {
		if e.Zxid <= m.After || e.Zxid > m.Zxid {
			return fmt.Errorf("zxid %s is outside of what was asked for, %s to %s", e.Zxid, m.After, m.Zxid)
		}
		g.l.sent.Add(2)
		if err := g.packet(&zab.Message{Type: zab.Proposal, Zxid: e.Zxid, Data: e.Data}); err != nil {
			return err
		}
		if len(e.Data) >= byReference { // needed until emit returns only
			if err := g.flush(); err != nil {
				return err
			}
		}
		return g.packet(&zab.Message{Type: zab.Commit, Zxid: e.Zxid})
	})
	if err != nil {
		return fmt.Errorf("sending the log after %s: %w", m.After, err)
	}
	return nil
}

// snapshot sends SNAP and what belongs to it.
func (g *gather) snapshot(m *zab.Message) error {
	if err := g.packet(m); err != nil {
		return err
	}
	if err := g.flush(); err != nil {
		return err
	}
	if c := tcpOf(g.l.nc); c != nil {
		setUnsent(c, keepBuffer)
		defer setUnsent(c, 0)
	}
	w := bufio.NewWriterSize(snapshotWriter{g.l}, keepBuffer)
	if err := g.l.p.handler.SendSnapshot(g.l.id, m.Zxid, w); err != nil {
		return fmt.Errorf("sending a snapshot: %w", err)
	}
	if _, err := w.Write(jute.AppendString(nil, signature)); err != nil {
		return err
	}
	return w.Flush()
}

// snapshotWriter writes to the connection, with a time for each piece, until the link is dropped.
type snapshotWriter struct{ l *link }

// Write implements io.Writer.
func (w snapshotWriter) Write(p []byte) (n int, err error) {
	w.l.mu.Lock()
	dropping := w.l.dropping
	w.l.mu.Unlock()
	if dropping {
		return 0, errDropped
	}
	for n < len(p) {
		if err = w.l.deadline(); err != nil {
			return n, err
		}
		var written int
		written, err = w.l.nc.Write(p[n:min(len(p), n+pieceSize)])
		if n += written; err != nil {
			return n, err
		}
	}
	return n, nil
}

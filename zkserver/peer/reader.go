package peer

import (
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

const (
	// chunkSize is the largest that Go's allocator takes from its size classes.
	chunkSize = 32 << 10
	// bulkSize is read at once when packets come in a stream, and how much memory is spent at a time on a long packet, so
	// that a length alone costs nothing.
	bulkSize = 256 << 10
	// shortRead is how little room is not worth a read.
	shortRead = 512
)

// reader cuts a stream into packets. The data of packets are not copied: they stay where they were read to, and what is
// read next goes behind them, or into a new chunk. So the only memory spent per packet is the packet's own.
type reader struct {
	r          io.Reader
	limit      int
	buf        []byte // a chunk; what lies before start was handed out
	start, end int    // of what was read and not cut yet
	kept       int    // before it there is data that somebody may keep
	bulk       bool   // the last read brought much
	ids        idCache
	msgs       []zab.Message
}

func newReader(r io.Reader, limit int) *reader { return &reader{r: r, limit: limit} }

// cut takes the next packet, if all of it has been read; otherwise need is how many bytes of it must have been read to go
// on.
func (r *reader) cut() (m zab.Message, need int, err error) {
	n, need, err := measure(r.buf[r.start:r.end], r.limit)
	if n == 0 || err != nil {
		return m, need, err
	}
	if m, err = decodePacket(r.buf[r.start:r.start+n:r.start+n], &r.ids); err != nil {
		return m, 0, err
	}
	r.start += n
	if m.Data != nil {
		r.kept = r.start
	}
	return m, 0, nil
}

// batch takes all packets that have been read, and reads until there is at least one. It ends behind a SNAP, for what
// follows is no packet. The slice is good until the next call. Packets that came before an error are handed out first.
func (r *reader) batch() ([]zab.Message, error) {
	clear(r.msgs)
	r.msgs = r.msgs[:0]
	for {
		m, need, err := r.cut()
		switch {
		case err != nil && len(r.msgs) > 0:
			return r.msgs, nil // the next call comes to the same error
		case err != nil:
			return nil, err
		case need == 0:
			r.msgs = append(r.msgs, m)
			if m.Type == zab.Snap {
				return r.msgs, nil
			}
			continue
		case len(r.msgs) > 0:
			return r.msgs, nil
		}
		if err := r.fill(need); err != nil {
			return nil, err
		}
	}
}

// one takes a single packet.
func (r *reader) one() (zab.Message, error) {
	for {
		m, need, err := r.cut()
		if err != nil || need == 0 {
			return m, err
		}
		if err := r.fill(need); err != nil {
			return m, err
		}
	}
}

// fill reads something, to where a packet of need bytes will find room.
func (r *reader) fill(need int) error {
	part := r.end - r.start
	if part == 0 {
		r.start, r.end = r.kept, r.kept // what is in between was kept by nobody
	}
	room, free := len(r.buf)-r.start, len(r.buf)-r.end
	switch {
	case room >= need && (free >= shortRead || part >= shortRead):
	case room < need && r.start == 0 && len(r.buf) >= bulkSize && free > 0: // a long packet's memory grows as it comes
	default:
		r.move(need)
	}
	n, err := r.r.Read(r.buf[r.end:])
	r.end += n
	r.bulk = n >= chunkSize/2
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF) && part > 0:
		return fmt.Errorf("the connection ended within a packet: %w", io.ErrUnexpectedEOF)
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// move goes on in a new chunk, or at the beginning of this one when nothing in it was kept.
func (r *reader) move(need int) {
	part := r.buf[r.start:r.end]
	size := chunkSize
	if r.bulk {
		size = bulkSize
	}
	if need > size {
		size = min(need, max(bulkSize, 2*len(part)))
	}
	if r.kept == 0 && len(r.buf) >= size && len(r.buf)-len(part) >= shortRead {
		r.start, r.end = 0, copy(r.buf, part)
		return
	}
	next := make([]byte, size)
	r.end = copy(next, part)
	r.buf, r.start, r.kept = next, 0, 0
}

// peek answers the next n bytes without taking them: a snapshot's. None of the buffer is kept by anybody meanwhile (see
// beginRaw).
func (r *reader) peek(n int) ([]byte, error) {
	for r.end-r.start < n {
		if len(r.buf)-r.start < n {
			r.end = copy(r.buf, r.buf[r.start:r.end])
			r.start = 0
		}
		got, err := r.r.Read(r.buf[r.end:])
		r.end += got
		if got == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return r.buf[r.start : r.start+n], nil
}

// raw takes up to len(p) bytes as they are.
func (r *reader) raw(p []byte) (int, error) {
	if r.start == r.end {
		r.start, r.end = 0, 0
		if len(p) >= len(r.buf) {
			return r.r.Read(p)
		}
		if _, err := r.peek(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.start:r.end])
	r.start += n
	return n, nil
}

// beginRaw gives up the chunk, in which others keep data, for one that peek and raw may use over and over.
func (r *reader) beginRaw() {
	next := make([]byte, max(bulkSize, r.end-r.start))
	r.end = copy(next, r.buf[r.start:r.end])
	r.buf, r.start, r.kept = next, 0, 0
}

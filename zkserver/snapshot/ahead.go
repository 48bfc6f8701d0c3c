package snapshot

import (
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"sync"
)

const (
	pieceSize = 256 << 10
	// piecesAhead is how many pieces are read before the first of them is used up. More would only cost memory: a disk and a
	// file system read ahead by themselves.
	piecesAhead = 4
)

// piece is a part of a snapshot, and the checksum of all that stands before it.
type piece struct {
	data   []byte
	before uint32
	err    error // why no piece follows; io.EOF at the end
}

// ahead reads a stream, and sums it up, on a goroutine of its own while what was read before is decoded.
type ahead struct {
	r      io.Reader
	pieces chan piece
	free   chan []byte
	quit   chan struct{}
	wg     sync.WaitGroup
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{r: r, pieces: make(chan piece, piecesAhead), free: make(chan []byte, piecesAhead+2), quit: make(chan struct{})}
	a.wg.Go(a.run)
	return a
}

// close ends the goroutine: the reader is free afterwards.
func (a *ahead) close() {
	close(a.quit)
	a.wg.Wait()
}

func (a *ahead) run() {
	sum := adler32.New()
	for {
		b := piece{before: sum.Sum32()}
		select {
		case b.data = <-a.free:
		default:
			b.data = make([]byte, pieceSize)
		}
		b.data, b.err = fill(a.r, b.data)
		_, _ = sum.Write(b.data) // never fails
		select {
		case a.pieces <- b:
		case <-a.quit:
			return
		}
		if b.err != nil {
			return
		}
	}
}

// fill reads until buf is full or nothing more can be read. A whole snapshot may come with the first read.
func fill(r io.Reader, buf []byte) ([]byte, error) {
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return buf[:n], err
}

// giveBack returns the memory of a piece that was used up.
func (a *ahead) giveBack(b []byte) {
	if cap(b) < pieceSize {
		return
	}
	select {
	case a.free <- b[:pieceSize]:
	default:
	}
}

// sumAfter is the Adler-32 of what has the checksum before, followed by b.
func sumAfter(before uint32, b []byte) uint32 {
	h := adler32.New()
	state := binary.BigEndian.AppendUint32([]byte("adl\x01"), before)
	if err := h.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(state); err != nil {
		panic("snapshot: hash/adler32 does not take its own state: " + err.Error())
	}
	_, _ = h.Write(b) // never fails
	return h.Sum32()
}

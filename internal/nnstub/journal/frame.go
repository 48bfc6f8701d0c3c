package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	magicHeader = "HFJ1"
	magicEdit   = "HFE1"
	frameHead   = 12
	opPut       = 1

	maxPayload = 32 + MaxPath + MaxData
)

// The bounds of an edit, in bytes.
const (
	MaxPath = 4096
	MaxData = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Edit is one record: a file written whole.
type Edit struct {
	Epoch uint64
	Txid  uint64
	Path  string
	Data  []byte
}

// header opens a segment.
type header struct {
	epoch      uint64
	firstTxid  uint64
	prevEpoch  uint64 // 0: the first segment
	prevLength int64  // bytes of the previous segment that belong to the journal
	writer     string
}

var (
	errIncomplete = errors.New("incomplete")
	errBadFrame   = errors.New("bad frame")
)

// appendFrame appends a frame around what fill appends.
func appendFrame(b []byte, magic string, fill func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = fill(append(b, 0, 0, 0, 0, 0, 0, 0, 0))
	f := b[start:]
	binary.BigEndian.PutUint32(f[4:], uint32(len(f)-frameHead))
	binary.BigEndian.PutUint32(f[8:], checksum(f))
	return b
}

// checksum covers the length and the payload of a whole frame.
func checksum(f []byte) uint32 {
	return crc32.Update(crc32.Checksum(f[4:8], castagnoli), castagnoli, f[frameHead:])
}

// takeFrame reads the frame at the beginning of b: its payload and its whole size (0 if that cannot be known).
// errIncomplete means that b ends within the frame.
func takeFrame(b []byte, magic string) (payload []byte, size int, err error) {
	if n := min(len(b), len(magic)); string(b[:n]) != magic[:n] {
		return nil, 0, fmt.Errorf("%w: begins with %q instead of %q", errBadFrame, b[:n], magic)
	}
	if len(b) < frameHead {
		return nil, 0, fmt.Errorf("%w: %d bytes of a frame's first %d", errIncomplete, len(b), frameHead)
	}
	n := binary.BigEndian.Uint32(b[4:])
	if n > maxPayload {
		return nil, 0, fmt.Errorf("%w: length %d", errBadFrame, n)
	}
	size = frameHead + int(n)
	if len(b) < size {
		return nil, size, fmt.Errorf("%w: %d bytes of a frame of %d", errIncomplete, len(b), size)
	}
	if want, got := binary.BigEndian.Uint32(b[8:]), checksum(b[:size]); want != got {
		return nil, size, fmt.Errorf("%w: checksum %08x, computed %08x", errBadFrame, want, got)
	}
	return b[frameHead:size:size], size, nil
}

func appendEdit(b []byte, e Edit) []byte {
	return appendFrame(b, magicEdit, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint64(b, e.Epoch)
		b = binary.BigEndian.AppendUint64(b, e.Txid)
		b = append(b, opPut)
		b = binary.BigEndian.AppendUint16(b, uint16(len(e.Path)))
		b = append(b, e.Path...)
		return append(b, e.Data...)
	})
}

// takeEdit reads the edit at the beginning of b. Data points into b.
func takeEdit(b []byte) (Edit, int, error) {
	p, size, err := takeFrame(b, magicEdit)
	if err != nil {
		return Edit{}, size, err
	}
	if len(p) < 19 {
		return Edit{}, size, fmt.Errorf("%w: an edit of %d bytes", errBadFrame, len(p))
	}
	if p[16] != opPut {
		return Edit{}, size, fmt.Errorf("%w: unknown operation %d", errBadFrame, p[16])
	}
	n := int(binary.BigEndian.Uint16(p[17:]))
	if n == 0 || n > MaxPath || 19+n > len(p) {
		return Edit{}, size, fmt.Errorf("%w: a path of %d bytes in an edit of %d", errBadFrame, n, len(p))
	}
	return Edit{
		Epoch: binary.BigEndian.Uint64(p), Txid: binary.BigEndian.Uint64(p[8:]),
		Path: string(p[19 : 19+n]), Data: p[19+n:],
	}, size, nil
}

func encodeHeader(h header) []byte {
	return appendFrame(nil, magicHeader, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint64(b, h.epoch)
		b = binary.BigEndian.AppendUint64(b, h.firstTxid)
		b = binary.BigEndian.AppendUint64(b, h.prevEpoch)
		b = binary.BigEndian.AppendUint64(b, uint64(h.prevLength))
		return append(b, h.writer...)
	})
}

func takeHeader(b []byte) (header, int, error) {
	p, size, err := takeFrame(b, magicHeader)
	if err != nil {
		return header{}, size, err
	}
	if len(p) < 32 {
		return header{}, size, fmt.Errorf("%w: a header of %d bytes", errBadFrame, len(p))
	}
	h := header{
		epoch: binary.BigEndian.Uint64(p), firstTxid: binary.BigEndian.Uint64(p[8:]),
		prevEpoch: binary.BigEndian.Uint64(p[16:]), prevLength: int64(binary.BigEndian.Uint64(p[24:])),
		writer: string(p[32:]),
	}
	if h.epoch == 0 || h.firstTxid == 0 || h.prevEpoch >= h.epoch || h.prevLength < 0 {
		return header{}, size, fmt.Errorf("%w: impossible header %+v", errBadFrame, h)
	}
	return h, size, nil
}

// tornAt tells whether the bad frame at the beginning of b is the last thing written: no whole edit follows.
func tornAt(b []byte) bool {
	for at := 1; ; at++ {
		i := bytes.Index(b[min(at, len(b)):], []byte(magicEdit))
		if i < 0 {
			return true
		}
		at += i
		if _, _, err := takeEdit(b[at:]); err == nil {
			return false
		}
	}
}

// CorruptError is damage in the middle of the journal.
type CorruptError struct {
	File   string
	Offset int64 // in bytes from the beginning of the file
	Reason error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal is corrupt: %s at offset %d: %v; restore the file from a copy, nothing was changed", e.File, e.Offset, e.Reason)
}

// Unwrap is the reason.
func (e *CorruptError) Unwrap() error { return e.Reason }

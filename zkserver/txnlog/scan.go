package txnlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const window = 1 << 20 // bytes read at a time

// scanner walks the records of one segment.
type scanner struct {
	f    vfs.File
	path string
	size int64
	off  int64 // of the next record
	win  []byte
	at   int64        // offset of win in the file
	buf  []byte       // backs win
	last zkproto.Zxid // of the last good record, 0 before the first
	head [headerSize]byte
}

// tornHeader tells whether a header that does not check can be the first part of a good one, the rest never written.
func (s *scanner) tornHeader() bool {
	good := appendHeader(nil)
	i := 0
	for i < headerSize && s.head[i] == good[i] {
		i++
	}
	return allZero(s.head[i:])
}

// bad is what a scanner could not read as a record; it is no error of reading.
type bad struct {
	off    int64
	reason string
}

// openSegment opens a segment and checks its header.
func openSegment(fsys vfs.FS, path string, buf []byte) (*scanner, *bad, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("txnlog: %w", err)
	}
	s := &scanner{f: f, path: path, buf: buf}
	if s.size, err = f.Size(); err != nil {
		_ = f.Close()
		return nil, nil, fmt.Errorf("txnlog: %w", err)
	}
	head, err := s.bytes(0, headerSize)
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	if reason := checkHeader(head); reason != "" {
		copy(s.head[:], head)
		return s, &bad{reason: reason}, nil
	}
	s.off = headerSize
	return s, nil, nil
}

// close is idempotent: before a file is cut or removed it must be closed (Windows), and at the end again.
func (s *scanner) close() { _ = s.f.Close() } // opened for reading: nothing can be lost

// bytes answers up to n bytes at off, fewer at the end of the file. They are valid until the next call.
func (s *scanner) bytes(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), s.size-off))
	if i := off - s.at; i >= 0 && i+int64(n) <= int64(len(s.win)) {
		return s.win[i : i+int64(n)], nil
	}
	want := int(min(int64(max(n, window)), s.size-off))
	if cap(s.buf) < want {
		s.buf = make([]byte, want)
	}
	got, err := s.f.ReadAt(s.buf[:want], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("txnlog: read %s at offset %d: %w", s.path, off, err)
	}
	s.win, s.at = s.buf[:got], off
	if got < want { // cut by its writer meanwhile
		s.size = off + int64(got)
	}
	return s.win[:min(n, got)], nil
}

// next reads one record. At the end of the segment body is nil. What is no record is answered as bad and not consumed.
func (s *scanner) next() (body []byte, zxid zkproto.Zxid, b *bad, err error) {
	frame, err := s.bytes(s.off, frameSize)
	if err != nil {
		return nil, 0, nil, err
	}
	if allZero(frame) {
		return nil, 0, nil, nil
	}
	if len(frame) < frameSize {
		return nil, 0, &bad{s.off, fmt.Sprintf("%d bytes at the end, too short for a record", len(frame))}, nil
	}
	n := int32(binary.BigEndian.Uint32(frame[8:]))
	if reason := checkLength(n, s.size-s.off-frameSize); reason != "" {
		return nil, 0, &bad{s.off, reason}, nil
	}
	total := frameSize + int(n) + 1
	rec, err := s.bytes(s.off, total)
	if err != nil {
		return nil, 0, nil, err
	}
	if len(rec) < total {
		return nil, 0, &bad{s.off, fmt.Sprintf("%d of %d bytes of a record", len(rec), total)}, nil
	}
	if reason := checkRecord(rec); reason != "" {
		return nil, 0, &bad{s.off, reason}, nil
	}
	body = rec[frameSize : total-1]
	zxid = bodyZxid(body)
	s.off += int64(total)
	s.last = zxid
	return body, zxid, nil, nil
}

// rest describes what stands from an offset on to the end of the segment.
type rest struct {
	end   int64        // behind the last byte that is not zero, or the offset itself
	valid int64        // offset of a record that checks, -1 if there is none
	zxid  zkproto.Zxid // of that record
}

// searchRest looks from off on for a record that could belong to this log, at any byte: damage can hide where records
// begin. It keeps looking for the last byte that is not zero only while it finds none.
func (s *scanner) searchRest(off int64) (rest, error) {
	r := rest{end: off, valid: -1}
	for at := off; at < s.size; {
		w, err := s.bytes(at, window)
		if err != nil {
			return r, err
		}
		if len(w) == 0 {
			break
		}
		if allZero(w) {
			at += int64(len(w))
			continue
		}
		// A window ends with bytes that may be the beginning of a record: look at them again with what follows.
		last := at+int64(len(w)) >= s.size
		stop := len(w)
		if !last {
			stop -= frameSize + minBody
		}
		found, err := s.searchWindow(&r, at, w, stop)
		if err != nil || found {
			return r, err
		}
		at += int64(stop)
	}
	return r, nil
}

// searchWindow looks at the starts below stop in w, which is what the file holds at offset at.
func (s *scanner) searchWindow(r *rest, at int64, w []byte, stop int) (found bool, err error) {
	for i := range stop {
		if w[i] != 0 {
			r.end = at + int64(i) + 1
		}
		if len(w)-i < frameSize+minBody || w[i] != 0 || binary.BigEndian.Uint32(w[i:]) != 0 {
			continue
		}
		pos := at + int64(i)
		n := int32(binary.BigEndian.Uint32(w[i+8:]))
		if checkLength(n, s.size-pos-frameSize) != "" || !plausible(s.last, bodyZxid(w[i+frameSize:])) {
			continue
		}
		rec := make([]byte, frameSize+int(n)+1)
		got, err := s.f.ReadAt(rec, pos)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("txnlog: read %s at offset %d: %w", s.path, pos, err)
		}
		if got == len(rec) && checkRecord(rec) == "" {
			r.valid, r.zxid = pos, bodyZxid(rec[frameSize:])
			return true, nil
		}
	}
	return false, nil
}

// plausible tells whether z could stand in the same segment behind last, so that chance and foreign bytes are not
// taken for a record.
func plausible(last, z zkproto.Zxid) bool {
	const far = 1 << 26
	if last == 0 {
		return z > 0
	}
	return z > last && z.Epoch()-last.Epoch() < far && (z.Epoch() != last.Epoch() || z-last < far)
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

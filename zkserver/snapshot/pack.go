package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"

	stdgzip "github.com/klauspost/compress/gzip"
	block "github.com/klauspost/compress/snappy"
)

// WriteOptions are the settings of a snapshot's form. The zero value is the default's.
type WriteOptions struct {
	// Compression is "", "gz" or "snappy" (snapshot.compression.method).
	Compression string
	// NoLastZxid leaves the last tail out (serializeLastProcessedZxid.enabled=false).
	NoLastZxid bool
	// Pace, if set, is called after each piece is on disk; it may wait, to leave time to others, and answers how many bytes the
	// next piece shall have, 0 for the usual number.
	Pace func() int
}

func (o WriteOptions) compression() (compression, error) {
	switch o.Compression {
	case "":
		return plain, nil
	case "gz":
		return gzip, nil
	case "snappy":
		return snappy, nil
	default:
		return plain, fmt.Errorf(`snapshot: compression %q is not known: use "gz" or "snappy", or leave it out`, o.Compression)
	}
}

// newPacker returns a writer that packs into w; closing it ends the packed data and leaves w open.
func newPacker(w io.Writer, c compression) io.WriteCloser {
	switch c {
	case gzip:
		return stdgzip.NewWriter(w)
	case snappy:
		return &snappyWriter{w: w}
	case plain:
	}
	return unpacked{w}
}

type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

// snappyBlock is the most that goes into one block: what snappy-java takes by default.
const snappyBlock = 32 << 10

// snappyWriter writes what snappyReader reads.
type snappyWriter struct {
	w      io.Writer
	buf    []byte
	packed []byte
	begun  bool
}

func (s *snappyWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), snappyBlock-len(s.buf))
		s.buf = append(s.buf, p[:k]...)
		p = p[k:]
		if len(s.buf) == snappyBlock {
			if err := s.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (s *snappyWriter) flush() error {
	if s.packed == nil {
		s.packed = make([]byte, block.MaxEncodedLen(snappyBlock))
	}
	var head []byte
	if !s.begun {
		head = append(head, snappyMagic...)
		head = binary.BigEndian.AppendUint32(head, snappyVersion)
		head = binary.BigEndian.AppendUint32(head, snappyVersion)
		s.begun = true
	}
	out := block.Encode(s.packed, s.buf)
	s.buf = s.buf[:0]
	head = binary.BigEndian.AppendUint32(head, uint32(len(out)))
	if _, err := s.w.Write(head); err != nil {
		return err
	}
	_, err := s.w.Write(out)
	return err
}

func (s *snappyWriter) Close() error {
	if len(s.buf) == 0 && s.begun {
		return nil
	}
	return s.flush()
}

// counter counts the bytes of a file.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	stdgzip "github.com/klauspost/compress/gzip"
	block "github.com/klauspost/compress/snappy"

	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// open opens a snapshot and unpacks it by the end of its name. Close the file when done.
func open(fs vfs.FS, f file) (vfs.File, io.Reader, error) {
	h, err := fs.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	r, err := unpack(h, f.comp)
	if err != nil {
		_ = h.Close() // opened for reading
		return nil, nil, err
	}
	return h, r, nil
}

// unpack reads packed data.
func unpack(r io.Reader, c compression) (io.Reader, error) {
	switch c {
	case gzip:
		return stdgzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	case snappy:
		return newSnappy(bufio.NewReaderSize(r, 64<<10))
	case plain:
	}
	return r, nil
}

// snappyReader reads the framing of snappy-java's SnappyOutputStream:
//
//	magic 0x82 "SNAPPY" 0x00 (8), int version, int lowest version that can read it, then blocks: int length, raw snappy
//
// Each writer that appended put the header again.
type snappyReader struct {
	r     *bufio.Reader
	in    []byte
	out   []byte
	block []byte // of out, not answered yet
}

const (
	snappyMagic    = "\x82SNAPPY\x00"
	snappyVersion  = 1
	snappyMaxBlock = 64 << 20
)

func newSnappy(r *bufio.Reader) (*snappyReader, error) {
	s := &snappyReader{r: r}
	if err := s.header(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *snappyReader) header() error {
	var h [16]byte
	if _, err := io.ReadFull(s.r, h[:]); err != nil {
		return fmt.Errorf("snappy header: %w", unexpected(err))
	}
	if string(h[:8]) != snappyMagic {
		return errors.New("not a snappy-java stream")
	}
	if lowest := binary.BigEndian.Uint32(h[12:]); lowest > snappyVersion {
		return fmt.Errorf("snappy-java stream needs version %d, known is %d", lowest, snappyVersion)
	}
	return nil
}

func (s *snappyReader) Read(p []byte) (int, error) {
	for len(s.block) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

// next unpacks one block.
func (s *snappyReader) next() error {
	if head, err := s.r.Peek(8); err == nil && string(head) == snappyMagic {
		if err := s.header(); err != nil {
			return err
		}
	}
	var size [4]byte
	if _, err := io.ReadFull(s.r, size[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("snappy block: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > snappyMaxBlock {
		return fmt.Errorf("snappy block of %d bytes", n)
	}
	// The length is believed only as far as bytes come.
	s.in = s.in[:0]
	for len(s.in) < int(n) {
		at := len(s.in)
		step := min(int(n)-at, 64<<10)
		s.in = append(s.in, make([]byte, step)...)
		if _, err := io.ReadFull(s.r, s.in[at:]); err != nil {
			return fmt.Errorf("snappy block: %w", unexpected(err))
		}
	}
	if size, err := block.DecodedLen(s.in); err != nil || size > snappyMaxBlock {
		return fmt.Errorf("snappy block: unpacks to %d bytes: %w", size, errors.Join(err, errPacked))
	}
	out, err := block.Decode(s.out[:cap(s.out)], s.in)
	if err != nil {
		return fmt.Errorf("snappy block: %w", err)
	}
	s.out, s.block = out, out
	return nil
}

var errPacked = errors.New("packed data are damaged")

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

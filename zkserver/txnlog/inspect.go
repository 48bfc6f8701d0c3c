package txnlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// File reads one segment record by record for the offline tools: it goes on behind a record whose checksum is wrong,
// changes nothing, and promises nothing about what a server would make of it (that is Read).
type File struct {
	path string
	f    vfs.File
	r    *bufio.Reader
	off  int64
	dbid int64
}

// Entry is what File found at one place.
type Entry struct {
	Offset   int64  // of the record
	Checksum uint64 // as it stands there
	Computed uint64 // of Body
	Body     []byte // TxnHeader, Txn and perhaps TxnDigest, encoded; valid until the next call
}

// OK tells whether the checksum is right.
func (e *Entry) OK() bool { return e.Checksum == e.Computed }

// Zxid is the zxid in the header of the body, 0 if it is too short for one.
func (e *Entry) Zxid() zkproto.Zxid {
	if len(e.Body) < minBody {
		return 0
	}
	return bodyZxid(e.Body)
}

// FormatError is a place of a file that is no record.
type FormatError struct {
	File   string
	Offset int64
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: at offset %d: %s", e.File, e.Offset, e.Reason)
}

// OpenFile opens a segment, whatever its name, and checks its header. What is no transaction log is a *FormatError.
func OpenFile(fs vfs.FS, path string) (*File, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("txnlog: %w", err)
	}
	l := &File{path: path, f: f, r: bufio.NewReaderSize(f, window)}
	head := make([]byte, headerSize)
	n, err := io.ReadFull(l.r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		_ = f.Close() // opened for reading
		return nil, fmt.Errorf("txnlog: read %s: %w", path, err)
	}
	if reason := checkHeader(head[:n]); reason != "" {
		_ = f.Close() // opened for reading
		return nil, &FormatError{File: path, Reason: reason}
	}
	l.dbid, l.off = int64(binary.BigEndian.Uint64(head[8:])), headerSize
	return l, nil
}

// DBID is the database id in the header.
func (l *File) DBID() int64 { return l.dbid }

// Offset is where the next record begins.
func (l *File) Offset() int64 { return l.off }

// Close releases the file.
func (l *File) Close() error { return l.f.Close() }

// Next reads the next record. io.EOF is the end: of the file, or a length of zero, with which the preallocated rest
// begins. Anything that is no whole record is a *FormatError, behind which nothing can be read.
func (l *File) Next() (*Entry, error) {
	bad := func(format string, args ...any) (*Entry, error) {
		return nil, &FormatError{File: l.path, Offset: l.off, Reason: fmt.Sprintf(format, args...)}
	}
	var frame [frameSize]byte
	switch n, err := io.ReadFull(l.r, frame[:]); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		if allZero(frame[:n]) {
			return nil, io.EOF
		}
		return bad("%d bytes at the end, too short for a record", n)
	case err != nil:
		return nil, fmt.Errorf("txnlog: read %s at offset %d: %w", l.path, l.off, err)
	}
	n := int32(binary.BigEndian.Uint32(frame[8:]))
	if n == 0 && binary.BigEndian.Uint64(frame[:]) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > MaxRecord {
		return bad("record length %d, allowed are 1 to %d", n, MaxRecord)
	}
	body, err := io.ReadAll(io.LimitReader(l.r, int64(n))) // grows with what is there, not by what the length claims
	if err != nil {
		return nil, fmt.Errorf("txnlog: read %s at offset %d: %w", l.path, l.off, err)
	}
	if len(body) < int(n) {
		return bad("record length %d, but only %d bytes follow", n, len(body))
	}
	e := &Entry{Offset: l.off, Checksum: binary.BigEndian.Uint64(frame[:]), Computed: uint64(adler32.Checksum(body)), Body: body}
	end, err := l.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return bad("the last transaction is partial: its end mark is missing")
	case err != nil:
		return nil, fmt.Errorf("txnlog: read %s at offset %d: %w", l.path, l.off, err)
	case end != endMark:
		return bad("the transaction is partial: it ends with 0x%02x, not with 'B'", end)
	}
	l.off += int64(frameSize) + int64(n) + 1
	return e, nil
}

// AppendHeader appends the header of a segment, for tools that write one.
func AppendHeader(b []byte) []byte { return appendHeader(b) }

// AppendRecord appends a body with its frame; checksum, if not nil, is put instead of the right one.
func AppendRecord(b, body []byte, checksum *uint64) []byte {
	at := len(b)
	b = appendRecord(b, body)
	if checksum != nil {
		binary.BigEndian.PutUint64(b[at:], *checksum)
	}
	return b
}

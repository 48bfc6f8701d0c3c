// Package jute holds the wire primitives of ZooKeeper's record format: bounds-checked, without reflection.
//
// Everything is big-endian. A record is its fields one after the other, with no tags and no padding:
//
//	int      4 bytes, two's complement
//	long     8 bytes, two's complement
//	boolean  1 byte, 0 or 1 (any other value reads as 1)
//	buffer   int length, then that many bytes; length -1 is null
//	ustring  int length, then that many bytes of UTF-8; length -1 is null
//	vector   int count, then the elements; count -1 is null (any other negative count reads as 0)
//
//	+--------+-----------------+
//	| length | length bytes …  |    buffer and ustring
//	+--------+-----------------+
//
// Encoding appends to a byte slice and cannot fail. Decoding goes through Decoder, which keeps the first error and
// answers zero values after it, so a record is decoded field by field and checked once at its end.
//
// Source: org.apache.jute.BinaryInputArchive and BinaryOutputArchive.
package jute

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendInt32 appends an int (4 bytes, big-endian).
func AppendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// AppendInt64 appends a long (8 bytes, big-endian).
func AppendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// AppendBool appends a boolean (1 byte).
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendBytes appends a buffer. A nil slice is written as null (length -1), an empty one as length 0.
func AppendBytes(b, v []byte) []byte {
	if v == nil {
		return AppendInt32(b, -1)
	}
	return append(AppendInt32(b, int32(len(v))), v...)
}

// AppendString appends a ustring. An empty string is written with length 0, never as null.
func AppendString(b []byte, v string) []byte {
	return append(AppendInt32(b, int32(len(v))), v...)
}

// AppendStrings appends a vector of ustring. A nil slice is written as an empty vector.
func AppendStrings(b []byte, v []string) []byte {
	b = AppendInt32(b, int32(len(v)))
	for _, s := range v {
		b = AppendString(b, s)
	}
	return b
}

// Error says what could not be decoded and at which byte of the record.
type Error struct {
	// Offset is the position, from the start of the decoder's input, of the field that failed.
	Offset int
	// Field names the primitive: "int", "long", "boolean", "buffer", "ustring" or "vector".
	Field string
	// Problem is the reason in words.
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("jute: %s at byte %d: %s", e.Field, e.Offset, e.Problem)
}

// Decoder reads primitives from a byte slice it does not own. The zero value reads from nothing.
//
// The first failure sticks: every later call answers a zero value, and Err tells the failure.
type Decoder struct {
	buf []byte
	off int
	err error
}

// NewDecoder returns a decoder over b. The decoder keeps b and never writes to it.
func NewDecoder(b []byte) Decoder { return Decoder{buf: b} }

// Err is the first failure, a *Error, or nil.
func (d *Decoder) Err() error { return d.err }

// Offset is the number of bytes consumed so far.
func (d *Decoder) Offset() int { return d.off }

// Remaining is the number of bytes not consumed yet.
func (d *Decoder) Remaining() int { return len(d.buf) - d.off }

// Rest returns the bytes not consumed yet, aliasing the input, and consumes them.
func (d *Decoder) Rest() []byte {
	r := d.buf[d.off:]
	d.off = len(d.buf)
	return r
}

// Fail records a failure found by the caller (a value out of its range), unless one is recorded already.
func (d *Decoder) Fail(field, problem string) {
	if d.err == nil {
		d.err = &Error{Offset: d.off, Field: field, Problem: problem}
	}
}

// take consumes n bytes, or records that they are missing.
func (d *Decoder) take(n int, field string) []byte {
	if d.err != nil {
		return nil
	}
	if len(d.buf)-d.off < n {
		d.Fail(field, fmt.Sprintf("needs %d bytes, %d left", n, len(d.buf)-d.off))
		return nil
	}
	b := d.buf[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// Int32 reads an int.
func (d *Decoder) Int32() int32 {
	if b := d.take(4, "int"); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads a long.
func (d *Decoder) Int64() int64 {
	if b := d.take(8, "long"); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Bool reads a boolean.
func (d *Decoder) Bool() bool {
	b := d.take(1, "boolean")
	if b == nil {
		return false
	}
	return b[0] != 0
}

// length reads the length prefix of a buffer or ustring: -1 for null, otherwise not more than what is left.
func (d *Decoder) length(field string) int {
	at := d.off
	n := d.Int32()
	if d.err != nil {
		return -1
	}
	if n < -1 || int(n) > len(d.buf)-d.off {
		d.err = &Error{Offset: at, Field: field, Problem: fmt.Sprintf("length %d, %d bytes left", n, len(d.buf)-d.off)}
		return -1
	}
	return int(n)
}

// Bytes reads a buffer. The result aliases the input; it is nil when the buffer is null. Copy it to keep it.
func (d *Decoder) Bytes() []byte {
	n := d.length("buffer")
	if n < 0 {
		return nil
	}
	b := d.buf[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// StringView reads a ustring without copying: the result aliases the input. Null reads as nil.
func (d *Decoder) StringView() []byte {
	n := d.length("ustring")
	if n < 0 {
		return nil
	}
	b := d.buf[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// String reads a ustring into memory of its own. Null reads as the empty string.
func (d *Decoder) String() string { return string(d.StringView()) }

// NotNull reads a ustring like StringView, and fails when it is null.
func (d *Decoder) NotNull() []byte {
	v := d.StringView()
	if v == nil {
		d.Fail("ustring", "is null")
	}
	return v
}

// VectorLen reads the count of a vector whose elements take at least minElement bytes each (1 or more). It answers -1
// for null, 0 for any other negative count (as the originals do), and fails on a count that the input cannot hold, so that
// callers may allocate by it.
func (d *Decoder) VectorLen(minElement int) int {
	at := d.off
	n := d.Int32()
	if d.err != nil {
		return -1
	}
	if n < -1 {
		return 0
	}
	if n == math.MaxInt32 || int(n) > (len(d.buf)-d.off)/max(minElement, 1) {
		d.err = &Error{Offset: at, Field: "vector", Problem: fmt.Sprintf("count %d, %d bytes left", n, len(d.buf)-d.off)}
		return -1
	}
	return int(n)
}

// Strings reads a vector of ustring. Null reads as nil.
func (d *Decoder) Strings() []string {
	n := d.VectorLen(4)
	if n < 0 || d.err != nil {
		return nil
	}
	v := make([]string, 0, n)
	for range n {
		v = append(v, d.String())
	}
	if d.err != nil {
		return nil
	}
	return v
}

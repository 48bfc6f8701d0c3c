package txnlog

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	magic      = 0x5a4b4c47 // "ZKLG"
	version    = 2
	headerSize = 16 // of a segment

	frameSize = 12   // checksum and length, before the body
	endMark   = 0x42 // 'B', after the body
	minBody   = zkproto.TxnHeaderSize
	zxidAt    = 12 // of the zxid in a TxnHeader
)

// appendHeader appends the header of a segment.
func appendHeader(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, magic)
	b = binary.BigEndian.AppendUint32(b, version)
	return binary.BigEndian.AppendUint64(b, 0) // dbid
}

// checkHeader answers what is wrong with the first 16 bytes of a segment, or "".
func checkHeader(b []byte) string {
	if len(b) < headerSize {
		return fmt.Sprintf("%d bytes, too short for the header of a log", len(b))
	}
	if m := binary.BigEndian.Uint32(b); m != magic {
		return fmt.Sprintf("begins with 0x%08x, not with the magic number ZKLG of a transaction log", m)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != version {
		return fmt.Sprintf("format version %d, only version %d is known", v, version)
	}
	return ""
}

// appendRecord appends a body with its frame.
func appendRecord(b, body []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(adler32.Checksum(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	return append(b, endMark)
}

// bodyZxid is the zxid in a body of at least minBody bytes.
func bodyZxid(body []byte) zkproto.Zxid {
	return zkproto.Zxid(binary.BigEndian.Uint64(body[zxidAt:]))
}

// checkLength answers what is wrong with a record's length, given the bytes that follow its frame, or "".
func checkLength(n int32, left int64) string {
	switch {
	case n < 0:
		return fmt.Sprintf("record length %d is negative", n)
	case n < minBody:
		return fmt.Sprintf("record length %d is shorter than a transaction header (%d bytes)", n, minBody)
	case n > MaxRecord:
		return fmt.Sprintf("record length %d exceeds the limit of %d bytes", n, MaxRecord)
	case int64(n)+1 > left:
		return fmt.Sprintf("record length %d, but only %d bytes follow", n, left)
	}
	return ""
}

// checkRecord answers what is wrong with a record, or "". rec is its frame, body and end mark.
func checkRecord(rec []byte) string {
	if rec[len(rec)-1] != endMark {
		return fmt.Sprintf("record ends with 0x%02x, not with 'B'", rec[len(rec)-1])
	}
	want := binary.BigEndian.Uint64(rec)
	if got := uint64(adler32.Checksum(rec[frameSize : len(rec)-1])); got != want {
		return fmt.Sprintf("checksum is 0x%x, computed 0x%x", want, got)
	}
	return ""
}

// follows tells whether b can come directly after a: the next of the same epoch, or the first of a later one.
func follows(a, b zkproto.Zxid) bool {
	if a.Epoch() == b.Epoch() {
		return b == a+1
	}
	return b > a && b.Counter() == 1
}

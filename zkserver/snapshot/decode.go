package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	// maxField is the longest path, data or ACL text believed, in bytes.
	maxField = 256 << 20
	// maxTail bounds what may follow the first seal.
	maxTail = 4 << 10
	// bigField is how much memory of a field is taken at once, as its bytes really come.
	bigField = 1 << 20

	statSize = 60
)

// source reads primitives from a stream. Its first error sticks.
type source struct {
	in    *ahead
	now   piece
	rest  []byte // of now, not taken yet
	spill []byte // takes what goes over the end of a piece
	off   int64  // bytes taken
	err   error
}

// newSource begins to read r. Close the source.
func newSource(r io.Reader) *source { return &source{in: readAhead(r)} }

func (s *source) close() { s.in.close() }

// maxNeed is the most that need can be asked for.
const maxNeed = pieceSize / 2

// need makes n bytes, at most maxNeed, available and answers them, taken. They are valid until the next call.
func (s *source) need(n int) []byte {
	if s.err != nil {
		return nil
	}
	if n > len(s.rest) {
		return s.needMore(n)
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	s.off += int64(n)
	return b
}

// needMore is need across the end of a piece.
func (s *source) needMore(n int) []byte {
	s.spill = append(s.spill[:0], s.rest...)
	s.rest = nil
	for len(s.spill) < n {
		if !s.next(n - len(s.spill)) {
			return nil
		}
		k := min(n-len(s.spill), len(s.rest))
		s.spill = append(s.spill, s.rest[:k]...)
		s.rest = s.rest[k:]
	}
	s.off += int64(n)
	return s.spill
}

// next makes the next piece the current one, all of which has been taken. missing is how many bytes should follow.
func (s *source) next(missing int) bool {
	switch {
	case s.now.err == nil:
		s.in.giveBack(s.now.data)
		s.now = <-s.in.pieces
		s.rest = s.now.data
		return true
	case errors.Is(s.now.err, io.EOF):
		s.fail("the file ends where %d more bytes should follow", missing)
	default:
		s.err = s.now.err
	}
	return false
}

// sum is the checksum of all that was taken.
func (s *source) sum() int64 {
	return int64(sumAfter(s.now.before, s.now.data[:len(s.now.data)-len(s.rest)]))
}

func (s *source) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("at byte %d: %s", s.off, fmt.Sprintf(format, args...))
	}
}

func (s *source) int32() int32 {
	if b := s.need(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (s *source) int64() int64 {
	if b := s.need(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// field reads a buffer into buf, which grows if need be; nil for null. A length is believed only as far as bytes come.
func (s *source) field(what string, buf []byte) []byte {
	n := int(s.int32())
	if s.err != nil || n == -1 {
		return nil
	}
	if n < 0 || n > maxField {
		s.fail("length %d of a %s", n, what)
		return nil
	}
	buf = buf[:0]
	for len(buf) < n && s.err == nil {
		buf = append(buf, s.need(min(n-len(buf), maxNeed))...)
	}
	if s.err != nil {
		return nil
	}
	return buf
}

func (s *source) string() string { return string(s.field("text", nil)) }

// count reads the number of elements that follow, -1 for null.
func (s *source) count(what string) int {
	n := int(s.int32())
	if n < -1 {
		s.fail("%d %s", n, what)
	}
	return n
}

// seal checks the checksum of all before it.
func (s *source) seal() {
	if s.err != nil {
		return
	}
	sum, at := s.sum(), s.off
	want := s.int64()
	if path := s.string(); s.err == nil && path != endPath {
		s.fail("seal ends with %q, not with \"/\"", path)
	}
	if s.err == nil && want != sum {
		s.err = fmt.Errorf("at byte %d: checksum is 0x%x, computed 0x%x", at, want, sum)
	}
}

// content takes what decode finds.
type content interface {
	AddACL(id int64, acls []zkproto.ACL)
	AddNode(path string, data []byte, acl int64, st zkproto.StatPersisted) error
}

// tail is what follows the first seal.
type tail struct {
	digest *Digest
	last   *zkproto.Zxid
}

// decode reads a whole snapshot.
func decode(r io.Reader, to content) (sessions map[zkproto.SessionID]int32, t tail, err error) {
	s := newSource(r)
	defer s.close()
	sessions = s.sessions()
	s.acls(to)
	s.nodes(to)
	s.seal()
	t = s.tails()
	if s.err != nil {
		return nil, tail{}, s.err
	}
	return sessions, t, nil
}

func (s *source) sessions() map[zkproto.SessionID]int32 {
	if m := s.int32(); s.err == nil && m != magic {
		s.fail("magic number 0x%08x is not the ZKSN of a snapshot", uint32(m))
	}
	if v := s.int32(); s.err == nil && v != version {
		s.fail("format version %d, only version %d is known", v, version)
	}
	s.int64() // dbid
	sessions := map[zkproto.SessionID]int32{}
	for n := s.count("sessions"); n > 0 && s.err == nil; n-- {
		id := zkproto.SessionID(s.int64())
		sessions[id] = s.int32()
	}
	return sessions
}

func (s *source) acls(to content) {
	for n := s.count("access control lists"); n > 0 && s.err == nil; n-- {
		id := s.int64()
		var acls []zkproto.ACL
		for k := s.count("entries of an access control list"); k > 0 && s.err == nil; k-- {
			a := zkproto.ACL{Perms: s.int32()}
			a.Scheme = s.string()
			a.ID.ID = s.string()
			acls = append(acls, a)
		}
		if s.err == nil {
			to.AddACL(id, acls)
		}
	}
}

func (s *source) nodes(to content) {
	b := newBuilder(to)
	text, room := make([]byte, 0, 256), make([]byte, 0, 4096) // of the last znode, taken again for the next
	for s.err == nil && !b.failed() {
		if path := s.field("text", text); path != nil {
			text = path
		} else {
			text = text[:0]
		}
		if string(text) == endPath || s.err != nil {
			break
		}
		data := s.field("field", room)
		if data != nil {
			room = data
		}
		acl := s.int64()
		d := jute.NewDecoder(s.need(statSize))
		var st zkproto.StatPersisted
		st.Decode(&d)
		if s.err != nil {
			break
		}
		b.add(text, data, acl, &st)
	}
	if err := b.finish(); err != nil {
		s.fail("%v", err)
	}
}

// tails reads what versions since 3.6 added, by how much is left. A digest of version 1 is text in hex.
func (s *source) tails() (t tail) {
	if s.err != nil {
		return t
	}
	left := s.left()
	if left == lastSize { // 3.9 with digests off
		return tail{last: s.lastZxid()}
	}
	if left > 0 {
		d := Digest{Zxid: zkproto.Zxid(s.int64()), Version: s.int32()}
		if d.Version < 2 {
			var hex uint64
			if text := s.string(); text != "" {
				if _, err := fmt.Sscanf(text, "%x", &hex); err != nil {
					s.fail("digest %q is not a number in hex", text)
				}
			}
			d.Digest = int64(hex)
		} else {
			d.Digest = s.int64()
		}
		s.seal()
		t.digest = &d
		left = s.left()
	}
	if left > 0 && s.err == nil {
		t.last = s.lastZxid()
	}
	if s.err == nil && s.left() > 0 {
		s.fail("%d bytes more than a snapshot has", s.left())
	}
	return t
}

const lastSize = 8 + 13 // zxid and seal

func (s *source) lastZxid() *zkproto.Zxid {
	z := zkproto.Zxid(s.int64())
	s.seal()
	return &z
}

// left is the number of bytes up to the end of the stream, or maxTail if there are as many or more.
func (s *source) left() int {
	for s.err == nil && len(s.rest) < maxTail && s.now.err == nil {
		head, before := bytes.Clone(s.rest), sumAfter(s.now.before, s.now.data[:len(s.now.data)-len(s.rest)])
		s.rest = nil
		if s.next(0) {
			s.now.data, s.now.before = append(head, s.now.data...), before
			s.rest = s.now.data
		}
	}
	if s.err == nil && len(s.rest) < maxTail && !errors.Is(s.now.err, io.EOF) {
		s.err = s.now.err
	}
	return min(len(s.rest), maxTail)
}

package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	// maxField is the longest path, data or ACL text believed, in bytes.
	maxField = 256 << 20
	// maxTail bounds what may follow the first seal.
	maxTail = 4 << 10
	// bigField is from what length on a field's memory is taken in pieces, as its bytes really come.
	bigField = 1 << 20

	statSize = 60
)

// source reads primitives from a stream, keeping the checksum of what was taken. Its first error sticks.
type source struct {
	r    io.Reader
	buf  []byte
	from int // of what is not taken yet
	sum  hash.Hash32
	done int   // how much of buf is in sum
	off  int64 // bytes taken
	err  error
}

func newSource(r io.Reader) *source {
	return &source{r: r, sum: adler32.New(), buf: make([]byte, 0, 256<<10)}
}

// need makes n bytes (at most the buffer's capacity) available and answers them, taken.
func (s *source) need(n int) []byte {
	for s.err == nil && len(s.buf)-s.from < n {
		s.sumUp()
		s.buf = s.buf[:copy(s.buf, s.buf[s.from:])]
		s.from, s.done = 0, 0
		got, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+got]
		switch {
		case got > 0 || err == nil:
		case errors.Is(err, io.EOF):
			s.fail("the file ends where %d more bytes should follow", n-len(s.buf))
		default:
			s.err = err
		}
	}
	if s.err != nil {
		return nil
	}
	b := s.buf[s.from : s.from+n]
	s.from += n
	s.off += int64(n)
	return b
}

// sumUp brings the checksum up to what was taken.
func (s *source) sumUp() {
	_, _ = s.sum.Write(s.buf[s.done:s.from]) // never fails
	s.done = s.from
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

// bytes reads a buffer into memory of its own; nil for null.
func (s *source) bytes() []byte {
	n := int(s.int32())
	if s.err != nil || n == -1 {
		return nil
	}
	if n < 0 || n > maxField {
		s.fail("length %d of a field", n)
		return nil
	}
	b := make([]byte, 0, min(n, bigField))
	for len(b) < n && s.err == nil {
		b = append(b, s.need(min(n-len(b), cap(s.buf)/2))...)
	}
	if s.err != nil {
		return nil
	}
	return b
}

func (s *source) string() string {
	n := int(s.int32())
	if s.err != nil || n == -1 {
		return ""
	}
	if n >= 0 && n <= cap(s.buf)/2 {
		return string(s.need(n))
	}
	if n < 0 || n > maxField {
		s.fail("length %d of a text", n)
		return ""
	}
	b := make([]byte, 0, bigField)
	for len(b) < n && s.err == nil {
		b = append(b, s.need(min(n-len(b), cap(s.buf)/2))...)
	}
	return string(b)
}

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
	s.sumUp()
	sum := int64(s.sum.Sum32())
	at := s.off
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
	for s.err == nil {
		path := s.string()
		if path == endPath || s.err != nil {
			return
		}
		data := s.bytes()
		acl := s.int64()
		d := jute.NewDecoder(s.need(statSize))
		var st zkproto.StatPersisted
		st.Decode(&d)
		if s.err != nil {
			return
		}
		if err := to.AddNode(path, data, acl, st); err != nil {
			s.fail("%v", err)
		}
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
	for s.err == nil && len(s.buf)-s.from < maxTail {
		s.sumUp()
		s.buf = s.buf[:copy(s.buf, s.buf[s.from:])]
		s.from, s.done = 0, 0
		got, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+got]
		if errors.Is(err, io.EOF) {
			break
		}
		s.err = err
	}
	return min(len(s.buf)-s.from, maxTail)
}

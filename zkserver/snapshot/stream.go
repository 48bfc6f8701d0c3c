package snapshot

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"unsafe"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// What follows a SNAP packet is the middle of a snapshot file, from the sessions to the path "/" behind the znodes:
//
//	+----------+-----------+-------+-----+
//	| sessions | ACL table | nodes | "/" |   no header, no seal, no digest; its end is known only by reading it
//	+----------+-----------+-------+-----+
//
// Source: SerializeUtils.serializeSnapshot, LearnerHandler, Learner.syncWithLeader.

// Stream writes the state to w as it follows a SNAP packet. pace, if not nil, is called after each quarter of a MiB.
//
// An ACL that appears while the znodes are walked is in no table any more. A znode that has it goes out with the open one:
// the transaction that gave it its own comes behind the snapshot, and nobody is served before that has been applied.
func Stream(w io.Writer, src Source, pace func()) error {
	s := newSums(w)
	s.buf = appendHead(s.buf, src.Sessions())[headSize:]
	acls := src.ACLs()
	s.buf = appendACLTable(s.buf, acls)
	add := func(path string, data []byte, acl int64, st zkproto.StatPersisted) {
		if _, known := acls[acl]; !known {
			acl = openACL
		}
		s.buf = appendNode(s.buf, path, data, acl, &st)
	}
	for more := true; more; {
		more = src.Next(chunk, add)
		if len(s.buf) < flushAt && more {
			continue
		}
		if err := s.flush(); err != nil {
			return fmt.Errorf("snapshot: stream: %w", err)
		}
		if pace != nil && more {
			pace()
		}
	}
	s.buf = jute.AppendString(s.buf, endPath)
	if err := s.flush(); err != nil {
		return fmt.Errorf("snapshot: stream: %w", err)
	}
	return nil
}

// headSize is what a file has before the sessions.
const headSize = 4 + 4 + 8

// Settle makes durable what was written to a file so far, and answers how many bytes may be written before it is called again; 0
// means Piece. It may wait, to leave time to others.
type Settle func(f vfs.File) (next int, err error)

// ReadStream reads what follows a SNAP packet, and not a byte more, into to; it writes the same as a snapshot file to f,
// whole with its seal, and syncs it. The file has no digest: that of the leader is not in the stream. So it has no zxid either, which
// an original server that finds something behind the znodes would take for the digest's; the file's name tells it. settle, if not
// nil, is called in between: one sync of all would hold up whoever else writes to that disk for as long as it takes.
func ReadStream(r *bufio.Reader, f vfs.File, to Visitor, settle Settle) (map[zkproto.SessionID]int32, error) {
	t := tap{r: r, f: f, sum: adler32.New(), settle: settle, piece: Piece, data: []byte{}}
	t.out = appendHead(t.out, nil)[:headSize]
	sessions := t.sessions()
	t.acls(to)
	t.nodes(to)
	t.seal()
	if t.err == nil {
		t.err = f.Sync()
	}
	if t.err != nil {
		return nil, fmt.Errorf("snapshot: from the leader, at byte %d: %w", t.off, t.err)
	}
	return sessions, nil
}

// tap reads primitives from a stream and copies them to a file. Its first error sticks.
type tap struct {
	r   *bufio.Reader
	f   vfs.File
	out []byte // not written yet
	sum hash.Hash32
	off int64
	err error

	settle Settle
	piece  int // how many bytes go between two calls of it
	loose  int // bytes since the last

	path, data []byte // of the znode that is read: what take answers does not stay
}

// take reads n bytes and answers them; they are good until the next call.
func (t *tap) take(n int) []byte {
	if t.err != nil {
		return nil
	}
	if len(t.out)+n > min(flushAt, t.piece) {
		if t.flush(); t.err != nil {
			return nil
		}
	}
	at := len(t.out)
	for len(t.out)-at < n { // in pieces: a length is believed only as far as bytes come
		part := min(n-(len(t.out)-at), bigField)
		from := len(t.out)
		t.out = append(t.out, make([]byte, part)...)
		got, err := io.ReadFull(t.r, t.out[from:])
		t.off += int64(got)
		if err != nil {
			t.err = err
			return nil
		}
	}
	return t.out[at:]
}

func (t *tap) flush() {
	if t.err == nil && len(t.out) > 0 {
		_, _ = t.sum.Write(t.out) // never fails
		_, t.err = t.f.Write(t.out)
		t.loose += len(t.out)
	}
	if t.err == nil && t.settle != nil && t.loose >= t.piece-t.piece/8 { // the next field would go beyond it
		if t.piece, t.err = t.settle(t.f); t.piece <= 0 {
			t.piece = Piece
		}
		t.loose = 0
	}
	t.out = t.out[:0]
}

func (t *tap) seal() {
	t.flush()
	t.out = jute.AppendString(jute.AppendInt64(t.out, int64(t.sum.Sum32())), endPath)
	t.flush()
}

func (t *tap) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

func (t *tap) int32() int32 {
	if b := t.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (t *tap) int64() int64 {
	if b := t.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// field reads a length and that many bytes; null tells of -1.
func (t *tap) field(what string) (b []byte, null bool) {
	n := int(t.int32())
	switch {
	case t.err != nil || n == -1:
		return nil, true
	case n < 0 || n > maxField:
		t.fail("length %d of %s", n, what)
		return nil, true
	case n == 0:
		return nil, false
	}
	return t.take(n), false
}

func (t *tap) string(what string) string {
	b, _ := t.field(what)
	return string(b)
}

func (t *tap) count(what string) int {
	n := int(t.int32())
	if n < -1 {
		t.fail("%d %s", n, what)
	}
	return n
}

func (t *tap) sessions() map[zkproto.SessionID]int32 {
	sessions := map[zkproto.SessionID]int32{}
	for n := t.count("sessions"); n > 0 && t.err == nil; n-- {
		id := zkproto.SessionID(t.int64())
		sessions[id] = t.int32()
	}
	return sessions
}

func (t *tap) acls(to Visitor) {
	for n := t.count("access control lists"); n > 0 && t.err == nil; n-- {
		id := t.int64()
		var acls []zkproto.ACL
		for k := t.count("entries of an access control list"); k > 0 && t.err == nil; k-- {
			a := zkproto.ACL{Perms: t.int32()}
			a.Scheme = t.string("a scheme")
			a.ID.ID = t.string("an id")
			acls = append(acls, a)
		}
		if t.err == nil {
			to.AddACL(id, acls)
		}
	}
}

func (t *tap) nodes(to Visitor) {
	for t.err == nil {
		b, _ := t.field("a path")
		t.path = append(t.path[:0], b...)
		path := unsafe.String(unsafe.SliceData(t.path), len(t.path))
		if path == endPath || t.err != nil {
			return
		}
		var data []byte
		if b, null := t.field("data"); !null {
			data = append(t.data[:0], b...)
			if t.data = data[:0]; cap(data) > bigField {
				t.data = []byte{}
			}
		}
		acl := t.int64()
		d := jute.NewDecoder(t.take(statSize))
		var st zkproto.StatPersisted
		if st.Decode(&d); t.err != nil {
			return
		}
		if err := to.AddNode(path, data, acl, st); err != nil {
			t.fail("%w", err)
		}
	}
}

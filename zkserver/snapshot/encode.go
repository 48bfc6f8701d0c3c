package snapshot

import (
	"hash"
	"hash/adler32"
	"io"
	"maps"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	magic    = 0x5a4b534e // "ZKSN"
	version  = 2
	dbid     = -1
	openACL  = -1 // the ACL id that is not in the table
	flushAt  = 256 << 10
	chunk    = 64 // znodes taken under one read lock
	endPath  = "/"
	emptyVer = 2 // version of the (empty) digest written
)

// sums passes bytes on, keeping their checksum and number.
type sums struct {
	w   io.Writer
	buf []byte
	sum hash.Hash32
	n   int64
	err error
}

func newSums(w io.Writer) *sums {
	return &sums{w: w, sum: adler32.New(), buf: make([]byte, 0, flushAt+64<<10)}
}

// flush writes what is buffered.
func (s *sums) flush() error {
	if s.err == nil && len(s.buf) > 0 {
		_, _ = s.sum.Write(s.buf) // never fails
		s.n += int64(len(s.buf))
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
	return s.err
}

func (s *sums) seal() error {
	if err := s.flush(); err != nil {
		return err
	}
	s.buf = jute.AppendString(jute.AppendInt64(s.buf, int64(s.sum.Sum32())), endPath)
	return s.flush()
}

// appendHead appends what comes before the ACL table, sessions by rising id.
func appendHead(b []byte, sessions map[zkproto.SessionID]int32) []byte {
	return appendHeadInOrder(b, sessions, slices.Sorted(maps.Keys(sessions)))
}

func appendHeadInOrder(b []byte, sessions map[zkproto.SessionID]int32, order []zkproto.SessionID) []byte {
	b = jute.AppendInt32(b, magic)
	b = jute.AppendInt32(b, version)
	b = jute.AppendInt64(b, dbid)
	b = jute.AppendInt32(b, int32(len(sessions)))
	for _, id := range order {
		b = jute.AppendInt64(b, int64(id))
		b = jute.AppendInt32(b, sessions[id])
	}
	return b
}

func appendACLTable(b []byte, acls map[int64][]zkproto.ACL) []byte {
	b = jute.AppendInt32(b, int32(len(acls)))
	for _, id := range slices.Sorted(maps.Keys(acls)) {
		b = jute.AppendInt64(b, id)
		b = zkproto.AppendACLs(b, acls[id])
	}
	return b
}

func appendNode(b []byte, path string, data []byte, acl int64, st *zkproto.StatPersisted) []byte {
	b = jute.AppendString(b, path)
	b = jute.AppendBytes(b, data)
	b = jute.AppendInt64(b, acl)
	return st.AppendTo(b)
}

// Digest is the digest of the tree after a transaction, as a snapshot carries it. The zero Zxid means none.
type Digest struct {
	Zxid    zkproto.Zxid
	Version int32
	Digest  int64
}

// tails writes the seal after the nodes and both tails with theirs, only those that there are.
func (s *sums) tails(d *Digest, last *zkproto.Zxid) error {
	if err := s.seal(); err != nil {
		return err
	}
	if d != nil {
		s.buf = jute.AppendInt64(s.buf, int64(d.Zxid))
		s.buf = jute.AppendInt32(s.buf, d.Version)
		s.buf = jute.AppendInt64(s.buf, d.Digest)
		if err := s.seal(); err != nil {
			return err
		}
	}
	if last == nil {
		return nil
	}
	s.buf = jute.AppendInt64(s.buf, int64(*last))
	return s.seal()
}

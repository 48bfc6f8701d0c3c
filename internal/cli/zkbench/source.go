package zkbench

import (
	"fmt"
	"math"
)

// source decides the requests of one stream.
type source struct {
	b      *bench
	tmpl   [numOps]template
	table  [100]op // one entry per percent
	random uint64  // xorshift64 state, never 0
	quota  int     // requests still to make once measuring has begun; -1: until stopped
	made   int64   // requests so far
	first  int64   // the number of the first request of the quota; -1 before it
	prefix string  // of the znodes this stream creates

	created, deleted uint64 // numbers below deleted are gone, those below created exist
}

// newSource is the source of stream number i. Equal settings give equal sequences.
func newSource(b *bench, i int) *source {
	s := &source{b: b, random: uint64(i+1) * 0x9e3779b97f4a7c15, quota: -1, first: -1, prefix: b.tree.createdBy(i)}
	if b.count > 0 {
		s.quota = b.count / b.connections
		if i < b.count%b.connections {
			s.quota++
		}
	}
	data := payload(b.size)
	key := b.tree.keys()
	s.tmpl = [numOps]template{
		opCreate:   newTemplate(opCreate, s.prefix, true, data),
		opDelete:   newTemplate(opDelete, s.prefix, true, nil),
		opSet:      newTemplate(opSet, key, true, data),
		opGet:      newTemplate(opGet, key, true, data),
		opExists:   newTemplate(opExists, key, true, nil),
		opChildren: newTemplate(opChildren, b.tree.list(), false, nil),
	}
	at := 0
	for o, share := range b.ops {
		for range share {
			s.table[at] = op(o)
			at++
		}
	}
	return s
}

// payload is n bytes that do not compress to nothing.
func payload(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// next is the stream's next request.
func (s *source) next() (op, uint64, bool) {
	if s.b.stop.Load() {
		return 0, 0, false
	}
	if s.quota >= 0 && s.b.rec.from.Load() != math.MaxInt64 {
		if s.quota == 0 {
			return 0, 0, false
		}
		if s.quota--; s.first < 0 {
			s.first = s.made
		}
	}
	s.made++
	s.random ^= s.random << 13
	s.random ^= s.random >> 7
	s.random ^= s.random << 17
	o := s.table[(s.random>>40)%100]
	if o == opDelete && s.deleted == s.created {
		o = opCreate
	}
	switch o {
	case opCreate:
		s.created++
		return o, s.created - 1, true
	case opDelete:
		s.deleted++
		return o, s.deleted - 1, true
	default:
		return o, (s.random & math.MaxUint32) % uint64(s.b.keys), true
	}
}

// counts tells whether request number n is to be counted: with --count only those of the quota, not what was in flight when
// the warm-up ended.
func (s *source) counts(n int64) bool { return s.b.count == 0 || s.first >= 0 && n >= s.first }

// createdBy is the prefix of the znodes that stream number i creates.
func (t *tree) createdBy(i int) string { return fmt.Sprintf("%s/c%d/", t.path, i) }

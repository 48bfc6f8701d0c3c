package sim

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// oracle knows everything that happened and holds each step against what is promised.
//
// Each zxid has one content and one predecessor, whoever logs it. What servers apply is one line of entries: whoever
// applies further than all others makes it longer, everybody else must follow it.
type oracle struct {
	w       *World
	entries map[zab.Zxid]entry
	line    []place
	leaders map[uint32]reign
	marks   []mark // by server
	acked   int
	ackedTo zab.Zxid                   // the highest that was acknowledged to a client
	changes map[string][]zab.Zxid      // when a znode was created, set or deleted
	closed  map[zkproto.SessionID]bool // a closeSession is committed
	over    map[zkproto.SessionID]bool // the client was told so
	done    map[request]zab.Zxid       // which transaction a request became
	refused map[request]bool           // it is an error
	seed    maphash.Seed
}

type entry struct {
	prev zab.Zxid
	sum  uint64
	data []byte
}

// place is one committed entry and the tree's digest behind it, once somebody has computed it.
type place struct {
	zxid   zab.Zxid
	digest int64
	known  bool
}

// reign is one server's leadership, of one epoch: it cannot have the same again.
type reign struct {
	sid     zab.Sid
	life    int
	changes uint64
}

// mark is what the oracle knows of one server.
type mark struct {
	logged   zab.Zxid // end of its log
	at       int      // index of the last applied entry in the line; -1 while that is not sure
	promised uint32   // the highest epoch it has told anybody it accepts
	current  uint32
}

func (o *oracle) init(w *World, servers int, first zab.Zxid) {
	*o = oracle{
		w: w, entries: map[zab.Zxid]entry{}, line: []place{{zxid: first}}, leaders: map[uint32]reign{}, changes: map[string][]zab.Zxid{},
		closed: map[zkproto.SessionID]bool{}, done: map[request]zab.Zxid{}, refused: map[request]bool{}, over: map[zkproto.SessionID]bool{},
		marks: make([]mark, servers), seed: maphash.MakeSeed(),
	}
	for i := range o.marks {
		o.marks[i] = mark{logged: first, at: -1}
	}
}

func (o *oracle) last() zab.Zxid { return o.line[len(o.line)-1].zxid }

// started checks what a server has found on its disk.
func (o *oracle) started(s *server, last zab.Zxid, accepted, current uint32) {
	m := &o.marks[s.place]
	if o.w.broken == Sound && (accepted < m.promised || current < m.current) {
		o.w.failf("%s has epochs %d and %d on its disk, and had promised %d and %d", s, accepted, current, m.promised, m.current)
	}
	m.logged, m.at, m.current = last, -1, current
}

func (o *oracle) stopped(s *server) { o.marks[s.place].at = -1 }

// promised notes an epoch that is on disk now and will be told to others.
func (o *oracle) promised(s *server, epoch uint32) {
	m := &o.marks[s.place]
	if epoch < m.promised {
		o.w.failf("%s accepts epoch %d after it had accepted %d", s, epoch, m.promised)
	}
	m.promised = epoch
}

// replayed checks an entry that a server has found in its log.
func (o *oracle) replayed(s *server, prev zab.Zxid, e zab.Entry) {
	known, ok := o.entries[e.Zxid]
	switch {
	case !ok:
		o.w.failf("%s finds %s in its log, which nobody has proposed", s, e.Zxid)
	case known.sum != maphash.Bytes(o.seed, e.Data):
		o.w.failf("%s finds %s in its log with another content than was logged", s, e.Zxid)
	case known.prev != prev:
		o.w.failf("%s finds %s in its log behind %s, not behind %s", s, e.Zxid, prev, known.prev)
	}
}

// appended checks an entry that goes into a server's log.
func (o *oracle) appended(s *server, e *zab.Entry) {
	m := &o.marks[s.place]
	sum := maphash.Bytes(o.seed, e.Data)
	known, ok := o.entries[e.Zxid]
	switch {
	case !ok:
		o.entries[e.Zxid] = entry{prev: m.logged, sum: sum, data: e.Data}
	case known.sum != sum:
		o.w.failf("%s logs %s with another content than another server", s, e.Zxid)
	case known.prev != m.logged:
		o.w.failf("%s logs %s behind %s, others have it behind %s", s, e.Zxid, m.logged, known.prev)
	}
	if e.Zxid <= m.logged {
		o.w.failf("%s logs %s behind %s", s, e.Zxid, m.logged)
	}
	m.logged = e.Zxid
}

// truncated notes that a server's history ends elsewhere now.
func (o *oracle) truncated(s *server, z zab.Zxid) {
	m := &o.marks[s.place]
	m.logged, m.at = z, -1
}

// find gives the index of a zxid in the line.
func (o *oracle) find(z zab.Zxid) (int, bool) {
	if z == o.last() {
		return len(o.line) - 1, true
	}
	return slices.BinarySearchFunc(o.line, z, func(p place, z zab.Zxid) int { return cmp.Compare(p.zxid, z) })
}

// anchor finds the place of what a server has applied, when it claims for the first time that this is committed. It may
// be more than anybody has applied so far: a new leader's initial history.
func (o *oracle) anchor(s *server) {
	m := &o.marks[s.place]
	if m.at >= 0 {
		return
	}
	z := s.state.Tree.LastZxid()
	if i, ok := o.find(z); ok {
		m.at = i
		return
	}
	var more []place
	for at := z; at != o.last(); {
		e, ok := o.entries[at]
		if !ok || at < o.last() {
			o.w.failf("committed prefixes differ: %s goes on from %s, which is not behind %s on the line of what is committed", s, z, o.last())
		}
		more = append(more, place{zxid: at})
		at = e.prev
	}
	slices.Reverse(more)
	o.line = append(o.line, more...)
	for i := range more {
		o.note(more[i].zxid, o.entries[more[i].zxid].data)
	}
	m.at = len(o.line) - 1
}

// applying checks an entry that a server is about to apply.
func (o *oracle) applying(s *server, e *zab.Entry) {
	o.anchor(s)
	m := &o.marks[s.place]
	sum := maphash.Bytes(o.seed, e.Data)
	if known, ok := o.entries[e.Zxid]; !ok || known.sum != sum {
		o.w.failf("%s applies %s with another content than was logged", s, e.Zxid)
	} else if known.prev != o.line[m.at].zxid {
		o.w.failf("%s applies %s behind %s", s, e.Zxid, o.line[m.at].zxid)
	}
	if m.at++; m.at == len(o.line) {
		o.line = append(o.line, place{zxid: e.Zxid})
		o.note(e.Zxid, e.Data)
	}
	if want := o.line[m.at].zxid; want != e.Zxid {
		o.w.failf("committed prefixes differ: %s applies %s, where others have %s", s, e.Zxid, want)
	}
}

// applied compares digests of trees at the same zxid. While a server catches up, its tree may hold parts of later entries,
// from a snapshot.
func (o *oracle) applied(s *server) {
	if !s.serving {
		return
	}
	p := &o.line[o.marks[s.place].at]
	d := s.state.Tree.Digest()
	if s.state.Tree.LastZxid() != p.zxid {
		o.w.failf("%s: the tree is at %s, %s was applied", s, s.state.Tree.LastZxid(), p.zxid)
	}
	if !p.known {
		p.digest, p.known = d, true
		return
	}
	if p.digest != d {
		o.w.failf("%s has digest %#x at %s, another server had %#x", s, uint64(d), p.zxid, uint64(p.digest))
	}
	if s.state.Tree.DigestMismatches() > 0 {
		o.w.failf("%s: the digest that came with %s is not the tree's", s, p.zxid)
	}
}

// status checks a new status, when everything that comes with it is done.
func (o *oracle) status(s *server, st zab.Status) {
	if st.Role == zab.Leading && st.Phase >= zab.Synchronization {
		this := reign{s.id, s.life, st.Changes}
		if other, ok := o.leaders[st.Epoch]; ok && other != this {
			o.w.failf("servers %d and %d both lead epoch %d", other.sid, s.id, st.Epoch)
		}
		o.leaders[st.Epoch] = this
	}
	if !st.Serving() {
		return
	}
	o.anchor(s)
	o.applied(s)
	// A server that was stopped may find out late that it was elected, when a newer epoch is under way.
	next := o.marks[s.place].at + 1
	if st.Role == zab.Leading && next < len(o.line) && o.line[next].zxid.Epoch() <= st.Epoch {
		o.w.failf("%s leads epoch %d from %s on and lacks what was committed up to %s", s, st.Epoch, o.line[next-1].zxid, o.last())
	}
}

// acknowledged notes that a client was told that a write is done.
func (o *oracle) acknowledged(s *server, z zab.Zxid) {
	o.acked++
	o.ackedTo = max(o.ackedTo, z)
	if _, ok := o.find(z); !ok {
		o.w.failf("%s acknowledges %s, which is not committed", s, z)
	}
}

// allServe tells whether all members serve.
func (o *oracle) allServe() bool {
	for _, s := range o.w.members() {
		if !s.up || !s.serving {
			return false
		}
	}
	return true
}

// converged tells whether all members serve and have applied everything.
func (o *oracle) converged() bool {
	for _, s := range o.w.members() {
		if !s.up || !s.serving || o.marks[s.place].at != len(o.line)-1 {
			return false
		}
	}
	return true
}

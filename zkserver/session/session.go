// Package session keeps the table of sessions and tells which have expired.
//
// The package is pure; a Table is not safe for concurrent use. Expiry is counted in buckets of one tick, as in the
// original: a session touched at time n with timeout t expires at the first multiple of the tick after n+t, and all
// sessions of a bucket expire together:
//
//	touched at 12,300 with 4,000, tick 2,000:   12,300+4,000 = 16,300 -> bucket 18,000
//
// so it expires between t and t plus one tick after it was last heard of.
//
// Source: SessionTrackerImpl.java, ExpiryQueue.java and ZooKeeperServer.java of Apache ZooKeeper 3.9.
package session

import (
	"math"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Owner names where a session is attached: any number the server gives to a connection's home (itself, a follower).
// Zero is nobody. A server of an ensemble of one uses one constant for all its own connections, as the original does.
type Owner uint64

// Table is the set of live sessions. Times are milliseconds of one monotonic clock.
type Table struct {
	tick     int64
	sessions map[zkproto.SessionID]*session
	buckets  map[int64]map[zkproto.SessionID]struct{}
	next     int64 // the bucket to expire next
	soonest  int64 // no bucket before this one has a session
}

type session struct {
	bucket  int64
	owner   Owner
	timeout int32
	closing bool
	tracked bool // its createSession is not committed yet
}

// New returns an empty table. tickMillis is the width of an expiry bucket (tickTime), at least 1.
func New(tickMillis int32, nowMillis int64) *Table {
	t := &Table{
		tick:     int64(max(tickMillis, 1)),
		sessions: make(map[zkproto.SessionID]*session),
		buckets:  make(map[int64]map[zkproto.SessionID]struct{}),
	}
	t.next = t.bucket(nowMillis)
	t.soonest = math.MaxInt64
	return t
}

// bucket is the first multiple of the tick after a moment.
func (t *Table) bucket(millis int64) int64 { return (millis/t.tick + 1) * t.tick }

// Add takes a session that is committed, or touches it when it is there already, and tells whether it is new.
func (t *Table) Add(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) bool {
	s, added := t.enter(id, timeoutMillis, nowMillis)
	s.tracked = false
	return added
}

// Track takes a session whose createSession is prepared and not committed: it may act, and Timeouts leaves it out until
// Add. One that is there already is touched.
func (t *Table) Track(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) {
	if s, added := t.enter(id, timeoutMillis, nowMillis); added {
		s.tracked = true
	}
}

func (t *Table) enter(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) (s *session, added bool) {
	s = t.sessions[id]
	if s == nil {
		s, added = &session{}, true
		t.sessions[id] = s
	}
	s.timeout = timeoutMillis
	t.move(id, s, nowMillis+int64(timeoutMillis))
	return s, added
}

// Touch moves a session's expiry; false when it is unknown or closing. It is cheap when the bucket stays the same, as it
// does for all but one touch per tick.
func (t *Table) Touch(id zkproto.SessionID, timeoutMillis int32, nowMillis int64) bool {
	s := t.sessions[id]
	if s == nil || s.closing {
		return false
	}
	t.move(id, s, nowMillis+int64(timeoutMillis))
	return true
}

// move puts a session into the bucket of its expiry. One that lies behind the next to expire would never be looked at
// again, and the session would live for ever: it goes into the next.
func (t *Table) move(id zkproto.SessionID, s *session, expiry int64) {
	to := max(t.bucket(expiry), t.next)
	if to == s.bucket {
		return
	}
	t.leave(id, s)
	set := t.buckets[to]
	if set == nil {
		set = make(map[zkproto.SessionID]struct{})
		t.buckets[to] = set
	}
	set[id] = struct{}{}
	s.bucket = to
	t.soonest = min(t.soonest, to)
}

func (t *Table) leave(id zkproto.SessionID, s *session) {
	set := t.buckets[s.bucket]
	delete(set, id)
	if set != nil && len(set) == 0 {
		delete(t.buckets, s.bucket)
	}
}

// Check answers ErrOK when the session may act from owner; else ErrUnknownSession, ErrSessionExpired (closing) or
// ErrSessionMoved. The first owner to ask becomes the owner.
func (t *Table) Check(id zkproto.SessionID, owner Owner) zkproto.Error {
	s := t.sessions[id]
	switch {
	case s == nil:
		return zkproto.ErrUnknownSession
	case s.closing:
		return zkproto.ErrSessionExpired
	case s.owner == 0:
		s.owner = owner
	case s.owner != owner:
		return zkproto.ErrSessionMoved
	}
	return zkproto.ErrOK
}

// CheckGlobal is Check; tables that know of sessions of other servers answer differently.
func (t *Table) CheckGlobal(id zkproto.SessionID, owner Owner) zkproto.Error {
	return t.Check(id, owner)
}

// SetOwner attaches a session to owner; ErrSessionExpired when it is unknown or closing.
func (t *Table) SetOwner(id zkproto.SessionID, owner Owner) zkproto.Error {
	s := t.sessions[id]
	if s == nil || s.closing {
		return zkproto.ErrSessionExpired
	}
	s.owner = owner
	return zkproto.ErrOK
}

// SetClosing marks a session: from now on it may not act, only be closed.
func (t *Table) SetClosing(id zkproto.SessionID) {
	if s := t.sessions[id]; s != nil {
		s.closing = true
	}
}

// Closing tells whether a session is known and closing.
func (t *Table) Closing(id zkproto.SessionID) bool {
	s := t.sessions[id]
	return s != nil && s.closing
}

// Remove forgets a session (its closeSession was applied).
func (t *Table) Remove(id zkproto.SessionID) {
	if s := t.sessions[id]; s != nil {
		t.leave(id, s)
		delete(t.sessions, id)
	}
}

// Expired is Due for a caller that touches sessions as their clients are heard of.
func (t *Table) Expired(nowMillis int64) []zkproto.SessionID { return t.Due(nowMillis, nil) }

// Due returns the sessions whose bucket has passed, by bucket and then by id, and marks them closing. Each is returned
// once; the caller closes it by a closeSession transaction. expiry, if not nil, is asked for each before that: when it
// gives a time that has not passed, the session lives on until then. So nobody needs to touch a session per request.
func (t *Table) Due(nowMillis int64, expiry func(zkproto.SessionID) int64) []zkproto.SessionID {
	var expired []zkproto.SessionID
	if nowMillis < t.next {
		return nil
	}
	if len(t.buckets) == 0 {
		t.next, t.soonest = t.bucket(nowMillis), math.MaxInt64
		return nil
	}
	for nowMillis >= t.next {
		set := t.buckets[t.next]
		delete(t.buckets, t.next)
		t.next += t.tick
		if set == nil {
			continue
		}
		from := len(expired)
		for id := range set {
			s := t.sessions[id]
			s.bucket = 0
			if expiry != nil && !s.closing {
				if e := expiry(id); t.bucket(e) >= t.next {
					t.move(id, s, e)
					continue
				}
			}
			s.closing = true
			expired = append(expired, id)
		}
		slices.Sort(expired[from:])
	}
	t.soonest = math.MaxInt64
	for at := range t.buckets {
		t.soonest = min(t.soonest, at)
	}
	return expired
}

// Restart starts all timeouts again.
func (t *Table) Restart(nowMillis int64) {
	clear(t.buckets)
	t.next, t.soonest = t.bucket(nowMillis), math.MaxInt64
	for id, s := range t.sessions {
		if s.bucket = 0; !s.closing {
			t.move(id, s, nowMillis+int64(s.timeout))
		}
	}
}

// Reset takes back what a leader has done to the table and has not committed: sessions tracked and sessions closing. Nobody
// owns any.
func (t *Table) Reset(nowMillis int64) {
	for id, s := range t.sessions {
		if s.tracked {
			t.Remove(id)
			continue
		}
		s.closing, s.owner = false, 0
	}
	t.Restart(nowMillis)
}

// NextExpiry is the time at which Expired should be called next.
func (t *Table) NextExpiry() int64 { return t.next }

// NextDue is a time before which Expired has nothing to tell, however seldom it is called; math.MaxInt64 without sessions. It
// may be that it has nothing to tell then either.
func (t *Table) NextDue() int64 { return t.soonest }

// Timeout returns the timeout a session was added with.
func (t *Table) Timeout(id zkproto.SessionID) (timeoutMillis int32, ok bool) {
	s := t.sessions[id]
	if s == nil {
		return 0, false
	}
	return s.timeout, true
}

// Len is the number of sessions, closing ones included.
func (t *Table) Len() int { return len(t.sessions) }

// Timeouts returns all committed sessions and their timeouts, as a snapshot wants them.
func (t *Table) Timeouts() map[zkproto.SessionID]int32 {
	m := make(map[zkproto.SessionID]int32, len(t.sessions))
	for id, s := range t.sessions {
		if !s.tracked {
			m[id] = s.timeout
		}
	}
	return m
}

package replica

import "github.com/holdfast-ha/holdfast/internal/zkproto"

// seat is a session's connection to this server.
type seat struct {
	from     any
	session  zkproto.SessionID
	timeout  int32 // milliseconds, as negotiated for this connection
	index    int   // in the list
	reported int64 // Mono: the leader knows that the client was heard of then
	creating bool  // the session is not in history yet
	upgraded bool  // the session becomes global: its createSession is on its way
	local    bool  // the session is this server's own
	stale    bool  // the present leader has not been asked for the session
}

// seats are the sessions with a connection here. The list gives them an order that is the same in each run.
type seats struct {
	by   map[zkproto.SessionID]*seat
	list []*seat
}

func (s *seats) init() { s.by = map[zkproto.SessionID]*seat{} }

// of finds a session's seat, nil if it has none.
func (s *seats) of(id zkproto.SessionID) *seat { return s.by[id] }

func (s *seats) add(p *seat) {
	p.index = len(s.list)
	s.list = append(s.list, p)
	s.by[p.session] = p
}

// remove takes a seat out; the last one takes its place in the list.
func (s *seats) remove(p *seat) {
	last := len(s.list) - 1
	moved := s.list[last]
	s.list[p.index] = moved
	moved.index = p.index
	s.list[last] = nil
	s.list = s.list[:last]
	delete(s.by, p.session)
}

// attached tells whether a client is the one that has the session now.
func (s *seats) attached(from any, id zkproto.SessionID) bool {
	p := s.by[id]
	return p != nil && p.from == from
}

package zkserver

import "time"

// growthLook is how often is looked how much has been allocated since a large snapshot came from the leader.
const growthLook = 100 * time.Millisecond

// collectLater lets the collector, which rests while a snapshot comes from the leader, run again when the server is quiet, or when a
// quarter more has been allocated. At once it would mark all that has come, on every processor that is idle, while the clients of
// the leader write: the moment in which one server joins is the worst one for it, and nothing has become garbage yet.
func (s *Server) collectLater(collect func(), znodes int) {
	if znodes < manyZnodes {
		collect()
		return
	}
	select {
	case s.trimmer.later <- collect:
	default:
		collect()
		return
	}
	select {
	case <-s.quit: // nobody may be there any more who takes it
		s.trimmer.drain()
	default:
	}
}

// resumeCollecting is the goroutine that lets the collector run again.
func (s *Server) resumeCollecting() {
	defer s.trimmer.drain()
	for {
		select {
		case collect := <-s.trimmer.later:
			s.untilGrown()
			collect()
		case <-s.quit:
			return
		}
	}
}

// drain lets the collector run now.
func (t *trimmer) drain() {
	for {
		select {
		case collect := <-t.later:
			collect()
		default:
			return
		}
	}
}

// untilGrown waits until a quarter more than now has been allocated, or the server is quiet, or stops.
func (s *Server) untilGrown() {
	held := s.trimmer.heap().held
	c := calm{requests: s.stats.received.Load(), txns: s.disk.lastPersisted()}
	for looks := 1; s.pause(growthLook); looks++ {
		if s.trimmer.heap().held >= held+held/4 {
			return
		}
		if looks%int(trimLook/growthLook) == 0 && c.look(s.stats.received.Load(), s.disk.lastPersisted()) {
			return
		}
	}
}

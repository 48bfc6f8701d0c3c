package zkserver

import "github.com/holdfast-ha/holdfast/zkserver/pipeline"

// direct lets a connection's goroutine be the core for its batch, from the preparation to the sync and the answer, when the
// core has nothing to do and the batch is small: no other goroutine need be woken, which costs as much processor time as all
// the rest. It is false, and nothing has happened, when it is not the moment; then the batch goes into the inbox. While it
// runs others put theirs there and wake the core goroutine, which waits for the lock.
//
// Only a server that is alone does it: with others the core must be free to hear them while the disk syncs. And none that
// throttles requests: there the connection must be read on, to be held back.
func (s *Server) direct(b *pipeline.Batch[*client]) bool {
	c := &s.core
	if s.peers != nil || len(b.Requests) > directBatch || s.live.Load().ThrottleLimit != 0 || !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	// What came before, also from this connection, must go before.
	if c.ended || s.Err() != nil || !s.inbox.Idle() || len(c.toLog) > 0 || s.disk.busy.Load() {
		return false
	}
	c.now = s.clock.Now()
	c.replica.At(s.moment(c.now))
	s.hearDisk()
	for i := range b.Requests {
		s.request(b, i)
	}
	s.inbox.GiveBack(b)
	s.perform()
	s.finishWaiting()
	if s.feedDisk(true) && s.Err() == nil && s.hearDisk() {
		s.perform()
		s.finishWaiting()
	}
	s.flush()
	return true
}

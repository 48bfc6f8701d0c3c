package zkserver

import "github.com/holdfast-ha/holdfast/zkserver/pipeline"

// direct lets a connection's goroutine be the core for its batch when the core has nothing to do and the batch is small: no
// other goroutine need be woken, which costs as much processor time as all the rest. It is false, and nothing has happened, when
// it is not the moment; then the batch goes into the inbox. While it runs others put theirs there and wake the core goroutine,
// which waits for the lock.
//
// A server that is alone goes on to the sync and the answer. With others the disk's goroutine syncs: they must be heard
// meanwhile. None that throttles requests does it: there the connection must be read on, to be held back.
func (s *Server) direct(b *pipeline.Batch[*client]) bool {
	c := &s.core
	if len(b.Requests) > directBatch || s.live.Load().ThrottleLimit != 0 || !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	// What came before, also from this connection, must go before.
	if c.ended || s.Err() != nil || !s.inbox.Idle() || s.peers == nil && (len(c.toLog) > 0 || s.disk.busy.Load()) {
		return false
	}
	s.passTime()
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
	s.setAlarm()
	return true
}

// heardDirect lets the goroutine that has put messages of a peer into the inbox be the core for them. When it is not the moment
// the core goroutine is woken.
func (s *Server) heardDirect() {
	c := &s.core
	if !c.mu.TryLock() {
		s.wakeCore()
		return
	}
	defer c.mu.Unlock()
	if !c.ended {
		s.step()
	}
}

// syncedDirect lets the disk's goroutine be the core for what it has synced: acknowledgements, commits, answers. It takes
// nothing that others have brought, for that may want to wait for the disk.
func (s *Server) syncedDirect() {
	c := &s.core
	if !c.mu.TryLock() {
		s.wakeCore()
		return
	}
	defer c.mu.Unlock()
	if c.ended || s.Err() != nil {
		return
	}
	s.passTime()
	s.hearDisk()
	s.perform()
	s.finishWaiting()
	s.feedDisk(false)
	s.flush()
	s.setAlarm()
}

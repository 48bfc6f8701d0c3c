package zkserver

import "github.com/holdfast-ha/holdfast/zkserver/pipeline"

// Being the core goes from one goroutine to the next by the lock of core. Who has something for the core and finds it taken only
// asks: whoever has the lock looks before it lets go of it, and does that, too, instead of waking the core goroutine for it.
//
//	connection A    lock, its write, sync, answer ........... asked: B's write, sync, answer, unlock
//	connection B             inbox, asked, waits for the next request
//
// Waking a goroutine costs as much processor time as all the rest of a write.

// turns is up to how many times another goroutine than the core's does what it is asked for: it has a client or a peer of its own.
const turns = 4

// callCore tells the core that there is something in its inbox. It is the inbox's wake.
func (s *Server) callCore() {
	c := &s.core
	c.asked.Store(true)
	if c.mu.TryLock() { // nobody is the core
		c.mu.Unlock()
		s.wakeCore()
	}
}

// leaveCore lets go of the core's lock. What was asked for meanwhile is done first, up to so many times; the rest is left to the core
// goroutine.
func (s *Server) leaveCore(most int) {
	c := &s.core
	for range most {
		if !c.asked.Load() || c.ended {
			break
		}
		s.step()
	}
	stopping := c.draining // the core goroutine waits for the end of what is under way
	c.mu.Unlock()
	if c.asked.Load() || stopping {
		s.wakeCore()
	}
}

// direct lets a connection's goroutine, or the one that gathers what several have brought, be the core for its batch when the core has
// nothing to do and the batch is small. It is false, and nothing has happened, when it is not the moment; then the batch goes into the inbox.
//
// A server that is alone goes on to the sync and the answer. With others the disk's goroutine syncs: they must be heard
// meanwhile. None that throttles requests does it: there the connection must be read on, to be held back.
func (s *Server) direct(b *pipeline.Batch[*client], most int) bool {
	c := &s.core
	if len(b.Requests) > most || s.live.Load().ThrottleLimit != 0 || !c.mu.TryLock() {
		return false
	}
	// What came before, also from this connection, must go before.
	if c.ended || s.Err() != nil || !s.inbox.Idle() || s.peers == nil && (len(c.toLog) > 0 || s.disk.busy.Load()) {
		s.leaveCore(0)
		return false
	}
	defer s.leaveCore(turns)
	s.passTime()
	s.hearDisk()
	for i := range b.Requests {
		s.request(b, i)
	}
	s.inbox.GiveBack(b)
	s.perform()
	s.finishWaiting()
	s.feedDisk(false)
	s.syncHere()
	s.flush()
	s.setAlarm()
	return true
}

// heardDirect lets the goroutine that has put messages of a peer into the inbox be the core for them.
func (s *Server) heardDirect() {
	c := &s.core
	c.asked.Store(true)
	if c.mu.TryLock() {
		s.leaveCore(turns)
	}
}

// syncedDirect lets the disk's goroutine be the core for what it has synced: acknowledgements, commits, answers. It takes
// nothing that others have brought, for that may want to wait for the disk.
func (s *Server) syncedDirect() {
	c := &s.core
	if !c.mu.TryLock() {
		s.callCore()
		return
	}
	defer s.leaveCore(0)
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

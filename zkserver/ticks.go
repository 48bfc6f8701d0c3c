package zkserver

import (
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// ticks begins what wakes the core goroutine when time has passed. A standalone server is woken once per expiry bucket. A
// member of an ensemble that serves sleeps until the replica has something to do by time alone: a hundred ticks a second cost an
// idle server a hundredth of a processor.
func (s *Server) ticks() (due <-chan time.Time, stop func()) {
	c := &s.core
	if s.peers == nil {
		t := s.clock.NewTicker(c.interval)
		return t.C(), t.Stop
	}
	t := s.clock.NewTimer(c.interval)
	c.mu.Lock()
	c.alarm = t
	c.mu.Unlock()
	return t.C(), func() { t.Stop() }
}

// tick lets time pass for the replica: elections, pings, the expiry of sessions.
func (s *Server) tick() {
	c := &s.core
	c.alarmAt = time.Time{}
	c.now = s.clock.Now()
	s.beat.Store(c.now.UnixNano())
	if s.peers == nil {
		c.replica.Tick(s.moment(c.now))
		return
	}
	c.replica.Pass(s.moment(c.now))
	s.hintReach()
}

// passTime tells the replica what time it is, before anything else.
func (s *Server) passTime() {
	c := &s.core
	c.now = s.clock.Now()
	if s.peers == nil {
		c.replica.At(s.moment(c.now))
		return
	}
	c.replica.Pass(s.moment(c.now))
}

// setAlarm sees to it that the core goroutine wakes up in time, whoever was the core just now. An alarm that is too early is
// left: it costs less than to move it.
func (s *Server) setAlarm() {
	c := &s.core
	if c.alarm == nil {
		return
	}
	at := c.now.Add(c.interval) // while there is no leader, for what is asked again and again (hintReach), too
	if c.replica.Node().Status().Phase == zab.Broadcast && !c.draining {
		at = s.started.Add(time.Duration(c.replica.Deadline()) * time.Millisecond)
	}
	if !c.alarmAt.IsZero() && !at.Before(c.alarmAt) {
		return
	}
	c.alarmAt = at
	c.alarm.Reset(at.Sub(c.now))
}

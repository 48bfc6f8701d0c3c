package elector

import (
	"context"
	"os"
	"sync"
)

// Early is a session that was opened before the election needs it, so that a start does not pay for two: it answers the
// question whether there is anything to take part in, and is then the first session of the election.
//
// Only a session that is new can be early. One that goes on from an earlier run may hold the lock, and must not be kept
// alive for a service of which nobody knows yet whether it is well: a controller that is started again and again beside a dead
// service would keep everybody else from taking over. So a start that resumes needs two sessions, one for the question and,
// when the service is well, the old one. To leave the question out would save some milliseconds of a restart during which the lock is
// held anyway, and cost the answer that the parent znode is missing, with its exit code, whenever an old file lies about.
type Early struct {
	Tree
	later Connect

	mu      sync.Mutex
	up      bool // connected
	over    bool // expired
	to      func(Event)
	started chan struct{} // closed when it was connected for the first time
}

// NewEarly connects, or returns why it could not before ctx ended. The session is kept in file as by Resuming; an empty name
// keeps it nowhere. Where a session of an earlier run is kept, NewEarly returns nil.
func (z ZooKeeper) NewEarly(ctx context.Context, file string) (*Early, error) {
	e := &Early{later: z.Connect, started: make(chan struct{})}
	if file != "" {
		if _, err := os.Lstat(file); !os.IsNotExist(err) {
			return nil, nil //nolint:nilnil // that is the answer: there is none
		}
		e.later = z.Resuming(file)
	}
	s, err := z.connect(e.event, file)
	if err != nil {
		return nil, err
	}
	e.s = s
	select {
	case <-e.started:
		return e, nil
	case <-ctx.Done():
		return nil, s.unreached(ctx)
	}
}

func (e *Early) event(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.to != nil {
		e.to(ev)
		return
	}
	switch ev.(type) {
	case Connected:
		e.up = true
		select {
		case <-e.started:
		default:
			close(e.started)
		}
	case Disconnected:
		e.up = false
	case Expired:
		e.over = true
	}
}

// Connect is a Connect: the first caller gets the early session, unless it is over by then, all others new ones.
func (e *Early) Connect(events func(Event)) (Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.to != nil || e.over {
		return e.later(events)
	}
	e.to = events
	if e.up {
		events(Connected{e.s.conn.SessionID()})
	}
	return e.s, nil
}

// Close ends the session, unless the election has it, who ends it. It is idempotent.
func (e *Early) Close() {
	e.mu.Lock()
	given := e.to != nil
	if !given {
		e.to = func(Event) {} // too late to be given
	}
	e.mu.Unlock()
	if !given {
		e.s.Close()
	}
}

package zkserver

import (
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/cnxn"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

// Single writes of many clients are taken together: who waits for each answer before the next write is read by one goroutine, which is the
// core for all that have come by then (direct.go). While it syncs, what comes for it wakes no thread, and all of it is the next round.
//
//	16 clients, each at home:   16 goroutines wake up, each finds the core taken and asks it
//	16 clients, gathered:       one look, 8 reads, one sync, 8 answers; one look, 8 reads, ...
//
// A client that reads, or pings because it has nothing to do, goes home: that must not wait for a disk.

// gathering is what the goroutine of a port that gathers hands packets to.
type gathering struct {
	s     *Server
	batch *pipeline.Batch[*client] // nil: nothing yet
}

// Gather implements cnxn.Gatherer.
func (s *Server) Gather() cnxn.Gathering { return &gathering{s: s} }

// Fits implements cnxn.Gatherer.
func (s *Server) Fits(frames [][]byte) bool {
	for _, f := range frames {
		if op, ok := opOf(f); !ok || kindOf(op) != kindWrite || op == zkproto.OpCloseSession {
			return false
		}
	}
	return true
}

// Take implements cnxn.Gathering.
func (g *gathering) Take(c cnxn.Client, frames [][]byte) bool {
	s, w := g.s, c.(*client)
	if !s.serves() || s.live.Load().ThrottleLimit != 0 || s.throttle.over() || w.busy() {
		return false
	}
	now := s.clock.Now().UnixNano()
	s.countReceived(frames)
	g.batch, _, _, _ = w.requests(g.batch, frames, now, false) // writes alone, of a client that may: nothing fails
	return true
}

// busy tells whether taking writes is not all there is to do: if something is unanswered the client does not wait for its answers.
func (w *client) busy() bool {
	w.Lock()
	defer w.Unlock()
	return w.barred || w.closing || !w.fifo.Idle() || len(w.Out) > cnxn.SoftLimit
}

// Done implements cnxn.Gathering.
func (g *gathering) Done() {
	s, b := g.s, g.batch
	g.batch = nil
	if b == nil {
		return // all of these clients are being closed
	}
	s.throttle.add(len(b.Requests), b.Bytes())
	if !s.direct(b, littleRecords) && !s.inbox.Put(b) {
		for i := range b.Requests {
			b.Requests[i].From.Close(errStopping)
		}
	}
}

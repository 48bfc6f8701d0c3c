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
// Single reads are gathered, too, by other goroutines, as a read must not wait for a disk: one looks for all that have come and answers one after
// the other, where each would wake a goroutine.

// gathering is what the goroutine of a port that gathers writes hands packets to.
type gathering struct {
	s     *Server
	batch *pipeline.Batch[*client] // nil: nothing yet
}

// gatheringReads is the same for reads.
type gatheringReads struct{ s *Server }

// Gather implements cnxn.Gatherer.
func (s *Server) Gather(fit cnxn.Fit) cnxn.Gathering {
	if fit == cnxn.Reads {
		return gatheringReads{s}
	}
	return &gathering{s: s}
}

// Fits implements cnxn.Gatherer.
func (s *Server) Fits(frames [][]byte) cnxn.Fit {
	fit := cnxn.Alone
	for _, f := range frames {
		op, ok := opOf(f)
		if !ok {
			return cnxn.Alone
		}
		one := fitOf(op)
		if one == cnxn.Alone || fit != cnxn.Alone && one != fit {
			return cnxn.Alone
		}
		fit = one
	}
	return fit
}

// fitOf tells what may be gathered: all writes but the last one of a session, and reads that take no longer than their answer is large.
func fitOf(op zkproto.OpCode) cnxn.Fit {
	switch op {
	case zkproto.OpExists, zkproto.OpGetData, zkproto.OpGetACL, zkproto.OpGetChildren, zkproto.OpGetChildren2:
		return cnxn.Reads
	case zkproto.OpCloseSession:
		return cnxn.Alone
	}
	if kindOf(op) == kindWrite {
		return cnxn.Writes
	}
	return cnxn.Alone
}

// Take implements cnxn.Gathering.
func (g gatheringReads) Take(c cnxn.Client, frames [][]byte) bool {
	s, w := g.s, c.(*client)
	if !s.serves() || s.live.Load().ThrottleLimit != 0 || w.busy() {
		return false
	}
	if _, done, _, _ := w.requests(nil, frames, s.clock.Now().UnixNano(), false); done == 0 { // of a client that may: nothing fails
		return false
	}
	s.countReceived(frames)
	w.Flush()
	return true
}

// Done implements cnxn.Gathering.
func (gatheringReads) Done() {}

// Take implements cnxn.Gathering.
func (g *gathering) Take(c cnxn.Client, frames [][]byte) bool {
	s, w := g.s, c.(*client)
	if !s.serves() || s.live.Load().ThrottleLimit != 0 || s.throttle.over() || w.busy() {
		return false
	}
	var done int
	if g.batch, done, _, _ = w.requests(g.batch, frames, s.clock.Now().UnixNano(), false); done == 0 { // of a client that may: nothing fails
		return false
	}
	s.countReceived(frames)
	return true
}

// busy tells whether taking a packet is not all there is to do: if something is unanswered the client does not wait for its answers. That it
// does not read them, requests tells.
func (w *client) busy() bool {
	w.Lock()
	defer w.Unlock()
	return w.barred || w.closing || !w.fifo.Idle()
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

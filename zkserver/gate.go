package zkserver

import (
	"github.com/holdfast-ha/holdfast/zkserver/replica"
)

// A gate stands before the reads: while the server belongs to no quorum nothing is answered, and connections are not read.
// What it shows is the replica's mode. A standalone server's is open from its start to its end.

// setMode opens or shuts the gate. On the core.
func (s *Server) setMode(m replica.Mode) {
	if s.mode.Swap(uint32(m)) == uint32(m) || !s.serves() {
		return
	}
	for _, c := range s.conns() {
		c.Lock()
		c.Wake()
		c.Unlock()
	}
}

// serves tells whether requests may be looked at.
func (s *Server) serves() bool {
	m := replica.Mode(s.mode.Load())
	return m == replica.ModeReadWrite || m == replica.ModeReadOnly
}

// awaitGate returns when requests of w may be looked at, or its connection is closed. The client's silence meanwhile is not
// its own.
func (w *client) awaitGate() {
	if w.server.serves() {
		return
	}
	w.held.Store(true)
	w.AwaitRoom(w.server.serves)
	w.held.Store(false)
}

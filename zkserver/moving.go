package zkserver

import (
	"io"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// moving tells the core, now and then, that something long moves on by a link: neither end gives the other up then, however
// long it takes. If it does not move, the connection's own limit for each read and write ends it.
type moving struct {
	h    *peerHandler
	link zab.Link
	r    io.Reader
	w    io.Writer
	next time.Time
}

// tellEvery is how often the core is told.
const tellEvery = 50 * time.Millisecond

// on tells that some more has come or gone.
func (m *moving) on() {
	s := m.h.s
	now := s.clock.Now()
	if now.Before(m.next) {
		return
	}
	m.next = now.Add(tellEvery)
	if s.fromPeers.about(m.link, peerItem{moved: true}) {
		s.wakeCore()
	}
}

// Read implements io.Reader.
func (m *moving) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.on()
	}
	return n, err
}

// Write implements io.Writer.
func (m *moving) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	if n > 0 {
		m.on()
	}
	return n, err
}

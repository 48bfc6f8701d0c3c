package peer

import (
	"errors"
	"os"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// A few short messages are sent by who pushed them, as far as the socket takes them at once.
const (
	directMessages = 4
	directBytes    = 8 << 10
)

// direct sends what is in the queue without waking the writer: at low load that saves two changes of goroutine for each
// packet. It never blocks. It is false when it is the writer's turn.
func (l *link) direct() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || l.ended || l.dropping || l.writing || l.rest != nil || len(l.queue) > directMessages || l.queued > directBytes {
		return false
	}
	for i := range l.queue {
		if t := l.queue[i].Type; t == zab.Replay || t == zab.Snap {
			return false
		}
	}
	b, bytes := l.short[:0], 0
	for i := range l.queue {
		m := &l.queue[i]
		bytes += perMessage + len(m.Data)
		l.said(m)
		b = append(appendHead(b, m.Type, m.Zxid, m.Data), m.Data...)
		b = appendAuth(b, m.Auth)
	}
	l.short = b
	n, err := l.out.TryWrite(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = 0, nil // of the writer's last write, long ago: it will set another
	}
	behind := errors.Is(err, errUnsent)
	if err != nil && !behind {
		l.endLocked(err)
		return true
	}
	l.sent.Add(uint64(len(l.queue)))
	clear(l.queue)
	l.queue = l.queue[:0]
	l.queued -= bytes
	if behind || n < len(b) {
		l.rest = append([]byte{}, b[n:]...)
		return false
	}
	return true
}

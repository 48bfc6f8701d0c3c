package peer

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// tracker remembers the last messages of a link, each way, until the link ends: the original's MessageTracker. A link that is not
// tracked has none.
type tracker struct {
	mu             sync.Mutex
	received, sent ring
}

// tracked is a message that went by.
type tracked struct {
	at   time.Time
	what zab.Type
	zxid zab.Zxid
}

// ring holds the last few messages.
type ring struct {
	last []tracked
	next int // the place of the next one
	most int
}

func (r *ring) add(t tracked) {
	if len(r.last) < r.most {
		r.last = append(r.last, t)
		return
	}
	r.last[r.next] = t
	r.next = (r.next + 1) % r.most
}

// list is what it holds, the oldest first.
func (r *ring) list() []tracked {
	return append(append(make([]tracked, 0, len(r.last)), r.last[r.next:]...), r.last[:r.next]...)
}

// Track has the last n messages of each link that there is, and of those to come, logged when it ends; 0 ends that. Links forget
// what they had remembered.
func (p *Peers) Track(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracked = n
	for _, l := range p.links {
		l.track(n)
	}
}

func (l *link) track(n int) {
	if n <= 0 {
		l.tracker.Store(nil)
		return
	}
	l.tracker.Store(&tracker{received: ring{most: n}, sent: ring{most: n}})
}

// heard remembers messages that were received.
func (l *link) heard(msgs []zab.Message) {
	t := l.tracker.Load()
	if t == nil {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range msgs {
		t.received.add(tracked{now, msgs[i].Type, msgs[i].Zxid})
	}
}

// said remembers a packet that is being sent.
func (l *link) said(m *zab.Message) {
	t := l.tracker.Load()
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent.add(tracked{time.Now(), m.Type, m.Zxid})
}

// tell logs what is remembered of a link that has ended, in the original's layout, with the zxid behind it.
func (t *tracker) tell(log *zap.Logger, address string) {
	t.mu.Lock()
	received, sent := t.received.list(), t.sent.list()
	t.mu.Unlock()
	for _, way := range []struct {
		name string
		last []tracked
	}{{"receivedBuffer from " + address, received}, {"sentBuffer to " + address, sent}} {
		if len(way.last) == 0 {
			log.Info("No buffered timestamps for messages " + way.name)
			continue
		}
		log.Warn(fmt.Sprintf("Last %d timestamps for messages %s:", len(way.last), way.name))
		for _, m := range way.last {
			log.Warn(fmt.Sprintf("%s  TimeStamp: %s Type: %s Zxid: %s", way.name, m.at.Format("2006-01-02 15:04:05,000"), m.what, m.zxid))
		}
	}
}

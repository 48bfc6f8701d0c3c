package hademo

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/failover"
)

// event is one step that a controller told of.
type event struct {
	Time   time.Time `json:"time"`
	Node   string    `json:"node"`
	Event  string    `json:"event"`
	Detail string    `json:"detail"`
	Millis float64   `json:"millis"`
}

// isDetection tells whether the event says that a controller noticed what was done.
func (e event) isDetection() bool {
	switch e.Event {
	case failover.EventServiceDown, failover.EventLockLost, failover.EventFailoverRequested, failover.EventStateChanged:
		return true
	case failover.EventHealthChanged:
		return !strings.Contains(e.Detail, "SERVICE_HEALTHY")
	default:
		return false
	}
}

// timeline collects the events of all controllers, in the order in which they were read.
type timeline struct {
	mu     sync.Mutex
	events []event
	notify chan struct{}
}

func newTimeline() *timeline { return &timeline{notify: make(chan struct{})} }

func (t *timeline) add(e event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
	close(t.notify)
	t.notify = make(chan struct{})
}

// mark is the number of events so far: since(mark) are the later ones.
func (t *timeline) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events)
}

func (t *timeline) since(n int) []event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events[n:len(t.events):len(t.events)]
}

// wait waits for an event, from the n-th on, that ok accepts.
func (t *timeline) wait(ctx context.Context, n int, ok func(event) bool) (event, error) {
	for {
		t.mu.Lock()
		evs, next := t.events[n:len(t.events):len(t.events)], t.notify
		t.mu.Unlock()
		for _, e := range evs {
			if ok(e) {
				return e, nil
			}
		}
		n += len(evs)
		select {
		case <-next:
		case <-ctx.Done():
			return event{}, ctx.Err()
		}
	}
}

// follow reads the events file of one controller as it grows, until ctx ends. The times that count are in the events, so
// reading them a little later changes no figure.
func (t *timeline) follow(ctx context.Context, path string) {
	var offset int64
	var rest []byte
	buf := make([]byte, 64<<10)
	for {
		if f, err := os.Open(path); err == nil {
			for {
				n, err := f.ReadAt(buf, offset)
				offset += int64(n)
				rest = append(rest, buf[:n]...)
				if err != nil || n == 0 {
					break // io.EOF, or tried again at the next turn
				}
			}
			f.Close()
		}
		for {
			line, after, found := bytes.Cut(rest, []byte("\n"))
			if !found {
				break
			}
			var e event
			if json.Unmarshal(line, &e) == nil {
				t.add(e)
			}
			rest = after
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}

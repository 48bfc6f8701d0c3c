package hademo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// ack is one write that the service acknowledged.
type ack struct {
	path  string
	node  string // the NameNode that answered
	epoch uint64 // the journal epoch it wrote in
	txid  uint64 // the place of the write in the journal
	at    time.Time
}

// putter writes one file through whichever NameNode is active, trying until it succeeds or ctx ends.
type putter interface {
	put(ctx context.Context, path string, data []byte) (ack, error)
}

// writer writes without pause, one write after the other, and remembers every acknowledgement.
type writer struct {
	client putter

	mu     sync.Mutex
	acks   []ack
	prefix string // directory of the files it writes now
	serial int
	pause  time.Duration // after each write
	notify chan struct{} // closed and replaced at each acknowledgement
	failed error         // why it stopped, if not because it was told to
}

func newWriter(client putter) *writer {
	return &writer{client: client, prefix: "/warmup", notify: make(chan struct{})}
}

// run writes until ctx ends.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.mu.Lock()
		w.serial++
		path := fmt.Sprintf("%s/%07d", w.prefix, w.serial)
		w.mu.Unlock()
		a, err := w.client.put(ctx, path, []byte(path))
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			w.mu.Lock()
			w.failed = err
			close(w.notify)
			w.notify = make(chan struct{})
			w.mu.Unlock()
			return
		}
		w.mu.Lock()
		w.acks = append(w.acks, a)
		close(w.notify)
		w.notify = make(chan struct{})
		pause := w.pause
		w.mu.Unlock()
		if pause > 0 && sleep(ctx, pause) != nil {
			return
		}
	}
}

// slowDown makes the writer pause after each write from now on.
func (w *writer) slowDown(pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pause = pause
}

// directory makes the following writes go to files under dir, and returns how many were acknowledged before.
func (w *writer) directory(dir string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prefix, w.serial = dir, 0
	return len(w.acks)
}

// count is the number of acknowledged writes.
func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acks)
}

// since returns the acknowledgements from the n-th on. The slice is not written to again.
func (w *writer) since(n int) []ack {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acks[n:len(w.acks):len(w.acks)]
}

// waitAck waits for an acknowledgement, from the n-th on, that ok accepts.
func (w *writer) waitAck(ctx context.Context, n int, ok func(ack) bool) (ack, error) {
	for {
		w.mu.Lock()
		acks, next, failed := w.acks[n:len(w.acks):len(w.acks)], w.notify, w.failed
		w.mu.Unlock()
		for _, a := range acks {
			if ok(a) {
				return a, nil
			}
		}
		n += len(acks)
		if failed != nil {
			return ack{}, fmt.Errorf("the writing client gave up: %w", failed)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ack{}, ctx.Err()
		}
	}
}

// last is the newest acknowledgement, if there is one.
func (w *writer) last() (ack, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.acks) == 0 {
		return ack{}, false
	}
	return w.acks[len(w.acks)-1], true
}

// rate counts the acknowledgements of the given last stretch of time, per second.
func (w *writer) rate(now time.Time, over time.Duration) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for i := len(w.acks) - 1; i >= 0 && now.Sub(w.acks[i].at) <= over; i-- {
		n++
	}
	return float64(n) / over.Seconds()
}

// longestGap is the longest time between two acknowledgements that follow each other, from the first given one on.
func longestGap(acks []ack) time.Duration {
	var gap time.Duration
	for i := 1; i < len(acks); i++ {
		gap = max(gap, acks[i].at.Sub(acks[i-1].at))
	}
	return gap
}

// dualActive counts the acknowledgements that a second node gave in an epoch that belongs to another: the moments with two
// writers in one epoch. It must be zero.
func dualActive(acks []ack) int {
	owner := make(map[uint64]string)
	n := 0
	for _, a := range acks {
		if o, ok := owner[a.epoch]; !ok {
			owner[a.epoch] = a.node
		} else if o != a.node {
			n++
		}
	}
	return n
}

//go:build hadoop && unix

package hadoop

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watch asks all NameNodes every 10 ms whether they are active (the page that load balancers ask for).
type watch struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	seen   [][]answers
}

// answers is a run of equal answers of one NameNode. It held its state at least from first, when the first answer was there,
// to last, when the last question was sent.
type answers struct {
	said        string // "active", "not active", or "" for no answer
	first, last time.Time
}

func newWatch(addrs ...string) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{cancel: cancel, seen: make([][]answers, len(addrs))}
	for i, addr := range addrs {
		w.wg.Add(1)
		go func() {
			defer w.wg.Done()
			w.ask(ctx, i, "http://"+addr+"/isActive")
		}()
	}
	return w
}

func (w *watch) ask(ctx context.Context, i int, url string) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
	defer client.CloseIdleConnections()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		sent := time.Now()
		said := isActive(ctx, client, url)
		w.note(i, said, sent, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

func isActive(ctx context.Context, client *http.Client, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // else the connection cannot be used again
	switch resp.StatusCode {
	case http.StatusOK:
		return "active"
	case http.StatusMethodNotAllowed:
		return "not active"
	}
	return ""
}

func (w *watch) note(i int, said string, sent, got time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if runs := w.seen[i]; len(runs) > 0 && runs[len(runs)-1].said == said {
		runs[len(runs)-1].last = sent
		return
	}
	w.seen[i] = append(w.seen[i], answers{said, got, sent})
}

// stop ends the questions.
func (w *watch) stop() {
	w.cancel()
	w.wg.Wait()
}

// now is what NameNode i said last.
func (w *watch) now(i int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen[i]) == 0 {
		return ""
	}
	return w.seen[i][len(w.seen[i])-1].said
}

// activeSince is when NameNode i was first seen active after from, which must have been another's moment.
func (w *watch) activeSince(i int, from time.Time) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.seen[i] {
		if a.said == "active" && a.first.After(from) {
			return a.first, true
		}
	}
	return time.Time{}, false
}

// changes counts how often NameNode i was seen to become active after from. No answer for a while is no change.
func (w *watch) changes(i int, from time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return becameActive(w.seen[i], from)
}

func becameActive(runs []answers, from time.Time) int {
	n, was := 0, ""
	for _, a := range runs {
		if a.said == "active" && was == "not active" && a.first.After(from) {
			n++
		}
		if a.said != "" {
			was = a.said
		}
	}
	return n
}

// nobody is the longest time between from and to during which neither NameNode was active.
func (w *watch) nobody(from, to time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var active []answers
	for _, runs := range w.seen {
		for _, a := range runs {
			if a.said == "active" && a.last.After(from) && a.first.Before(to) {
				active = append(active, a)
			}
		}
	}
	slices.SortFunc(active, func(a, b answers) int { return a.first.Compare(b.first) })
	longest, until := time.Duration(0), from
	for _, a := range active {
		longest = max(longest, a.first.Sub(until))
		if a.last.After(until) {
			until = a.last
		}
	}
	return longest
}

// both lists the times during which two NameNodes were active.
func (w *watch) both() (all []span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, one := range w.seen {
		for _, two := range w.seen[i+1:] {
			all = append(all, overlaps(one, two)...)
		}
	}
	return all
}

// span is a time from one moment to another.
type span struct{ from, to time.Time }

func (s span) String() string {
	return s.from.Format("15:04:05.000") + " to " + s.to.Format("15:04:05.000")
}

func overlaps(one, two []answers) []span {
	var all []span
	for _, a := range one {
		for _, b := range two {
			if a.said != "active" || b.said != "active" {
				continue
			}
			s := span{a.first, a.last}
			if b.first.After(s.from) {
				s.from = b.first
			}
			if b.last.Before(s.to) {
				s.to = b.last
			}
			if s.from.Before(s.to) {
				all = append(all, s)
			}
		}
	}
	return all
}

func TestOverlaps(t *testing.T) {
	zero := time.Now()
	run := func(said string, from, to int) answers {
		return answers{said, zero.Add(time.Duration(from)), zero.Add(time.Duration(to))}
	}
	one := []answers{run("active", 0, 10), run("", 11, 20), run("active", 30, 40)}
	require.Empty(t, overlaps(one, []answers{run("not active", 0, 40)}))
	require.Empty(t, overlaps(one, []answers{run("active", 10, 30), run("active", 40, 50)}))
	require.Len(t, overlaps(one, []answers{run("active", 9, 31)}), 2)
	require.Len(t, overlaps([]answers{run("active", 32, 33)}, one), 1)
}

func TestNoAnswerIsNoChange(t *testing.T) {
	zero := time.Now()
	var runs []answers
	for i, said := range []string{"not active", "active", "", "active", "not active", "", "active"} {
		runs = append(runs, answers{said, zero.Add(time.Duration(i)), zero.Add(time.Duration(i))})
	}
	require.Equal(t, 2, becameActive(runs, zero))
	require.Equal(t, 1, becameActive(runs, zero.Add(1)))
}

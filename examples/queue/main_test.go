package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/examples/internal/stage"
	"github.com/holdfast-ha/holdfast/examples/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const queue = "/examples/queue"

type player struct {
	worker
	out    *stage.Output
	cable  *stage.Cable
	begun  chan string   // an item whose work has begun
	goOn   chan struct{} // lets the work end
	result <-chan error
}

func play(t *testing.T, o session.Options, name string) *player {
	t.Helper()
	p := &player{out: stage.NewOutput(), begun: make(chan string, 100), goOn: make(chan struct{}, 100)}
	s, cable := stage.Open(t, o)
	p.cable = cable
	p.result = stage.Go(t, func(ctx context.Context) error {
		p.worker = worker{name: name, out: p.out, queue: queue, work: func(item string) string {
			p.begun <- item
			select {
			case <-p.goOn:
			case <-ctx.Done():
			}
			return strings.ToUpper(item)
		}}
		return p.run(ctx, s)
	})
	return p
}

func filled(t *testing.T, o session.Options, items ...string) *session.Session {
	t.Helper()
	s, _ := stage.Open(t, o)
	require.NoError(t, s.MakePath(t.Context(), queue))
	for _, item := range items {
		require.NoError(t, enqueue(s, queue, item))
	}
	return s
}

func list(t *testing.T, s *session.Session) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, show(&out, s, queue))
	return out.String()
}

func TestItemsAreFinishedInOrder(t *testing.T) {
	o := stage.Server(t)
	s := filled(t, o, "a", "b")
	anna := play(t, o, "anna")
	for _, item := range []string{"a", "b"} {
		require.Equal(t, item, stage.Await(t, anna.begun))
		anna.goOn <- struct{}{}
		anna.out.Await(t, "finished")
	}
	require.NoError(t, enqueue(s, queue, "c")) // to a waiting worker; claims and results counted, too
	require.Equal(t, "c", stage.Await(t, anna.begun))
	anna.goOn <- struct{}{}
	anna.out.Await(t, "finished")
	require.Equal(t, "done-0000000000 A by anna\ndone-0000000001 B by anna\ndone-0000000006 C by anna\n", list(t, s))
}

func TestTheItemOfAKilledWorkerIsTakenByAnother(t *testing.T) {
	o := stage.Server(t)
	s := filled(t, o, "a")
	anna := play(t, stage.Mortal(o), "anna")
	require.Equal(t, "a", stage.Await(t, anna.begun))
	bert := play(t, o, "bert")
	anna.cable.Cut()
	require.Equal(t, "a", stage.Await(t, bert.begun))
	bert.goOn <- struct{}{}
	bert.out.Await(t, "bert finished")
	require.Equal(t, "done-0000000000 A by bert\n", list(t, s))
}

// Both work on the item, the paused one comes back last, and first: either way there is one result, the second worker's.
func TestAPausedWorkerCannotFinishWhatItHasLost(t *testing.T) {
	for _, late := range []bool{true, false} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			o := stage.Server(t)
			s := filled(t, o, "a")
			anna := play(t, stage.Mortal(o), "anna")
			require.Equal(t, "a", stage.Await(t, anna.begun))
			anna.cable.Hold(t)
			bert := play(t, o, "bert")
			require.Equal(t, "a", stage.Await(t, bert.begun))
			back := func() {
				anna.goOn <- struct{}{}
				anna.cable.LetGo()
				anna.out.Await(t, "throws its result away")
				require.ErrorIs(t, stage.Await(t, anna.result), session.ErrExpired)
			}
			if !late {
				back()
			}
			bert.goOn <- struct{}{}
			bert.out.Await(t, "bert finished")
			if late {
				back()
			}
			require.Equal(t, "done-0000000000 A by bert\n", list(t, s))
		})
	}
}

func TestManyWorkersFinishEachItemOnce(t *testing.T) {
	o := stage.Server(t)
	const items, workers = 60, 4
	var names []string
	for n := range items {
		names = append(names, fmt.Sprintf("item %02d", n))
	}
	s := filled(t, o, names...)
	var all []*player
	for n := range workers {
		p := play(t, o, fmt.Sprintf("worker%d", n))
		for range items {
			p.goOn <- struct{}{}
		}
		all = append(all, p)
	}
	for {
		children, _, change, err := s.ChildrenW(queue)
		require.NoError(t, err)
		done := 0
		for _, c := range children {
			if strings.HasPrefix(c, "done-") {
				done++
			}
		}
		if done == items && len(children) == items {
			break
		}
		stage.Await(t, change)
	}
	begun := map[string]int{}
	for _, p := range all {
		for len(p.begun) > 0 {
			begun[<-p.begun]++
		}
	}
	require.Len(t, begun, items)
	for item, n := range begun {
		require.Equal(t, 1, n, "%s was begun more than once though nobody died", item)
	}
}

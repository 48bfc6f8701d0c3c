package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/examples/internal/stage"
	"github.com/holdfast-ha/holdfast/examples/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type player struct {
	name   string
	out    *stage.Output
	cable  *stage.Cable
	done   chan time.Time
	result <-chan error
}

func play(t *testing.T, o session.Options, name string) *player {
	t.Helper()
	p := &player{name: name, out: stage.NewOutput(), cable: &stage.Cable{}, done: make(chan time.Time, 1)}
	o.Dial = p.cable.Dial
	p.result = stage.Go(t, func(ctx context.Context) error {
		return run(ctx, p.out, o, "/examples/lock", name, func() <-chan time.Time { return p.done })
	})
	return p
}

// inLine starts players so that each is in line before the next one comes. The first holds the lock. One of them is mortal, or
// nobody.
func inLine(t *testing.T, o session.Options, mortal string, names ...string) []*player {
	t.Helper()
	var all []*player
	for i, name := range names {
		his := o
		if name == mortal {
			his = stage.Mortal(o)
		}
		p := play(t, his, name)
		if i == 0 {
			p.out.Await(t, "holds the lock")
		} else {
			p.out.Await(t, "waits for")
		}
		all = append(all, p)
	}
	return all
}

func (p *player) holds() bool {
	return strings.Contains(strings.Join(p.out.Lines(), "\n"), "holds the lock")
}

func TestTheLockGoesRoundInTheOrderOfArrival(t *testing.T) {
	o := stage.Server(t)
	line := inLine(t, o, "", "anna", "bert", "cleo", "dora")
	for i, p := range line {
		if i > 0 {
			require.Len(t, waits(p), 1, "woken once only, when it was its turn")
		}
		for _, later := range line[i+1:] {
			require.False(t, later.holds())
		}
		p.done <- time.Time{}
		require.NoError(t, stage.Await(t, p.result))
		if i+1 < len(line) {
			line[i+1].out.Await(t, "holds the lock")
		}
	}
}

func waits(p *player) []string {
	var all []string
	for _, line := range p.out.Lines() {
		if strings.Contains(line, "waits for") {
			all = append(all, line)
		}
	}
	return all
}

func TestTheLockOfAKilledHolderGoesToTheNext(t *testing.T) {
	o := stage.Server(t)
	line := inLine(t, o, "anna", "anna", "bert", "cleo")
	line[0].cable.Cut()
	line[1].out.Await(t, "holds the lock")
	require.False(t, line[2].holds())
}

// The znode that cleo watches goes away, but anna still holds the lock: cleo must not take it.
func TestTheDeathOfAWaiterGivesNobodyTheLock(t *testing.T) {
	o := stage.Server(t)
	line := inLine(t, o, "bert", "anna", "bert", "cleo")
	line[1].cable.Cut()
	line[2].out.Await(t, "cleo is 0000000002 and waits for 0000000000")
	require.False(t, line[2].holds())
	line[0].done <- time.Time{}
	line[2].out.Await(t, "holds the lock")
}

func TestAHolderLearnsThatItsSessionIsOver(t *testing.T) {
	o := stage.Server(t)
	line := inLine(t, o, "anna", "anna", "bert")
	line[0].cable.Hold(t)
	line[1].out.Await(t, "holds the lock")
	line[0].cable.LetGo()
	require.ErrorIs(t, stage.Await(t, line[0].result), session.ErrExpired)
}

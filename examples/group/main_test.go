package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/examples/internal/stage"
	"github.com/holdfast-ha/holdfast/examples/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type player struct {
	out    *stage.Output
	cable  *stage.Cable
	leave  context.CancelFunc
	result <-chan error
}

func play(t *testing.T, o session.Options, name string) *player {
	t.Helper()
	p := &player{out: stage.NewOutput(), cable: &stage.Cable{}}
	o.Dial = p.cable.Dial
	started := make(chan struct{})
	p.result = stage.Go(t, func(ctx context.Context) error {
		ctx, p.leave = context.WithCancel(ctx)
		close(started)
		return run(ctx, p.out, o, "/examples/group", name)
	})
	<-started
	return p
}

func TestMembersComeAndGo(t *testing.T) {
	o := stage.Server(t)
	anna := play(t, o, "anna")
	anna.out.Await(t, "1 in the group: anna")
	bert := play(t, o, "bert")
	anna.out.Await(t, "2 in the group: anna, bert")
	bert.out.Await(t, "2 in the group: anna, bert")
	bert.leave()
	require.NoError(t, stage.Await(t, bert.result))
	anna.out.Await(t, "1 in the group: anna")
}

func TestAKilledMemberIsGoneAfterItsTimeout(t *testing.T) {
	o := stage.Server(t)
	anna, bert := play(t, o, "anna"), play(t, stage.Mortal(o), "bert")
	anna.out.Await(t, "2 in the group: anna, bert")
	bert.cable.Cut()
	anna.out.Await(t, "1 in the group: anna")
}

func TestAPausedMemberJoinsAgain(t *testing.T) {
	o := stage.Server(t)
	anna, bert := play(t, o, "anna"), play(t, stage.Mortal(o), "bert")
	anna.out.Await(t, "2 in the group: anna, bert")
	bert.cable.Hold(t)
	anna.out.Await(t, "1 in the group: anna")
	bert.cable.LetGo()
	bert.out.Await(t, "session expired")
	anna.out.Await(t, "2 in the group: anna, bert")
}

func TestARestartedMemberWaitsForItsOldSession(t *testing.T) {
	o := stage.Server(t)
	killed := play(t, stage.Mortal(o), "anna")
	killed.out.Await(t, "1 in the group: anna")
	killed.cable.Cut()
	again := play(t, o, "anna")
	again.out.Await(t, "waiting for its end")
	again.out.Await(t, "1 in the group: anna")
}

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

const path = "/examples/barrier/1"

type player struct {
	out    *stage.Output
	cable  *stage.Cable
	done   chan struct{}
	result <-chan error
}

func play(t *testing.T, o session.Options, name string) *player {
	t.Helper()
	p := &player{out: stage.NewOutput(), cable: &stage.Cable{}, done: make(chan struct{}, 1)}
	o.Dial = p.cable.Dial
	p.result = stage.Go(t, func(ctx context.Context) error {
		work := func() {
			select {
			case <-p.done:
			case <-ctx.Done():
			}
		}
		return (&process{name: name, out: p.out, barrier: path, size: 3, work: work}).run(ctx, o)
	})
	return p
}

func TestAllBeginAndEndTogether(t *testing.T) {
	o := stage.Server(t)
	anna, bert := play(t, o, "anna"), play(t, o, "bert")
	anna.out.Await(t, "anna is there")
	bert.out.Await(t, "bert is there")
	require.Len(t, anna.out.Lines(), 1, "two are not three")
	cleo := play(t, o, "cleo")
	for _, p := range []*player{anna, bert, cleo} {
		p.out.Await(t, "begins")
	}
	anna.done <- struct{}{}
	bert.done <- struct{}{}
	anna.out.Await(t, "waits for the others")
	bert.out.Await(t, "waits for the others")
	require.Empty(t, anna.result)
	cleo.done <- struct{}{}
	for _, p := range []*player{anna, bert, cleo} {
		p.out.Await(t, "all are done")
		require.NoError(t, stage.Await(t, p.result))
	}
}

func TestOneThatDiesOutsideIsReplaced(t *testing.T) {
	o := stage.Server(t)
	anna, bert := play(t, o, "anna"), play(t, stage.Mortal(o), "bert")
	anna.out.Await(t, "anna is there")
	bert.out.Await(t, "bert is there")
	bert.cable.Cut()
	s, _ := stage.Open(t, o)
	stage.Gone(t, s, path+"/bert")
	cleo := play(t, o, "cleo")
	cleo.out.Await(t, "cleo is there, 2 of 3")
	dora := play(t, o, "dora")
	for _, p := range []*player{anna, cleo, dora} {
		p.out.Await(t, "begins")
	}
}

func TestNobodyWaitsForTheDead(t *testing.T) {
	o := stage.Server(t)
	anna, bert, cleo := play(t, o, "anna"), play(t, stage.Mortal(o), "bert"), play(t, o, "cleo")
	for _, p := range []*player{anna, bert, cleo} {
		p.out.Await(t, "begins")
	}
	bert.cable.Cut()
	anna.done <- struct{}{}
	cleo.done <- struct{}{}
	anna.out.Await(t, "all are done")
	cleo.out.Await(t, "all are done")
}

func TestOneThatWasPausedOutsideSaysSo(t *testing.T) {
	o := stage.Server(t)
	anna := play(t, stage.Mortal(o), "anna")
	anna.out.Await(t, "anna is there")
	anna.cable.Hold(t)
	s, _ := stage.Open(t, o)
	stage.Gone(t, s, path+"/anna")
	anna.cable.LetGo()
	require.ErrorIs(t, stage.Await(t, anna.result), session.ErrExpired)
}

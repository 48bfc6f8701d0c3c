package main

import (
	"context"
	"net/http"
	"net/http/httptest"
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
	candidate
	out   *stage.Output
	cable *stage.Cable
	turn  chan time.Time
}

func play(t *testing.T, o session.Options, ledger, name string) *player {
	t.Helper()
	p := &player{out: stage.NewOutput(), cable: &stage.Cable{}, turn: make(chan time.Time)}
	p.candidate = candidate{name: name, out: p.out, ledger: ledger, turn: p.turn}
	o.Dial = p.cable.Dial
	stage.Go(t, func(ctx context.Context) error { return p.run(ctx, o, "/examples/election") })
	return p
}

func protected(t *testing.T) (url string, out *stage.Output) {
	t.Helper()
	out = stage.NewOutput()
	server := httptest.NewServer(&Ledger{Out: out})
	t.Cleanup(func() { server.Close(); http.DefaultClient.CloseIdleConnections() })
	return server.URL, out
}

// The paused master is cut off from ZooKeeper only: it does not know that its session is over, and its way to the ledger
// is open. This is the case that no lock can prevent.
func TestAPausedMasterIsRefusedByTheLedger(t *testing.T) {
	o := stage.Server(t)
	url, ledger := protected(t)
	anna := play(t, stage.Mortal(o), url, "anna")
	first := anna.out.Await(t, "anna is master with token")
	bert := play(t, o, url, "bert")
	bert.out.Await(t, "bert waits, 1 before it")

	anna.turn <- time.Time{}
	ledger.Await(t, "anna 1")
	anna.cable.Hold(t)
	second := bert.out.Await(t, "bert is master with token")
	bert.turn <- time.Time{}
	require.Contains(t, ledger.Await(t, "bert 1"), "accepted")

	anna.turn <- time.Time{}
	require.Contains(t, ledger.Await(t, "anna 2"), "REFUSED")
	anna.cable.LetGo()
	anna.out.Await(t, "the ledger has seen a later master")
	anna.out.Await(t, "anna waits, 1 before it")
	bert.turn <- time.Time{}
	require.Contains(t, ledger.Await(t, "bert 2"), "accepted")
	require.NotEqual(t, strings.Fields(first)[5], strings.Fields(second)[5])
}

func TestAKilledMasterIsReplaced(t *testing.T) {
	o := stage.Server(t)
	url, ledger := protected(t)
	anna := play(t, stage.Mortal(o), url, "anna")
	anna.out.Await(t, "is master")
	bert := play(t, o, url, "bert")
	bert.out.Await(t, "waits")
	anna.cable.Cut()
	bert.out.Await(t, "is master")
	bert.turn <- time.Time{}
	require.Contains(t, ledger.Await(t, "bert 1"), "accepted")
}

func TestTheLedgerWantsAToken(t *testing.T) {
	url, _ := protected(t)
	answer, err := http.Post(url, "text/plain", strings.NewReader("line"))
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
}

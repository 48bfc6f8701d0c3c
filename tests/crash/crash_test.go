// Package crash kills a real zkserver process (kill -9) at random points under load, starts it again on the same
// directory, and checks that each acknowledged write is there.
//
//	go test ./tests/crash                                    5 rounds, a few seconds
//	HOLDFAST_CRASH_ROUNDS=100 go test -v ./tests/crash       the long form (make crash)
//	HOLDFAST_CRASH_SEED=7 …                                  the same times of killing again
package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkserver"
)

// serverVar makes the test binary be a zkserver for the zoo.cfg it names.
const serverVar = "HOLDFAST_CRASH_SERVER"

func TestMain(m *testing.M) {
	if file := os.Getenv(serverVar); file != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		os.Exit(zkserver.Main(ctx, []string{"start-foreground", file}, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	goleak.VerifyTestMain(m)
}

func envInt(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	rounds := envInt(t, "HOLDFAST_CRASH_ROUNDS", 5)
	seed := envInt(t, "HOLDFAST_CRASH_SEED", int(time.Now().UnixNano()&0xffffff))
	t.Logf("%d rounds, HOLDFAST_CRASH_SEED=%d", rounds, seed)
	random := rand.New(rand.NewPCG(uint64(seed), 1))

	dir := t.TempDir()
	conf := filepath.Join(dir, "zoo.cfg")
	// Small numbers, so that the kills also hit snapshots being written and log files being begun.
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "clientPort=%d\nclientPortAddress=127.0.0.1\ndataDir=%s\ntickTime=1000\n"+
		"snapCount=2000\npreAllocSize=256\nmaxClientCnxns=0\n", freePort(t), filepath.ToSlash(filepath.Join(dir, "data"))), 0o600))

	srv := startServer(t, conf)
	ws := newWriters(4)
	for _, w := range ws {
		w.prepare(t, srv.addr)
	}
	var total int64
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, len(ws))
		for _, w := range ws {
			go func() { done <- w.run(ctx, srv.addr) }()
		}
		wait(time.Duration(5+random.IntN(120)) * time.Millisecond)
		srv.kill(t)
		cancel()
		for range ws {
			require.NoError(t, <-done, "round %d", round)
		}
		srv = startServer(t, conf)
		var acked int64
		for _, w := range ws {
			acked += w.verify(t, srv.addr, round)
		}
		total += acked
	}
	t.Logf("%d acknowledged writes found again", total)
	require.Positive(t, total, "the load wrote nothing: the test tests nothing")
	srv.stop(t)
}

// wait lets the load run: the moment of the kill is what the test is about.
func wait(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
}

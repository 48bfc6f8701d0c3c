package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/examples/internal/stage"
	"github.com/holdfast-ha/holdfast/examples/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/examples/config"

func watcher(t *testing.T, o session.Options) (*stage.Output, *stage.Cable) {
	t.Helper()
	out, cable := stage.NewOutput(), &stage.Cable{}
	o.Dial = cable.Dial
	stage.Go(t, func(ctx context.Context) error { return run(ctx, out, o, path, "") })
	return out, cable
}

func TestChangesArriveFromTheFirstOn(t *testing.T) {
	o := stage.Server(t)
	out, _ := watcher(t, o)
	out.Await(t, "no settings yet")
	require.NoError(t, run(stage.Context(t), nil, o, path, "timeout=10s"))
	out.Await(t, ": timeout=10s")
	require.NoError(t, run(stage.Context(t), nil, o, path, "timeout=30s"))
	out.Await(t, ": timeout=30s")
}

// However fast they come, the last change is seen, and none out of order.
func TestTheLastOfManyChangesIsSeen(t *testing.T) {
	o := stage.Server(t)
	s, _ := stage.Open(t, o)
	require.NoError(t, store(t.Context(), s, path, "n=0"))
	out, _ := watcher(t, o)
	out.Await(t, "n=0")
	const changes = 300
	for n := 1; n <= changes; n++ {
		require.NoError(t, store(t.Context(), s, path, fmt.Sprintf("n=%d", n)))
	}
	out.Await(t, fmt.Sprintf("n=%d", changes))
	before := -1
	for _, line := range out.Lines() {
		var version, n int
		_, err := fmt.Sscanf(line, "version %d: n=%d", &version, &n)
		require.NoError(t, err)
		require.Greater(t, n, before)
		before = n
	}
}

func TestAChangeDuringALostConnectionIsSeen(t *testing.T) {
	o := stage.Server(t)
	s, _ := stage.Open(t, o)
	require.NoError(t, store(t.Context(), s, path, "old"))
	out, cable := watcher(t, o)
	out.Await(t, "old")
	cable.Hold(t)
	cable.Drop()
	require.NoError(t, store(t.Context(), s, path, "new"))
	cable.LetGo()
	out.Await(t, "new")
	require.NotContains(t, out.Lines(), "session expired, connecting again")
}

func TestAChangeDuringAnExpiredSessionIsSeen(t *testing.T) {
	o := stage.Server(t)
	s, _ := stage.Open(t, o)
	require.NoError(t, store(t.Context(), s, path, "old"))
	require.NoError(t, s.MakePath(t.Context(), "/mark"))
	out, cable := watcher(t, stage.Mortal(o))
	out.Await(t, "old")

	// A session of the same timeout that falls silent later is gone: so is the watcher's.
	cable.Hold(t)
	mark, markCable := stage.Open(t, stage.Mortal(o))
	_, err := mark.Create("/mark/ephemeral", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	markCable.Cut()
	stage.Gone(t, s, "/mark/ephemeral")
	require.NoError(t, store(t.Context(), s, path, "new"))
	cable.LetGo()
	out.Await(t, "session expired")
	out.Await(t, "new")
}

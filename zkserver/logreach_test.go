package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// After a restart, too, a follower that lacks more than what is behind the newest snapshot gets it from the log.
func TestDiffFromBeforeTheSnapshotAfterARestart(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *config.Config) { c.SnapCount, c.CommitLogCount, c.PurgeInterval = 20, 5, 0 })
	e.startAll()
	w := e.write(2)
	w.more(50)
	gone := e.followers()[0]
	gone.kill()
	end := e.leader().zxid() // it has no more
	w.more(150)
	w.stop()
	for _, m := range e.members {
		if m != gone {
			m.stop()
			m.start()
		}
	}
	leader := e.leader()
	e.await("a look at the log", func() bool { return leader.logged("log before the snapshot", "") })
	newest := zab.Zxid(0)
	names, err := leader.fs.List(leader.snapDir())
	require.NoError(t, err)
	for _, name := range names {
		if z, ok := snapshot.ParseName(name); ok {
			newest = max(newest, z)
		}
	}
	require.Greater(t, newest, end, "there is a snapshot behind what the follower has")
	gone.start()
	e.startAll()
	gone.mustHaveLogged("zab: sync", "DIFF from the leader")
	e.same()
}

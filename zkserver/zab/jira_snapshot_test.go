package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// 3. A leader sends a snapshot with an entry that only its own disk has, and dies before a quorum has its history; the others
// go on without that entry. Who got the snapshot cannot truncate what is in it, and must not keep it (ZOOKEEPER-1549).
func TestZOOKEEPER1549SnapshotOfAFailedLeader(t *testing.T) {
	c := newCluster(t, 5, 0)
	c.noFloor = true
	c.cfg.KeepCommitted = -1
	c.startAll()
	c.elect()
	require.Equal(t, Sid(5), c.leader())
	require.NoError(t, c.propose(5, "first"))
	c.settle()
	c.crash(4, 0)
	require.NoError(t, c.propose(5, "committed"))
	c.settle()
	c.tail(5, "never")
	for _, id := range []Sid{1, 2, 3} {
		c.crash(id, 0)
	}
	for _, id := range []Sid{3, 4, 5} {
		c.restart(id)
	}
	for i := 0; i < 200 && c.servers[4].start == 0; i++ {
		for _, id := range []Sid{3, 4, 5} {
			c.tick(id)
		}
		for _, p := range [][2]Sid{{3, 4}, {4, 3}, {3, 5}, {4, 5}, {5, 4}, {5, 3}} {
			for range 4 {
				if p == [2]Sid{5, 3} && c.servers[5].node.Status().Phase >= Synchronization {
					continue // server 3 is slow
				}
				c.deliver(p[0], p[1], false)
			}
		}
	}
	require.Contains(t, data(c.servers[4].hist), "never", "server 4 was to get a snapshot of server 5")
	c.crash(4, 0)
	for c.deliver(5, 3, true) { // what was under way is lost
		continue
	}
	c.crash(5, 0)
	require.NotContains(t, data(c.servers[3].hist), "never")
	c.restart(1)
	c.restart(2)
	c.elect()
	require.NotEqual(t, quorum.None, c.leader())
	require.NoError(t, c.propose(c.leader(), "instead"))
	c.settle()
	c.allEqual()
	require.Equal(t, []string{"first", "committed", "instead"}, data(c.history)[:3])
}

package replica

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// fallenBack are three voters and an observer that has had to join the leader, because no follower had the port for observers.
// Now they have. The clients are the observer's.
func fallenBack(t *testing.T) (c *cluster, leader, o *server, clients []*client) {
	t.Helper()
	masters := false
	c = newCluster(t, 4, func(cfg *Config) {
		behindMasters(cfg)
		cfg.Zab.ObserverMaster = cfg.Zab.Observer || masters
		cfg.Zab.ReturnTicks = 100
	})
	leader, o = c.leader(), c.servers[4]
	clients = []*client{o.connect(), o.connect()}
	clients[0].do(zkproto.OpCreate, createBody("/q", "", 0))
	for i := range 500 { // asked in vain
		clients[i%2].do(zkproto.OpSetData, setBody("/q", fmt.Sprint(i)))
		c.tick(1)
	}
	require.Same(t, leader, o.master())
	masters = true
	for _, id := range c.order {
		if f := c.servers[id]; f != leader && f != o {
			c.crash(id)
			c.tick(1)
			f.start()
			c.tick(20)
		}
	}
	require.Same(t, leader, c.leader())
	require.Same(t, leader, o.master())
	return c, leader, o, clients
}

// An observer that had to join the leader moves to a follower when one can be reached again. Its clients go on writing and
// reading all the time, and notice nothing.
func TestObserverMovesBackToAFollower(t *testing.T) {
	c, leader, o, clients := fallenBack(t)
	changes := o.r.Node().Status().Changes
	n := 0
	for i := 0; o.master() == leader || o.r.Mode() != ModeReadWrite; i++ {
		require.Less(t, i, 1000, "it stays at the leader")
		for _, w := range clients {
			w.submit(zkproto.OpCreate, createBody(fmt.Sprintf("/q/%d", n), "", 0))
			w.submit(zkproto.OpSync, pathBody("/q"))
			n++
		}
		c.tick(1)
	}
	require.Equal(t, changes+1, o.r.Node().Status().Changes, "one change, and no election")
	c.tick(50)
	for _, w := range clients {
		require.NoError(t, w.closed)
		require.Zero(t, w.lost)
		require.Empty(t, w.sent)
		for i := 1; i < len(w.answers); i++ {
			require.Equal(t, w.answers[i-1].Xid+1, w.answers[i].Xid, "in their order, each once")
		}
	}
	require.Equal(t, n, o.tree.NumDescendants("/q"))
	late := o.connect()
	everyWrite(t, late, "/late")
	c.tick(1)
	c.same()
}

// What is on its way by the old link is answered before the observer moves; what comes meanwhile waits, and connections, too. If
// the follower is gone by then, they go on as before.
func TestObserverMovesOnlyWhenNothingIsUnderWay(t *testing.T) {
	for _, fails := range []bool{false, true} {
		c, leader, o, clients := fallenBack(t)
		w := clients[0]
		for i := 0; !o.r.node.CanMove(); i++ {
			require.Less(t, i, 1000)
			// A write is always under way: it is sent before anything else is delivered.
			o.r.Pass(c.now)
			w.submit(zkproto.OpSetData, setBody("/q", "x"))
			c.hold[zab.Inform] = true
			c.tick(1)
			if !o.r.node.CanMove() {
				c.hold[zab.Inform] = false
				c.settle()
			}
		}
		require.Same(t, leader, o.master())
		require.NotEmpty(t, w.sent)
		require.True(t, o.r.moving)
		held := clients[1].submit(zkproto.OpSetData, setBody("/q", "y"))
		late := o.dial(Connect{})
		c.settle()
		_, answered := clients[1].answer(held)
		require.False(t, answered)
		require.Nil(t, late.est)
		if fails {
			for _, id := range c.order {
				if f := c.servers[id]; f != leader && f != o && o.r.node.CanMove() {
					c.crash(id)
					c.settle()
				}
				if f := c.servers[id]; !f.up && o.r.node.CanMove() { // the other one
					f.start()
					c.tick(20)
				}
			}
			require.False(t, o.r.node.CanMove())
			require.False(t, o.r.moving)
		}
		c.hold[zab.Inform] = false
		c.settle()
		c.tick(3)
		if fails {
			require.Same(t, leader, o.master())
		} else {
			require.NotSame(t, leader, o.master())
		}
		for _, w := range clients {
			require.NoError(t, w.closed)
			require.Empty(t, w.sent)
		}
		require.NotNil(t, late.est)
		for _, f := range c.servers {
			if !f.up {
				f.start()
			}
		}
		c.leader()
		c.tick(1)
		c.same()
	}
}

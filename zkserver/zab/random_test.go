package zab

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// TestRandomFaults runs ensembles through losses, partitions, crashes with unsynced data gone, and restarts. The checks
// stand in cluster.check and hold after each step; at the end the ensemble must work again and all logs be equal.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(300) {
		voters := 3 + 2*int(seed%2)
		randomRun(t, seed, voters, 400)
	}
}

// TestRandomReconfigurations does the same while servers are added, removed, made observers and voters again.
func TestRandomReconfigurations(t *testing.T) {
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := newCluster(t, 3, int(seed%2))
		c.dynamic = true
		c.startAll()
		c.run(6)
		c.join(Sid(len(c.ids)+1), false)
		c.join(Sid(len(c.ids)+1), seed%3 == 0)
		randomSteps(t, c, rng, seed, 500)
	}
}

// change proposes a random reconfiguration. Two servers always keep their votes where the rules allow it.
func (c *cluster) change(rng *rand.Rand) {
	l := c.leader()
	if l == quorum.None {
		return
	}
	r := zkproto.ReconfigRequest{CurConfigID: -1}
	for range 1 + rng.IntN(2) {
		id := c.ids[rng.IntN(len(c.ids))]
		switch rng.IntN(3) {
		case 0:
			r.Joining += fmt.Sprintf("server.%d=h%d:1:2;3,", id, id)
		case 1:
			r.Joining += fmt.Sprintf("server.%d=h%d:1:2:observer;3,", id, id)
		default:
			r.Leaving += fmt.Sprintf("%d,", id)
		}
	}
	_ = c.reconfig(l, r)
}

func randomRun(t *testing.T, seed uint64, voters, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	c := newCluster(t, voters, int(seed%3)/2)
	c.startAll()
	c.run(6)
	randomSteps(t, c, rng, seed, steps)
}

func randomSteps(t *testing.T, c *cluster, rng *rand.Rand, seed uint64, steps int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	pick := func() Sid { return c.ids[rng.IntN(len(c.ids))] }
	for i := range steps {
		switch p := rng.IntN(100); {
		case p < 60:
			for range 1 + rng.IntN(6) {
				c.deliver(pick(), pick(), rng.IntN(200) == 0)
			}
		case p < 72:
			c.sync(pick())
		case p < 80:
			c.tick(pick())
		case p < 90:
			if l := c.leader(); l != quorum.None {
				_ = c.propose(l, fmt.Sprintf("%d.%d", seed, i))
			}
		case p < 91:
			c.powerCut(rng)
		case p < 94 && c.dynamic:
			c.change(rng)
		case p < 92:
			c.crash(pick(), rng.IntN(3))
		case p < 95:
			c.restart(pick())
		case p < 96:
			a, b := pick(), pick()
			c.cut[[2]Sid{a, b}] = true
			if rng.IntN(3) > 0 {
				c.cut[[2]Sid{b, a}] = true
			}
		case p < 97:
			clear(c.cut)
		default:
			clear(c.cut)
			c.run(1 + rng.IntN(4))
		}
	}
	clear(c.cut)
	for _, id := range c.ids {
		c.restart(id)
	}
	for range 40 {
		c.run(5)
		if c.leader() == quorum.None {
			continue
		}
		if c.propose(c.leader(), "last") == nil {
			c.settle()
			if c.allServe() {
				break
			}
		}
	}
	require.True(t, c.allServe(), "seed %d: the ensemble does not come back", seed)
	for _, id := range c.ids {
		require.Equal(t, c.history, c.servers[id].applied, "seed %d server %d", seed, id)
		require.Equal(t, c.history, c.servers[id].hist, "seed %d server %d: log", seed, id)
	}
}

func (c *cluster) allServe() bool {
	for _, id := range c.ids {
		if s := c.servers[id]; s.node == nil || !s.node.Status().Serving() || len(s.applied) != len(c.history) {
			return false
		}
	}
	return true
}

// powerCut is the hard case for an acknowledgement given too early: everything is delivered, one disk syncs and the others
// do not, then all but perhaps one lose their power, and those without the synced disk go on first.
func (c *cluster) powerCut(rng *rand.Rand) {
	synced := c.ids[rng.IntN(len(c.ids))]
	for range 4 + rng.IntN(6) {
		for _, from := range c.ids {
			for _, to := range c.ids {
				for n := len(c.queues[[2]Sid{from, to}]); n > 0; n-- {
					c.deliver(from, to, false)
				}
			}
		}
		c.sync(synced)
	}
	for _, id := range c.ids {
		c.crash(id, 0)
	}
	for _, id := range c.ids {
		if id != synced {
			c.restart(id)
		}
	}
	c.run(8)
	if l := c.leader(); l != quorum.None {
		_ = c.propose(l, fmt.Sprintf("after a power cut %d", rng.IntN(1000)))
	}
}

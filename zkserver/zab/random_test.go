package zab

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

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

func randomRun(t *testing.T, seed uint64, voters, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	c := newCluster(t, voters, int(seed%3)/2)
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	c.startAll()
	c.run(6)
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

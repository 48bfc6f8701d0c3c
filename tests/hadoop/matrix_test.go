//go:build hadoop && unix

package hadoop

import (
	"fmt"
	"testing"
)

// tour is everything that can happen to a pair: orderly failovers by either haadmin towards either controller, and each fault,
// every other one to nn2. The tour of the pair with the makers swapped does the rest.
func (p *pair) tour() {
	p.t.Helper()
	for _, by := range []maker{original, ours, ours, original} {
		p.failover(by)
	}
	for i, f := range faults {
		if p.active() != i%2 {
			p.failover(ours)
		}
		p.suffer(f)
	}
	p.judge()
}

// The original's zkfc beside nn1 and ours beside nn2, on zkserver: the faults that have to do with what the two tell each other,
// at either node.
func TestOriginalAndOurs(t *testing.T) {
	if matrix() {
		t.Log("part of the matrix")
		return
	}
	p := newPair(t, setting{zookeeper: ours, zkfc: [2]maker{original, ours}, keys: times()})
	for range 2 {
		p.suffer(fault{"kill -9 of the NameNode", (*pair).killNameNode})
	}
	for _, by := range []maker{original, ours, ours, original} {
		p.failover(by)
	}
	for range 2 {
		p.suffer(fault{"kill -9 of zkfc", (*pair).killZKFC})
	}
	p.judge()
}

// Ours beside both, on the original ZooKeeper: every fault once.
func TestOursOnZooKeeper(t *testing.T) {
	if matrix() {
		t.Log("part of the matrix")
		return
	}
	p := newPair(t, setting{zookeeper: original, zkfc: [2]maker{ours, ours}, keys: times()})
	for _, f := range faults {
		p.suffer(f)
	}
	p.failover(original)
	p.judge()
}

// Every pair on every coordination service with everything.
func TestMatrix(t *testing.T) {
	if !matrix() {
		t.Log("HOLDFAST_HADOOP=matrix runs it, and HOLDFAST_HADOOP=full")
		return
	}
	for _, zk := range []maker{original, ours} {
		for _, zkfc := range [][2]maker{{original, original}, {original, ours}, {ours, original}, {ours, ours}} {
			t.Run(fmt.Sprintf("zookeeper=%s/%s+%s", zk, zkfc[0], zkfc[1]), func(t *testing.T) {
				newPair(t, setting{zookeeper: zk, zkfc: zkfc, keys: times()}).tour()
			})
		}
	}
}

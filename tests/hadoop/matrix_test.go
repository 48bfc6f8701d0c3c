//go:build hadoop && unix

package hadoop

import (
	"testing"
)

// tour is everything that can happen to a pair: each fault to either node, and an orderly failover by either haadmin towards
// either controller.
func (p *pair) tour() {
	p.t.Helper()
	for range 2 {
		for _, by := range []maker{original, ours} {
			p.failover(by) // to nn2, and back
		}
		for _, f := range faults {
			p.suffer(f)
		}
		if p.active() == 0 { // the second round begins at the other node
			p.failover(ours)
		}
	}
	p.judge()
}

// The original's zkfc beside nn1 and ours beside nn2, on zkserver: every fault that has to do with what the two tell each other,
// at either node.
func TestOriginalAndOurs(t *testing.T) {
	if full() {
		t.Log("part of the matrix")
		return
	}
	p := newPair(t, setting{zookeeper: ours, zkfc: [2]maker{original, ours}, keys: quick()})
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
	if full() {
		t.Log("part of the matrix")
		return
	}
	p := newPair(t, setting{zookeeper: original, zkfc: [2]maker{ours, ours}, keys: quick()})
	for _, f := range faults {
		p.suffer(f)
	}
	p.failover(original)
	p.judge()
}

// Every pair on every coordination service with everything, at the default times.
func TestMatrix(t *testing.T) {
	if !full() {
		t.Log("HOLDFAST_HADOOP=full runs it")
		return
	}
	for _, zk := range []maker{original, ours} {
		for _, zkfc := range [][2]maker{{original, original}, {original, ours}, {ours, original}, {ours, ours}} {
			s := setting{zookeeper: zk, zkfc: zkfc}
			t.Run(s.String(), func(t *testing.T) { newPair(t, s).tour() })
		}
	}
}

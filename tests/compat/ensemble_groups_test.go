//go:build compat

package compat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Three groups, of three servers, of one and of one: two groups decide, so the two servers that are groups of their own can
// go on without the other three, and these three cannot do it without one of them.
func TestGroupsInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original has the greatest number": {golang, golang, java39, golang, java39},
		"one of ours has the greatest number": {golang, java39, golang, java39, golang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "group.1=1:2:3\ngroup.2=4\ngroup.3=5", makes...)
			e.start()
			w := e.write("w")
			w.goesOn(20)
			e.level()
			for _, m := range e.members[:3] {
				m.kill()
			}
			e.settle()
			w.goesOn(50)
			e.start(1, 2, 3)
			w.goesOn(20)
			e.level()
			e.member(4).kill()
			e.member(5).kill()
			for _, m := range e.members[:3] {
				e.await(func() string { return m.String() + " knows that three of five do not decide" }, func() bool { return m.mode() == "" })
			}
			e.start(4)
			w.goesOn(50)
			e.start(5)
			w.goesOn(20)
			w.end()
			w.check(e.same())
		})
	}
}

// The epoch of one of ours that leads is used up again and again: originals follow it from one to the next, and so do the
// clients of both (ZOOKEEPER-2789, ZOOKEEPER-1277).
func TestOriginalsFollowOursThroughTheEndsOfEpochs(t *testing.T) {
	t.Parallel()
	short := &serverMake{"oursshort", false, oursWithEpochsOf(400)}
	e := newEnsemble(t, "", java39, java39, short)
	e.start()
	w := e.write("w")
	w.goesOn(20)
	e.lead(short)
	epoch := func() (n uint32) {
		c := e.session(10*time.Second, e.up()...)
		defer c.Leave()
		e.await(func() string { return "a write" }, func() bool {
			stat, err := touch(t.Context(), c)
			n = stat.Mzxid.Epoch()
			return err == nil // an original's clients lose their connection at the end of an epoch
		})
		return n
	}
	before := epoch()
	w.longestPause()
	for range 5 {
		w.goesOn(200)
	}
	t.Logf("the longest pause was %v", w.longestPause())
	require.GreaterOrEqual(t, epoch(), before+2, "1000 writes, 400 in an epoch")
	w.end()
	w.check(e.same())
}

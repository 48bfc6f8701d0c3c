//go:build compat

package compat

import "testing"

// Three servers become five without reconfiguration, as sites do it: the new ones are started with five lines, then the others are
// restarted with them one after the other. Whoever leads meanwhile, with three lines or with five, of whichever make, can commit
// (ZOOKEEPER-3829).
func TestRollingRestartWithMoreMembersInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"two originals, one of ours, and one of each": {java39, golang, java39, golang, java39},
		"one original, two of ours, and one of each":  {golang, java39, golang, java39, golang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "", makes[:3]...)
			e.start()
			w := e.write("w")
			w.goesOn(30)
			e.add(makes[3], false)
			e.add(makes[4], false)
			order := []int{4, 5, 1, 2, 3}
			for i, id := range order {
				m := e.member(id)
				if m.running() {
					m.terminate()
				}
				e.configure(m, e.members)
				m.start()
				e.settle(order[i+1:]...) // an original with three lines follows nobody who does not stand in them
				w.goesOn(30)
			}
			e.level()
			e.leader().kill() // three of five that are left, and then just enough
			w.goesOn(30)
			e.leader().kill()
			w.goesOn(30)
			for _, m := range e.members {
				if !m.running() {
					m.start()
				}
			}
			e.settle()
			w.end()
			w.check(e.same())
		})
	}
}

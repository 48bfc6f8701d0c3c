//go:build compat

package compat

import "testing"

// What the other tests do, done with the originals alone: it shows that the tests themselves are right, and measures.
func TestEnsembleOfOriginals(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "", java39, java39, java39)
	e.start()
	w := e.write("w")
	w.goesOn(300)
	w.longestPause()
	for range 2 {
		leader := e.leader()
		w.goesOn(50)
		w.longestPause()
		leader.kill()
		w.goesOn(100)
		t.Logf("%s led and was killed: no write for %v", leader, w.longestPause())
		leader.start()
		e.settle()
	}
	w.end()
	w.check(e.same())
}

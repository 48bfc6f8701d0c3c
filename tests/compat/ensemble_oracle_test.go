//go:build compat

package compat

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two servers, one of each make, of which an oracle lets one go on alone (oraclePath): each of them in turn leads and loses
// the other, and loses its leader and takes over. Nobody goes on whom the oracle does not allow to.
func TestOracleInMixedEnsemble(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][]*serverMake{
		"an original has the greater number": {golang, java39}, "one of ours has the greater number": {java39, golang},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnsemble(t, "tickTime=500", makes...)
			for _, m := range e.members {
				m.own = "oraclePath=" + m.oracle()
				e.configure(m, e.members)
				m.allow(false)
			}
			e.start()
			w := e.write("w")
			for _, leads := range e.makesOf() {
				leader := e.lead2(leads)
				other := e.followers()[0]

				// The oracle is with the leader already when the other dies.
				leader.allow(true)
				w.goesOn(20)
				other.kill()
				w.goesOn(50)
				require.Equal(t, "leader", leader.modeNow())
				leader.allow(false)
				other.start()
				e.settle()
				w.goesOn(50)
				require.Equal(t, leader, e.leader(), "who comes back follows")

				// The oracle is asked only after the other has died.
				other.kill()
				e.await(func() string { return leader.String() + " does not go on alone" }, func() bool { return leader.mode() != "leader" })
				leader.allow(true)
				w.goesOn(50)
				leader.allow(false)
				other.start()
				e.settle()
				w.goesOn(50)

				// The follower takes over.
				leader = e.lead2(leads)
				leader.kill()
				e.await(func() string { return other.String() + " does not go on alone" }, func() bool { return other.mode() == "" })
				other.allow(true)
				w.goesOn(50)
				require.Equal(t, "leader", other.modeNow())
				other.allow(false)
				leader.start()
				e.settle()
				w.goesOn(50)
				require.Equal(t, other, e.leader(), "who comes back follows")
			}
			w.end()
			w.check(e.same())
		})
	}
}

// oracle is the file that tells the member whether it may go on alone.
func (m *member) oracle() string { return filepath.Join(m.dir, "oracle") }

func (m *member) allow(yes bool) {
	m.t.Helper()
	word := "0"
	if yes {
		word = "1"
	}
	tmp := m.oracle() + ".new"
	require.NoError(m.t, os.WriteFile(tmp, []byte(word), 0o644))
	require.NoError(m.t, os.Rename(tmp, m.oracle()))
}

// lead2 lets a server of this make lead two: the other is killed while the oracle is with this one.
func (e *ensemble) lead2(k *serverMake) *member {
	e.t.Helper()
	leader := e.leader()
	if leader.make == k {
		return leader
	}
	e.level()
	next := e.followers()[0]
	leader.kill()
	next.allow(true)
	e.settle()
	next.allow(false)
	leader.start()
	e.settle()
	return e.leader()
}

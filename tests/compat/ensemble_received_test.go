//go:build compat

package compat

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What one of ours has made a file of, as it came from its leader, is a data directory for an original: the snapshot is all
// that is there.
func TestOriginalStartsOnASnapshotThatCameFromALeader(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, "commitLogCount=5\nsnapshotSizeFactor=-1", golang, golang, java39) // a leader of the original sends snapshots
	e.start()
	w := e.write("w")
	w.goesOn(100)
	w.end()
	leader, m := e.lead(java39), e.member(1)
	m.kill()
	require.NoError(t, os.RemoveAll(filepath.Join(m.dir, "data", "version-2")))
	before := len(leader.logText())
	m.start()
	e.settle()
	require.Equal(t, leader, e.leader())
	require.Equal(t, "SNAP", joined(leader, m, before))
	e.swap(m, java39)
	w.check(e.same())
}

package snapshot

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// family is a tree of several batches and several pieces: 60 znodes with 60 children each, in pre-order or by level.
func family(byLevel bool) *state {
	s := &state{sessions: map[zkproto.SessionID]int32{7: 4000}, nodes: []znode{{acl: openACL}}}
	var late []znode
	for i := range 60 {
		path := fmt.Sprintf("/parent-%d", i)
		s.nodes = append(s.nodes, znode{path: path, acl: openACL, data: make([]byte, 5000)})
		for k := range 60 {
			n := znode{path: fmt.Sprintf("%s/child-%d", path, k), acl: openACL, data: []byte{byte(k)}, st: zkproto.StatPersisted{Czxid: 9, EphemeralOwner: 7}}
			if byLevel {
				late = append(late, n)
			} else {
				s.nodes = append(s.nodes, n)
			}
		}
	}
	s.nodes = append(s.nodes, late...)
	return s
}

// plainly hides that a loader takes batches.
type plainly struct{ Loader[*tree.Tree] }

func TestBatchesMakeTheSameTree(t *testing.T) {
	for _, byLevel := range []bool{false, true} {
		m := newMem(t)
		want := family(byLevel)
		_, err := Write(m, dir, 9, want)
		require.NoError(t, err)
		one, err := Load(m, dir, dir, func() Loader[*tree.Tree] { return plainly{tree.NewLoader()} })
		require.NoError(t, err)
		many, err := Load(m, dir, dir, newTree)
		require.NoError(t, err)
		require.Empty(t, many.Skipped)
		require.Equal(t, len(want.nodes)+1, many.State.NodeCount()) // the root has two names
		require.Equal(t, treeContent(one.State), treeContent(many.State))
		require.Equal(t, one.State.Digest(), many.State.Digest())
		require.Equal(t, one.State.DataSize(), many.State.DataSize())
		require.Len(t, many.State.Ephemerals(7), 3600)
		_, err = Write(m, dir, 10, treeSource{many.State.Walk(), many.State, want.sessions})
		require.NoError(t, err)
		again, err := Load(m, dir, dir, newTree)
		require.NoError(t, err)
		require.Equal(t, many.State.Digest(), again.State.Digest())
	}
}

func TestBrokenTreeIsRefusedWhereverItBreaks(t *testing.T) {
	cases := map[string]struct {
		change func(s *state)
		want   string
	}{
		"twice, far apart": {func(s *state) { s.nodes = append(s.nodes, s.nodes[5]) }, "twice"},
		"twice at the end": {func(s *state) { s.nodes = append(s.nodes, s.nodes[len(s.nodes)-1]) }, "twice"},
		"orphan in front":  {func(s *state) { s.nodes = slices.Insert(s.nodes, 3, znode{path: "/nobody/x"}) }, "not its parent"},
		"orphan far on":    {func(s *state) { s.nodes[3000].path = "/nobody/x" }, "not its parent"},
		"orphan last":      {func(s *state) { s.nodes = append(s.nodes, znode{path: "/nobody/x"}) }, "not its parent"},
		"no slash":         {func(s *state) { s.nodes[2000].path = "x" }, "does not begin with a slash"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMem(t)
			s := family(false)
			c.change(s)
			_, err := Write(m, dir, 9, s)
			require.NoError(t, err)
			_, err = Load(m, dir, dir, newTree)
			var missing *MissingError
			require.ErrorAs(t, err, &missing)
			require.ErrorContains(t, missing.Skipped[0].Err, c.want)
		})
	}
}

func TestReadErrorInTheMiddle(t *testing.T) {
	m := newMem(t)
	_, err := Write(m, dir, 9, family(false))
	require.NoError(t, err)
	boom := errors.New("boom")
	reads := 0
	fs := vfs.Inject(m, func(c vfs.Call) error {
		if c.Op == vfs.OpRead {
			if reads++; reads == 2 {
				return boom
			}
		}
		return nil
	})
	_, err = Load(fs, dir, dir, newTree)
	var missing *MissingError
	require.ErrorAs(t, err, &missing)
	require.ErrorIs(t, missing.Skipped[0].Err, boom)
}

func TestCollectorIsBackAfterAllHaveLoaded(t *testing.T) {
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	one, two := WithoutGC(), WithoutGC()
	one()
	one()
	require.Equal(t, -1, debug.SetGCPercent(-1))
	two()
	require.Equal(t, 123, debug.SetGCPercent(123))
}

func TestAPercentageSetWhileTheyLoadStays(t *testing.T) {
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	collect := WithoutGC()
	debug.SetGCPercent(45)
	collect()
	require.Equal(t, 45, debug.SetGCPercent(123))
}

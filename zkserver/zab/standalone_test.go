package zab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

func majority(t testing.TB, voters ...Sid) quorum.Verifier {
	t.Helper()
	v, err := quorum.NewMajority(voters...)
	require.NoError(t, err)
	return v
}

func standalone(t testing.TB, last Zxid) *Node {
	t.Helper()
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), Standalone: true, LastZxid: last})
	require.NoError(t, err)
	return n
}

func TestStandaloneLeadsWithoutTick(t *testing.T) {
	n := standalone(t, 0)
	require.True(t, n.HasReady())
	r := n.Ready()
	require.True(t, r.StatusChanged)
	require.Equal(t, Leading, r.Status.Role)
	require.True(t, r.Status.Serving())
	require.False(t, r.SaveAccepted || r.SaveCurrent, "a standalone server writes no epoch files")
	require.Equal(t, Zxid(1), n.NextZxid(), "a new data directory starts at 0x1")
	require.False(t, n.HasReady())
}

func TestStandaloneCommitsOnPersistedAlone(t *testing.T) {
	n := standalone(t, zkproto.MakeZxid(3, 7))
	n.Ready()
	for i := range 3 {
		require.Equal(t, zkproto.MakeZxid(3, uint32(8+i)), n.NextZxid(), "the epoch of the last zxid is kept")
		require.NoError(t, n.Propose(Entry{Zxid: n.NextZxid(), Data: []byte{byte(i)}}))
	}
	r := n.Ready()
	require.Len(t, r.Entries, 3)
	require.Empty(t, r.Committed)
	n.Persisted(zkproto.MakeZxid(3, 9))
	r = n.Ready()
	require.Equal(t, zkproto.MakeZxid(3, 9), r.CommittedTo)
	require.Len(t, r.Committed, 2)
	n.Persisted(zkproto.MakeZxid(3, 10))
	require.Equal(t, zkproto.MakeZxid(3, 10), n.Ready().CommittedTo)
	require.False(t, n.HasReady())
}

func TestStandaloneBeginsItsNextEpochItself(t *testing.T) {
	n := standalone(t, zkproto.MakeZxid(3, maxCounter))
	n.Ready()
	require.Equal(t, zkproto.MakeZxid(4, 1), n.NextZxid())
	require.NoError(t, n.Propose(Entry{Zxid: n.NextZxid()}))
	r := n.Ready()
	require.Equal(t, uint32(4), r.Status.Epoch)
	n.Persisted(zkproto.MakeZxid(4, 1))
	require.Equal(t, zkproto.MakeZxid(4, 1), n.Ready().CommittedTo)

	n = standalone(t, zkproto.MakeZxid(maxEpoch, maxCounter))
	require.ErrorIs(t, n.Propose(Entry{Zxid: 1}), ErrEpochExhausted)
}

func TestProposeRefusesWrongZxid(t *testing.T) {
	n := standalone(t, 5)
	require.ErrorIs(t, n.Propose(Entry{Zxid: 5}), ErrOutOfOrder)
	require.ErrorIs(t, n.Propose(Entry{Zxid: 7}), ErrOutOfOrder)
}

func TestQuorumOfOneStartsANewEpochAtOnce(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1), AcceptedEpoch: 4, CurrentEpoch: 4, LastZxid: zkproto.MakeZxid(4, 2)})
	require.NoError(t, err)
	r := n.Ready()
	require.Equal(t, HardState{AcceptedEpoch: 5, CurrentEpoch: 5}, r.HardState)
	require.True(t, r.SaveAccepted && r.SaveCurrent)
	require.True(t, r.Status.Serving())
	require.Equal(t, zkproto.MakeZxid(5, 1), n.NextZxid())
	n.StepDown("a new epoch, please")
	r = n.Ready()
	require.Equal(t, uint64(1), r.Status.Changes)
	require.True(t, r.StatusChanged)
	require.Equal(t, zkproto.MakeZxid(6, 1), n.NextZxid())
}

func TestProposeRefusesWhenTheEpochIsExhausted(t *testing.T) {
	n, err := New(Config{ID: 1, Quorum: majority(t, 1)})
	require.NoError(t, err)
	n.lead.lastProposed = zkproto.MakeZxid(1, maxCounter-1)
	require.NoError(t, n.Propose(Entry{Zxid: zkproto.MakeZxid(1, maxCounter)}))
	require.ErrorIs(t, n.Propose(Entry{Zxid: zkproto.MakeZxid(1, 0xffffffff)}), ErrEpochExhausted)
	n.StepDown("counter used up")
	require.Zero(t, n.NextZxid(), "not before the old history is on disk")
	n.Persisted(n.LastZxid())
	require.Equal(t, zkproto.MakeZxid(2, 1), n.NextZxid())
}

func TestConfigIsChecked(t *testing.T) {
	three := majority(t, 1, 2, 3)
	for name, c := range map[string]Config{
		"no verifier":            {ID: 1},
		"negative id":            {ID: -1, Quorum: three},
		"not a voter":            {ID: 9, Quorum: three},
		"observer with a vote":   {ID: 1, Quorum: three, Observer: true},
		"standalone with others": {ID: 1, Quorum: three, Standalone: true},
		"epochs reversed":        {ID: 1, Quorum: three, AcceptedEpoch: 1, CurrentEpoch: 2},
		"epochs behind the log":  {ID: 1, Quorum: three, AcceptedEpoch: 1, LastZxid: zkproto.MakeZxid(2, 1)},
		"negative zxid":          {ID: 1, Quorum: three, LastZxid: -5},
		"negative ticks":         {ID: 1, Quorum: three, SyncTicks: -1},
		"intervals reversed":     {ID: 1, Quorum: three, NotifyMinTicks: 30, NotifyMaxTicks: 20},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c)
			require.Error(t, err)
		})
	}
}

func BenchmarkStandaloneProposeCommit(b *testing.B) {
	n := standalone(b, 0)
	n.Ready()
	data := make([]byte, 1024)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		z := n.NextZxid()
		if err := n.Propose(Entry{Zxid: z, Data: data}); err != nil {
			b.Fatal(err)
		}
		if i++; i%64 == 0 {
			n.Ready()
			n.Persisted(z)
			n.Ready()
		}
	}
}

func TestProposingAllocatesNothing(t *testing.T) {
	n := standalone(t, 0)
	n.Ready()
	data := make([]byte, 16)
	step := func() {
		for range 64 {
			_ = n.Propose(Entry{Zxid: n.NextZxid(), Data: data})
		}
		n.Ready()
		n.Persisted(n.LastZxid())
		n.Ready()
	}
	for range 4 {
		step() // the buffers grow to their size
	}
	require.Zero(t, testing.AllocsPerRun(100, step))
}

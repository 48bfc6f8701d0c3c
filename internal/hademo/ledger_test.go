package hademo

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/nnstub/journal"
)

func TestLedgerFindsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, zap.NewNop())
	require.NoError(t, err)
	w, err := j.Begin("nn1", func(journal.Edit) {})
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.Append([]journal.Edit{
		{Epoch: w.Epoch(), Txid: 1, Path: "/a", Data: []byte("a")},
		{Epoch: w.Epoch(), Txid: 2, Path: "/b", Data: []byte("b")},
	}))

	l, err := openLedger(dir)
	require.NoError(t, err)
	all := func(string) bool { return true }
	good := []ack{{path: "/a", epoch: w.Epoch(), txid: 1}, {path: "/b", epoch: w.Epoch(), txid: 2}}
	lost, err := l.missing(good, all)
	require.NoError(t, err)
	require.Zero(t, lost)

	lost, err = l.missing(append(good, ack{path: "/c", epoch: w.Epoch(), txid: 3}), all)
	require.NoError(t, err)
	require.Equal(t, 1, lost, "never written")

	lost, err = l.missing([]ack{{path: "/a", epoch: w.Epoch() + 1, txid: 1}}, all)
	require.NoError(t, err)
	require.Equal(t, 1, lost, "acknowledged in another epoch than it was written in")

	lost, err = l.missing(good, func(path string) bool { return path != "/b" })
	require.NoError(t, err)
	require.Equal(t, 1, lost, "in the journal but not in the namespace")
}

package zkbench

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProcessIsSampled(t *testing.T) {
	before, rss, err := sampleProcess(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, rss)
	own, ok := ownCPU()
	require.True(t, ok)
	require.InDelta(t, own, before, 0.5)
	_, _, err = sampleProcess(1 << 30)
	require.ErrorContains(t, err, "process 1073741824")
}

package zkserver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 16 << 20: 400, 32 << 20: 200, 128 << 20: 50, 160 << 20: 40, 1 << 30: 39, 8 << 30: 39} {
		require.InDelta(t, want, gcPercent(live), 1, live)
	}
}

package peer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A buffer that is used again and again stays; an idle link gives it up.
func TestLargeBufferStaysWhileItIsUsed(t *testing.T) {
	g := gather{}
	batch := func(size int) {
		g.buf = append(g.buf[:0], make([]byte, size)...)
		g.most = size // as flush notes it
		g.shrink()
	}
	for range 2 * calmBatches {
		batch(2 * keepBuffer)
		for range calmBatches - 1 {
			batch(100)
			require.Greater(t, cap(g.buf), keepBuffer)
		}
	}
	batch(100)
	require.LessOrEqual(t, cap(g.buf), keepBuffer)
}

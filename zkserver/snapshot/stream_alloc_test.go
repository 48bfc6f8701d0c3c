//go:build !race

package snapshot

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// A million znodes come to a server beside one that has clients: they must leave nothing behind for the collector. (With the race detector pools forget at random.)
func TestReceivedStreamAllocatesNothingForAZnode(t *testing.T) {
	stream := streamed(t, example(4000))
	in := bytes.NewReader(nil)
	r := bufio.NewReader(in)
	allocs := testing.AllocsPerRun(3, func() {
		in.Reset(stream)
		r.Reset(in)
		_, err := received(t, newMem(t), r, 9, discard{})
		require.NoError(t, err)
	})
	require.Less(t, allocs, 400.0)
}

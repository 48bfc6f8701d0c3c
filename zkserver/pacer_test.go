package zkserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

func TestPiecesAreSmallBesideWritesOnAQuickDisk(t *testing.T) {
	require.Equal(t, quickPiece, nextPiece(quickDisk-1, true))
	require.Equal(t, besideWrites, nextPiece(quickDisk, true))
	require.Equal(t, besideWrites, nextPiece(slowDisk-1, true))
	require.Equal(t, snapshot.Piece, nextPiece(time.Millisecond, false), "nobody waits")
	require.Equal(t, snapshot.Piece, nextPiece(slowDisk, true), "the snapshot must end")
	require.Less(t, besideWrites, snapshot.Piece)
	require.Less(t, quickPiece, besideWrites)
}

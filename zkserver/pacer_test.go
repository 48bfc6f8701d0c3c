package zkserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
)

func TestPiecesAreSmallBesideWritesOnAQuickDisk(t *testing.T) {
	require.Equal(t, besideWrites, nextPiece(time.Millisecond, true))
	require.Equal(t, snapshot.Piece, nextPiece(time.Millisecond, false), "nobody waits")
	require.Equal(t, snapshot.Piece, nextPiece(slowDisk, true), "the snapshot must end")
	require.Less(t, besideWrites, snapshot.Piece)
}

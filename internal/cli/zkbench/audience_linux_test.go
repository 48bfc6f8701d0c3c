package zkbench

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestAnAudienceHearsFramesInPieces(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	server := os.NewFile(uintptr(pair[0]), "server")
	defer server.Close()
	a, err := emptyAudience()
	require.NoError(t, err)
	defer a.close()
	require.NoError(t, a.add(os.NewFile(uintptr(pair[1]), "client")))

	event := zkproto.ReplyHeader{Xid: zkproto.XidNotification}.AppendTo([]byte{0, 0, 0, zkproto.ReplyHeaderSize})
	for i := range event {
		_, err := server.Write(event[i : i+1])
		require.NoError(t, err)
		frames, err := a.read(0, zkproto.XidNotification)
		require.NoError(t, err)
		require.Equal(t, i == len(event)-1, frames == 1)
	}
	frames, err := a.read(0, zkproto.XidNotification)
	require.NoError(t, err, "nothing has come")
	require.Zero(t, frames)

	_, err = server.Write(append(event, event...))
	require.NoError(t, err)
	require.ErrorContains(t, a.hear(zkproto.XidNotification, "the event"), "more than one frame")
	_, err = server.Write(event)
	require.NoError(t, err)
	require.Error(t, a.hear(1, "its answer"), "another xid")
	require.NoError(t, server.Close())
	require.ErrorContains(t, a.hear(1, "its answer"), "session 1 of 1 has not got its answer: EOF")
}

package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestTrackedSessionsActButAreNotInASnapshot(t *testing.T) {
	s := New(1000, 0)
	s.Add(1, 4000, 0)
	s.Track(2, 4000, 0)
	s.Track(3, 4000, 0)
	s.Track(1, 4000, 0) // an upgrade of what is there already
	require.Equal(t, zkproto.ErrOK, s.Check(2, 7))
	require.Equal(t, map[zkproto.SessionID]int32{1: 4000}, s.Timeouts())
	require.False(t, s.Add(3, 5000, 0))
	require.Equal(t, map[zkproto.SessionID]int32{1: 4000, 3: 5000}, s.Timeouts())
}

func TestResetTakesBackWhatWasNotCommitted(t *testing.T) {
	s := New(1000, 0)
	s.Add(1, 4000, 0)
	s.Track(2, 4000, 0)
	require.Equal(t, zkproto.ErrOK, s.SetOwner(1, 7))
	s.SetClosing(1)
	s.Reset(100_000)
	require.Equal(t, 1, s.Len())
	require.Equal(t, zkproto.ErrOK, s.Check(1, 8), "nobody owned it, and it is not closing")
	require.Empty(t, s.Expired(104_000), "the whole timeout, from now")
	require.Equal(t, []zkproto.SessionID{1}, s.Expired(105_000))
	s.Restart(200_000)
	require.Empty(t, s.Expired(900_000), "closing ones do not expire again")
}

func TestDueAsksBeforeItExpires(t *testing.T) {
	s := New(1000, 0)
	for id := range zkproto.SessionID(4) {
		s.Add(id, 4000, 0)
	}
	var asked []zkproto.SessionID
	expiry := func(id zkproto.SessionID) int64 {
		asked = append(asked, id)
		return map[zkproto.SessionID]int64{1: 5000, 2: 4999, 3: 60_000}[id]
	}
	require.Empty(t, s.Due(4999, expiry))
	require.Empty(t, asked, "nobody is asked before the time")
	require.Equal(t, []zkproto.SessionID{0, 2}, s.Due(5000, expiry))
	require.Len(t, asked, 4)
	require.Equal(t, []zkproto.SessionID{1}, s.Due(6000, func(zkproto.SessionID) int64 { return 0 }))
	require.Equal(t, []zkproto.SessionID{3}, s.Due(61_000, nil))
	require.Empty(t, s.Due(100_000, nil))
}

package session

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

func TestBucketsRoundUpToTick(t *testing.T) {
	for _, c := range []struct{ now, timeout, expires int64 }{
		{0, 4000, 6000},         // exactly on a boundary goes to the next one
		{1, 4000, 6000},         //
		{12300, 4000, 18000},    //
		{1999, 4000, 6000},      //
		{2000, 4000, 8000},      //
		{2000, 1, 4000},         // never less than one tick
		{100000, 40000, 142000}, //
	} {
		s := New(2000, c.now)
		require.True(t, s.Add(1, int32(c.timeout), c.now))
		require.Empty(t, s.Expired(c.expires-1), "%+v", c)
		require.Equal(t, []zkproto.SessionID{1}, s.Expired(c.expires), "%+v", c)
		require.True(t, s.Closing(1))
		require.Empty(t, s.Expired(c.expires+100000), "a session expires once")
	}
}

func TestExpiredSortedAndAfterAPause(t *testing.T) {
	s := New(1000, 0)
	for _, id := range []zkproto.SessionID{9, 3, 7} {
		s.Add(id, 1500, 0) // bucket 2000
	}
	s.Add(1, 5000, 0) // bucket 6000
	s.Add(2, 90000, 0)
	require.Equal(t, int64(1000), s.NextExpiry())
	require.Equal(t, []zkproto.SessionID{3, 7, 9, 1}, s.Expired(50000))
	require.Equal(t, int64(51000), s.NextExpiry())
	require.Equal(t, 5, s.Len())
	s.Remove(3)
	require.Equal(t, 4, s.Len())
	s.Remove(3)
}

func TestExpiryInThePastIsDueNext(t *testing.T) {
	s := New(100, 5000)
	s.Add(1, 200, 0)
	s.Add(2, 60000, 5000)
	require.True(t, s.Touch(2, 300, 1000))
	require.Equal(t, []zkproto.SessionID{1, 2}, s.Expired(s.NextExpiry()))
}

func TestTouch(t *testing.T) {
	s := New(1000, 0)
	require.False(t, s.Touch(1, 1000, 0), "unknown")
	require.True(t, s.Add(1, 1000, 0))
	require.True(t, s.Touch(1, 1000, 900))
	require.True(t, s.Touch(1, 1000, 1900)) // bucket 3000
	require.Empty(t, s.Expired(2999))
	require.False(t, s.Add(1, 1000, 2500), "tracked already, but touched")
	require.Empty(t, s.Expired(3999))
	require.Equal(t, []zkproto.SessionID{1}, s.Expired(4000))
	require.False(t, s.Touch(1, 1000, 4000), "closing")
	require.Empty(t, s.Expired(100000))
}

func TestCheckAndOwner(t *testing.T) {
	s := New(1000, 0)
	require.Equal(t, zkproto.ErrUnknownSession, s.Check(1, 5))
	require.Equal(t, zkproto.ErrSessionExpired, s.SetOwner(1, 5))
	s.Add(1, 1000, 0)
	require.Equal(t, zkproto.ErrOK, s.Check(1, 5), "the first to ask owns it")
	require.Equal(t, zkproto.ErrSessionMoved, s.Check(1, 6))
	require.Equal(t, zkproto.ErrOK, s.SetOwner(1, 6))
	require.Equal(t, zkproto.ErrOK, s.Check(1, 6))
	require.Equal(t, zkproto.ErrSessionMoved, s.Check(1, 5))
	s.SetClosing(1)
	s.SetClosing(2)
	require.Equal(t, zkproto.ErrSessionExpired, s.Check(1, 6))
	require.Equal(t, zkproto.ErrSessionExpired, s.SetOwner(1, 6))
	s.Remove(1)
	require.Equal(t, zkproto.ErrUnknownSession, s.Check(1, 6))
}

func TestTimeouts(t *testing.T) {
	s := New(1000, 0)
	s.Add(1, 4000, 0)
	s.Add(2, 9000, 0)
	require.Equal(t, map[zkproto.SessionID]int32{1: 4000, 2: 9000}, s.Timeouts())
	ms, ok := s.Timeout(2)
	require.True(t, ok)
	require.Equal(t, int32(9000), ms)
	_, ok = s.Timeout(3)
	require.False(t, ok)
}

// TestExpiryAgainstModel compares with a list of deadlines.
func TestExpiryAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tick := int64(rapid.IntRange(1, 50).Draw(t, "tick"))
		now := int64(rapid.IntRange(0, 1000).Draw(t, "start"))
		s := New(int32(tick), now)
		due := map[zkproto.SessionID]int64{}
		t.Repeat(map[string]func(*rapid.T){
			"touch": func(t *rapid.T) {
				id := zkproto.SessionID(rapid.IntRange(1, 5).Draw(t, "id"))
				timeout := int64(rapid.IntRange(0, 200).Draw(t, "timeout"))
				if _, ok := due[id]; ok || s.Add(id, int32(timeout), now) {
					if s.Touch(id, int32(timeout), now) {
						due[id] = ((now+timeout)/tick + 1) * tick
					}
				}
			},
			"remove": func(t *rapid.T) {
				id := zkproto.SessionID(rapid.IntRange(1, 5).Draw(t, "id"))
				s.Remove(id)
				delete(due, id)
			},
			"pass": func(t *rapid.T) {
				now += int64(rapid.IntRange(0, 300).Draw(t, "ms"))
				for _, id := range s.Expired(now) {
					at, ok := due[id]
					if !ok || at > now {
						t.Fatalf("%v expired at %d, due %d", id, now, at)
					}
					s.Remove(id)
					delete(due, id)
				}
				for id, at := range due {
					if at <= now {
						t.Fatalf("%v due at %d is alive at %d", id, at, now)
					}
				}
			},
		})
	})
}

func TestPassword(t *testing.T) {
	// java.util.Random seeded with 0 gives these ints: -1155484576, -723955400, 1033096058, -1690734402
	p := Password(superSecret)
	require.Equal(t, "60b420bb3851d9d47acb933dbe70399b", hex.EncodeToString(p[:]))

	require.True(t, CheckPassword(superSecret, p[:]))
	require.False(t, CheckPassword(superSecret+1, p[:]))
	require.False(t, CheckPassword(superSecret, p[:15]))
	require.False(t, CheckPassword(superSecret, nil))
	zero := Password(0)
	require.False(t, CheckPassword(0, zero[:]), "session 0 is none")
	negative := Password(-5)
	require.True(t, CheckPassword(-5, negative[:]))
}

func TestFirstID(t *testing.T) {
	require.Equal(t, zkproto.SessionID(0x01_0000001234_0000), FirstID(1, 0x1234))
	require.Equal(t, zkproto.SessionID(0x03_ffffffffff_0000), FirstID(3, -1))
	require.Equal(t, zkproto.SessionID(math.MinInt64+1), FirstID(128, 0), "not the mark of a container")
}

func TestNegotiate(t *testing.T) {
	require.Equal(t, int32(4000), Negotiate(1, 4000, 40000))
	require.Equal(t, int32(40000), Negotiate(1<<30, 4000, 40000))
	require.Equal(t, int32(5000), Negotiate(5000, 4000, 40000))
	require.Equal(t, int32(4000), Negotiate(-1, 4000, 40000))
}

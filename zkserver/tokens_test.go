package zkserver

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestTokenBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	cfg := config.Default().Tokens
	var b tokens
	b.configure(&cfg, now)
	for range 1000 {
		require.True(t, b.take(wantGlobal, now), "off by default")
	}
	cfg.Max, cfg.FillTime, cfg.FillCount = 3, 10*time.Millisecond, 2
	b.configure(&cfg, now)
	taken := func(n int) int {
		got := 0
		for range n {
			if b.take(wantGlobal, now) {
				got++
			}
		}
		return got
	}
	require.Equal(t, 3, taken(10))
	now = now.Add(4 * time.Millisecond)
	require.Equal(t, 0, taken(10), "eight tenths of a token")
	now = now.Add(time.Millisecond)
	require.Equal(t, 1, taken(10), "what came between is not lost")
	now = now.Add(time.Hour)
	require.Equal(t, 3, taken(10), "never more than the bucket holds")

	// Settings and times that overflow in the original (ZOOKEEPER-4933).
	cfg.Max, cfg.FillTime, cfg.FillCount = math.MaxInt32, time.Millisecond, math.MaxInt32
	b.configure(&cfg, now)
	require.True(t, b.take(wantGlobal, now.Add(100*365*24*time.Hour)))
	require.True(t, b.take(wantGlobal, now), "a clock that goes back")

	// A larger bucket owes what was taken from the smaller one.
	cfg.Max, cfg.FillTime, cfg.FillCount = 3, time.Hour, 1
	b = tokens{}
	b.configure(&cfg, now)
	require.Equal(t, 2, taken(2))
	cfg.Max = 5
	b.configure(&cfg, now)
	require.Equal(t, 3, taken(10))
}

func TestTokenWeights(t *testing.T) {
	now := time.Unix(1000, 0)
	cfg := config.Default().Tokens
	cfg.Max, cfg.FillTime, cfg.Weighted = 2, time.Hour, true // six tokens: a new session takes 3, a renewed one 2
	var b tokens
	b.configure(&cfg, now)
	require.True(t, b.take(wantGlobal, now))
	require.True(t, b.take(wantRenewed, now))
	require.False(t, b.take(wantRenewed, now))
	require.True(t, b.take(wantLocal, now), "the last one")
	require.False(t, b.take(wantLocal, now))

	// A weight below that of a local session counts as that.
	cfg.WeightGlobal, cfg.WeightRenew, cfg.WeightLocal = 2, 1, 4 // eight tokens
	b = tokens{}
	b.configure(&cfg, now)
	require.True(t, b.take(wantGlobal, now))
	require.True(t, b.take(wantRenewed, now))
	require.False(t, b.take(wantLocal, now))

	cfg.Weighted = false // two tokens, and each session takes one
	b = tokens{}
	b.configure(&cfg, now)
	require.True(t, b.take(wantLocal, now))
	require.True(t, b.take(wantRenewed, now))
	require.False(t, b.take(wantGlobal, now))
}

// What a session costs depends on what this server would make: local sessions exist in ensembles only.
func TestWhatAConnectRequestWants(t *testing.T) {
	var s Server
	s.cfg.LocalSessions = true
	require.Equal(t, wantGlobal, s.wants(0), "a server that runs alone")
	s.cfg.Servers = make([]config.Server, 3)
	require.Equal(t, wantLocal, s.wants(0))
	require.Equal(t, wantRenewed, s.wants(5))
	s.cfg.LocalSessions = false
	require.Equal(t, wantGlobal, s.wants(0))
	require.Equal(t, wantRenewed, s.wants(5))
}

func TestTokenBucketRefusesByChance(t *testing.T) {
	now := time.Unix(1000, 0)
	cfg := config.Default().Tokens
	cfg.Max, cfg.FillTime, cfg.Freeze, cfg.DropIncrease, cfg.DropDecrease = 1, time.Second, 10*time.Millisecond, 0.5, 0.25
	var b tokens
	b.configure(&cfg, now)
	b.random = func() float64 { return 0.4 }
	require.True(t, b.take(wantGlobal, now))
	require.Zero(t, b.chance())
	now = now.Add(11 * time.Millisecond)
	require.False(t, b.take(wantGlobal, now), "empty")
	require.InDelta(t, 0.5, b.chance(), 0)
	now = now.Add(2 * time.Second)
	require.True(t, b.take(wantGlobal, now), "full: the chance sinks below the random number")
	require.InDelta(t, 0.25, b.chance(), 0)
}

func TestConnectionsBeyondTheTokensAreClosed(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Tokens.Max, c.Tokens.FillTime = 2, time.Hour })
	one, _ := r.raw(zkclient.Handshake{}), r.raw(zkclient.Handshake{})
	_, err := zkclient.Dial(t.Context(), r.Addr().String(), zkclient.Handshake{})
	require.Error(t, err)
	r.awaitLog("connectionMaxTokens")
	require.Equal(t, int64(1), r.port.Rejected())
	require.Equal(t, int64(2), r.stats.connects.Load(), "who is turned away is not counted, as in the original")
	require.Equal(t, zkproto.ErrOK, one.ask(zkproto.OpExists, readBody("/", false)).Err)
}

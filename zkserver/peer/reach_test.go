package peer

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// muffler leaves dials of one address without an answer while it is on.
type muffler struct {
	address string
	on      atomic.Bool
	dials   atomic.Int32
}

func (m *muffler) dial(ctx context.Context, address string) (net.Conn, error) {
	if address == m.address && m.on.Load() {
		m.dials.Add(1)
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	return dialTCP(ctx, address)
}

func (c *cluster) silent(by, sid zab.Sid) bool {
	for _, v := range c.peers[by].Status().Voters {
		if v.ID == sid {
			return v.Silent
		}
	}
	return false
}

func TestLeaderThatDoesNotAnswerIsGivenUpSoon(t *testing.T) {
	c := newCluster(t, 2)
	m := &muffler{address: c.servers[1].Quorum[0]}
	m.on.Store(true)
	p1, r1 := c.start(1, func(cfg *Config) { cfg.Dial, cfg.AnswerTimeout = m.dial, 500*time.Millisecond })
	c.start(2)
	p1.Send([]zab.Message{info(1, 2, 1)})
	require.ErrorIs(t, receive(t, r1.ends, "the end").reason, ErrSilent)
	require.GreaterOrEqual(t, m.dials.Load(), int32(3), "one lost packet is no silence")
	require.True(t, c.silent(1, 2))

	m.on.Store(false)
	require.Eventually(t, func() bool { return !c.silent(1, 2) }, patient, 5*time.Millisecond)
	c.join(1, 2, 2)
}

func TestOneAddressThatAnswersIsEnough(t *testing.T) {
	c := newCluster(t, 2)
	m := &muffler{address: c.servers[1].Quorum[0]}
	m.on.Store(true)
	refused := c.open()
	require.NoError(t, c.reserved(refused).Close())
	c.servers[1].Quorum = append(c.servers[1].Quorum, refused)
	p1, r1 := c.start(1, func(cfg *Config) {
		cfg.Dial, cfg.AnswerTimeout, cfg.ConnectTimeout = m.dial, 300*time.Millisecond, time.Second
	})
	p1.Send([]zab.Message{info(1, 2, 1)})
	require.NotErrorIs(t, receive(t, r1.ends, "the end").reason, ErrSilent)
	require.False(t, c.silent(1, 2))
}

func TestNoNameIsNoSilence(t *testing.T) {
	c := newCluster(t, 2)
	c.servers[1].Quorum = []string{"no.such.host.invalid:2888"}
	p1, r1 := c.start(1, func(cfg *Config) { cfg.AnswerTimeout, cfg.ConnectTimeout = 10*time.Millisecond, 300*time.Millisecond })
	p1.Send([]zab.Message{info(1, 2, 1)})
	require.NotErrorIs(t, receive(t, r1.ends, "the end").reason, ErrSilent)
	require.False(t, c.silent(1, 2))
}

package peer

import (
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// withMasters gives all servers a port for observers.
func withMasters(t *testing.T, n int) *cluster {
	t.Helper()
	c := newCluster(t, n)
	for i := range c.servers {
		c.servers[i].Master = []string{c.open()}
	}
	return c
}

// observe makes a link from an observer to a follower, and returns it as the follower sees it.
func (c *cluster) observe(from, to zab.Sid, link uint64) zab.Link {
	c.t.Helper()
	c.peers[from].Send([]zab.Message{{
		Type: zab.ObserverInfo, Relay: true, To: to, Link: link, Data: learnerInfo(from, zab.ProtocolVersion),
	}})
	m := c.rec[to].next(c.t)
	require.Equal(c.t, zab.ObserverInfo, m.Type)
	require.Equal(c.t, from, m.From)
	require.True(c.t, m.Relay)
	return zab.Link{Peer: from, Link: m.Link}
}

func TestObserverReachesAFollowerByItsOwnPort(t *testing.T) {
	c := withMasters(t, 2)
	p2, r2 := c.start(2)
	p1, r1 := c.start(1)
	at := c.observe(1, 2, 7)
	p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 5}, {Type: zab.Inform, To: 1, Link: at.Link, Zxid: 6}})
	require.Equal(t, zab.Snap, r1.next(t).Type)
	require.Equal(t, emptySnapshot, receive(t, r1.bodies, "the snapshot"))
	m := r1.next(t)
	require.Equal(t, zab.Message{Type: zab.Inform, From: 2, To: 1, Link: 7, Zxid: 6}, m)
	require.Equal(t, c.servers[1].Master[0], p1.Status().Links[0].Address)
	require.True(t, p1.Status().Links[0].Leader)
	require.True(t, p2.Status().Links[0].Observer)
	p1.Drop([]zab.Link{{Peer: 2, Link: 7}})
	require.Equal(t, at, receive(t, r2.ends, "the end").link)
}

// A follower that cannot be reached is no reason not to vote for it.
func TestFollowerThatServesNoObserversIsGivenUpSoon(t *testing.T) {
	c := withMasters(t, 2)
	p1, r1 := c.start(1)
	c.mu.Lock()
	_ = c.opened[c.servers[1].Master[0]].Close()
	delete(c.opened, c.servers[1].Master[0])
	c.mu.Unlock()
	p1.Send([]zab.Message{{Type: zab.ObserverInfo, Relay: true, To: 2, Link: 3, Data: learnerInfo(1, zab.ProtocolVersion)}})
	e := receive(t, r1.ends, "the end")
	require.Equal(t, zab.Link{Peer: 2, Link: 3}, e.link)
	require.ErrorContains(t, e.reason, "does not serve observers")
	require.NotErrorIs(t, e.reason, ErrSilent)
	p1.Send([]zab.Message{{Type: zab.ObserverInfo, Relay: true, To: 9, Link: 4, Data: learnerInfo(1, zab.ProtocolVersion)}})
	require.ErrorContains(t, receive(t, r1.ends, "the end").reason, "has no port for observers")
}

func TestGarbageOnThePortForObserversIsNamedAndHurtsNobody(t *testing.T) {
	for name, in := range map[string]struct {
		in   []byte
		want string
	}{
		"web":          {[]byte("GET / HTTP/1.1\r\n\r\n"), "an HTTP client?"},
		"tls":          {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1}, "a TLS handshake?"},
		"a follower":   {firstPacket(zab.FollowerInfo, learnerInfo(1, 0x10000)), "only observers are served"},
		"ack first":    {firstPacket(zab.Ack, nil), "the first packet is ACK"},
		"no data":      {firstPacket(zab.ObserverInfo, nil), "learner info of 0 bytes"},
		"old protocol": {firstPacket(zab.ObserverInfo, learnerInfo(1, 1)), "older than 0x10000"},
		"negative id":  {firstPacket(zab.ObserverInfo, learnerInfo(-1, 0x10000)), "negative server id"},
		"our id":       {firstPacket(zab.ObserverInfo, learnerInfo(2, 0x10000)), "same myid"},
		"huge data":    {firstPacket(zab.ObserverInfo, make([]byte, 2*maxFirst)), "packets of at most"},
	} {
		t.Run(name, func(t *testing.T) {
			c := withMasters(t, 2)
			logger, logs, lines := observed(zapcore.WarnLevel)
			_, r := c.start(2, func(cfg *Config) { cfg.Logger = logger })
			c.start(1)
			from := refused(t, c.servers[1].Master[0], in.in)
			receive(t, lines, "a line in the log")
			e := logs.All()[0]
			require.Equal(t, from, e.ContextMap()["address"])
			require.Equal(t, "observer", e.ContextMap()["port"])
			require.Contains(t, e.ContextMap()["error"], in.want)
			c.stillWorks(2, 1)
			c.observe(1, 2, 78)
			require.Empty(t, r.ends)
		})
	}
}

func TestCrowdOnThePortForObserversKeepsNobodyOut(t *testing.T) {
	c := withMasters(t, 2)
	c.start(2)
	c.start(1)
	noise := rand.NewChaCha8([32]byte{1})
	for i := range 3 * maxUnnamed {
		nc, err := net.Dial("tcp", c.servers[1].Master[0])
		require.NoError(t, err)
		defer nc.Close()
		if i%2 == 0 {
			b := make([]byte, 1+i)
			_, _ = noise.Read(b)
			_, _ = nc.Write(b)
		}
	}
	c.observe(1, 2, 1)
	c.stillWorks(2, 1)
}

// A port for observers that moves with the configuration, or goes away with it.
func TestPortForObserversFollowsTheConfiguration(t *testing.T) {
	c := withMasters(t, 2)
	p2, _ := c.start(2)
	p1, _ := c.start(1)
	c.observe(1, 2, 1)
	c.servers[1].Master = []string{c.open()}
	require.NoError(t, p1.SetServers(c.servers))
	require.NoError(t, p2.SetServers(c.servers))
	c.observe(1, 2, 2)
	require.Error(t, p1.SetServers([]Server{{ID: 1, Quorum: c.servers[0].Quorum, Election: c.servers[0].Election, Master: []string{"nowhere"}}}))
}

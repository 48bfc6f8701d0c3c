package peer

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

func TestNotificationsTravelBothWays(t *testing.T) {
	for _, order := range [][]zab.Sid{{1, 2}, {2, 1}} {
		c := newCluster(t, 2)
		for _, id := range order {
			c.start(id)
		}
		first, second := order[0], order[1]
		c.peers[first].Send([]zab.Message{vote(first, second, 1)})
		require.Equal(t, vote(first, second, 1), c.rec[second].next(t), "%d to %d", first, second)
		c.peers[second].Send([]zab.Message{vote(second, first, 2)})
		require.Equal(t, vote(second, first, 2), c.rec[first].next(t))
		s := c.peers[first].Status().Voters
		require.Len(t, s, 1)
		require.True(t, s[0].Connected)
		require.True(t, s[0].Known)
		require.NotEmpty(t, s[0].Address)
	}
}

// until takes messages until one of that round comes.
func until(t *testing.T, r *recorder, round int64) {
	t.Helper()
	for {
		m := r.next(t)
		require.LessOrEqual(t, m.Vote.Vote.Round, round)
		if m.Vote.Vote.Round == round {
			return
		}
	}
}

func TestNewestNotificationReachesAServerThatComesLater(t *testing.T) {
	for _, from := range []zab.Sid{1, 2} {
		to := 3 - from
		c := newCluster(t, 2)
		address := c.servers[to-1].Election[0]
		require.NoError(t, c.reserved(address).Close())
		p, _ := c.start(from)
		for round := range 5 {
			p.Send([]zab.Message{vote(from, to, int64(round))})
		}
		_, r := c.start(to)
		until(t, r, 4)
	}
}

func TestLastNotificationIsSentAgainOnANewConnection(t *testing.T) {
	for _, from := range []zab.Sid{1, 2} {
		to := 3 - from
		c := newCluster(t, 2)
		p, _ := c.start(from)
		_, r := c.start(to)
		p.Send([]zab.Message{vote(from, to, 1)})
		until(t, r, 1)
		c.stop(to)
		p2, r2 := c.start(to) // it has heard nothing yet
		p2.Send([]zab.Message{vote(to, from, 9)})
		until(t, r2, 1)
	}
}

func TestOnlyOneConnectionBetweenTwoServers(t *testing.T) {
	c := newCluster(t, 3)
	for id := range zab.Sid(3) {
		c.start(id + 1)
	}
	for round := range int64(20) {
		for from := range zab.Sid(3) {
			for to := range zab.Sid(3) {
				if from != to {
					c.peers[from+1].Send([]zab.Message{vote(from+1, to+1, round)})
				}
			}
		}
	}
	for id := range zab.Sid(3) {
		last := make(map[zab.Sid]int64)
		for len(last) < 2 || last[(id+1)%3+1] != 19 || last[(id+2)%3+1] != 19 {
			m := c.rec[id+1].next(t)
			require.GreaterOrEqual(t, m.Vote.Vote.Round, last[m.From], "an old vote after a new one")
			last[m.From] = m.Vote.Vote.Round
		}
	}
	// The one with the smaller id accepted what the other dialed: so the greater's remote address is an election port.
	for _, s := range c.peers[3].Status().Voters {
		require.Equal(t, c.servers[s.ID-1].Election[0], s.Address)
	}
}

// dialHello dials a server's election port as sid.
func dialHello(t *testing.T, to string, h hello, multi bool) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(patient)))
	_, err = nc.Write(encodeHello(h, multi))
	require.NoError(t, err)
	return nc
}

// acceptHello takes the connection of a server that dials.
func acceptHello(t *testing.T, l net.Listener) (net.Conn, hello) {
	t.Helper()
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(patient)))
	nc, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(patient)))
	h, err := readHello(nc)
	require.NoError(t, err)
	return nc, h
}

func TestServerIsDialedBackWhereItCanBeFound(t *testing.T) {
	for name, said := range map[string]func(configured string, port string) ([]string, bool){
		"by its address":                 func(a, _ string) ([]string, bool) { return []string{a}, false },
		"wildcard":                       func(_, p string) ([]string, bool) { return []string{"0.0.0.0:" + p}, false },
		"IPv6 wildcard":                  func(_, p string) ([]string, bool) { return []string{"[::]:" + p}, false },
		"several addresses":              func(a, _ string) ([]string, bool) { return []string{"192.0.2.1:1", a}, true },
		"a name that cannot be resolved": func(_, p string) ([]string, bool) { return []string{"no.such.host.invalid:" + p}, false },
	} {
		for _, known := range []bool{true, false} {
			if !known && name == "a name that cannot be resolved" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				c := newCluster(t, 5)
				l := c.reserved(c.servers[0].Election[0])
				_, port, err := net.SplitHostPort(l.Addr().String())
				require.NoError(t, err)
				addresses, multi := said(l.Addr().String(), port)
				sid := zab.Sid(1)
				if !known {
					c.servers = c.servers[1:]
				}
				_, r := c.start(5)
				nc := dialHello(t, c.servers[len(c.servers)-1].Election[0], hello{sid: sid, addresses: addresses}, multi)
				_, err = nc.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF, "the server with the smaller id is hung up on")
				back, h := acceptHello(t, l)
				require.Equal(t, hello{sid: 5, addresses: []string{c.servers[len(c.servers)-1].Election[0]}}, h)
				_, err = back.Write(appendFrame(nil, vote(1, 5, 3).Vote))
				require.NoError(t, err)
				require.Equal(t, vote(1, 5, 3), r.next(t))
			})
		}
	}
}

func TestHandshakeOf34(t *testing.T) {
	c := newCluster(t, 2)
	p, r := c.start(1)
	nc, err := net.Dial("tcp", c.servers[0].Election[0])
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte{0, 0, 0, 0, 0, 0, 0, 2}) // just the id
	require.NoError(t, err)
	_, err = nc.Write(appendFrame(nil, vote(2, 1, 3).Vote))
	require.NoError(t, err)
	require.Equal(t, vote(2, 1, 3), r.next(t))
	p.Send([]zab.Message{vote(1, 2, 4)})
	b, err := readFrame(nc)
	require.NoError(t, err)
	n, err := decodeNotification(b)
	require.NoError(t, err)
	require.Equal(t, vote(1, 2, 4).Vote.Vote, n.Vote)
}

func TestWildcardIsNeverAdvertised(t *testing.T) {
	local := &net.TCPAddr{IP: net.ParseIP("10.1.2.3"), Port: 4444}
	for address, want := range map[string]string{
		"0.0.0.0:3888":              "10.1.2.3:3888",
		"[::]:3888":                 "10.1.2.3:3888",
		":3888":                     "10.1.2.3:3888",
		"10.9.9.9:3888":             "10.9.9.9:3888",
		"[2001:db8::1]:3888":        "[2001:db8::1]:3888",
		"localhost:3888":            "10.1.2.3:3888", // it would mean another machine elsewhere
		"no.such.host.invalid:3888": "10.1.2.3:3888",
	} {
		require.Equal(t, []string{want}, advertised(t.Context(), []string{address}, local), address)
	}
	local.IP = net.ParseIP("127.0.0.1")
	require.Equal(t, []string{"127.0.0.1:3888"}, advertised(t.Context(), []string{"localhost:3888"}, local))
}

func TestPortOpensWhenTheAddressBecomesFree(t *testing.T) {
	c := newCluster(t, 1)
	taken := c.open()
	l := c.reserved(taken)
	c.servers[0].Election = []string{taken}
	failed := make(chan error, 10)
	logger, _, lines := observed(zapcore.InfoLevel)
	p, _ := c.start(1, func(cfg *Config) {
		cfg.Logger = logger
		cfg.BindRetry = 2
		cfg.BindFailed = func(err error) { failed <- err }
	})
	require.ErrorContains(t, receive(t, failed, "the second failure"), "election port "+taken+" could not be opened 2 times")
	s := p.Status()
	require.False(t, s.Ports[0].Open)
	require.NotEmpty(t, s.Ports[0].LastError)
	require.GreaterOrEqual(t, s.Ports[0].Failures, 2)
	require.NoError(t, l.Close())
	for open := 0; open < 2; { // the quorum port is open already
		if e := receive(t, lines, "both ports"); e.Message == "listening for peers" {
			open++
		}
	}
	s = p.Status()
	require.True(t, s.Ports[0].Open)
	require.Zero(t, s.Ports[0].Failures)
	require.Empty(t, s.Ports[0].LastError)
	require.Empty(t, failed, "it is told once")
}

func TestListenOnAllIPs(t *testing.T) {
	c := newCluster(t, 1)
	opened := make(chan string, 4)
	c.servers[0].Quorum = []string{"192.0.2.1:2888", "192.0.2.2:2888"}
	c.servers[0].Election = []string{"192.0.2.1:3888"}
	c.start(1, func(cfg *Config) {
		cfg.ListenOnAllIPs = true
		cfg.Listen = func(ctx context.Context, address string) (net.Listener, error) {
			opened <- address
			return listenTCP(ctx, "127.0.0.1:0")
		}
	})
	got := []string{receive(t, opened, "a port"), receive(t, opened, "a port")}
	require.ElementsMatch(t, []string{":2888", ":3888"}, got)
}

// hangUp accepts connections and closes them at once; it tells of each.
func hangUp(t *testing.T, l net.Listener) <-chan time.Time {
	t.Helper()
	calls := make(chan time.Time, 1000)
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls <- time.Now()
			_ = c.Close()
		}
	}()
	return calls
}

func TestServerThatHangsUpIsDialedEverMoreRarely(t *testing.T) {
	for _, id := range []zab.Sid{1, 2} {
		c := newCluster(t, 2)
		other := 3 - id
		calls := hangUp(t, c.reserved(c.servers[other-1].Election[0]))
		p, _ := c.start(id)
		p.Send([]zab.Message{vote(id, other, 1)})
		first := receive(t, calls, "a call")
		for range 2 {
			receive(t, calls, "one more")
		}
		require.Greater(t, receive(t, calls, "the fourth call").Sub(first), 100*time.Millisecond)
	}
}

func TestNewConnectionReplacesAnOldOne(t *testing.T) {
	c := newCluster(t, 2)
	p, r := c.start(1)
	first := dialHello(t, c.servers[0].Election[0], hello{2, []string{c.servers[1].Election[0]}}, false)
	p.Send([]zab.Message{vote(1, 2, 1)})
	_, err := readFrame(first)
	require.NoError(t, err)
	second := dialHello(t, c.servers[0].Election[0], hello{2, []string{c.servers[1].Election[0]}}, false)
	b, err := readFrame(second) // the last one again
	require.NoError(t, err)
	n, err := decodeNotification(b)
	require.NoError(t, err)
	require.Equal(t, int64(1), n.Vote.Round)
	_, err = first.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = second.Write(appendFrame(nil, vote(2, 1, 5).Vote))
	require.NoError(t, err)
	require.Equal(t, vote(2, 1, 5), r.next(t))
}

func TestSeveralAddressesWithoutALineBetweenSome(t *testing.T) {
	// Each server has an address that leads nowhere, and tells both.
	c := newCluster(t, 3)
	for i := range c.servers {
		dead := c.open()
		_ = c.reserved(dead).Close()
		c.servers[i].Election = []string{c.servers[i].Election[0], "192.0.2.1:1"}
		c.servers[i].Quorum = []string{dead, c.servers[i].Quorum[0]}
	}
	for id := range zab.Sid(3) {
		c.start(id+1, func(cfg *Config) { cfg.MultiAddress = true; cfg.KeepAlive = true })
	}
	c.peers[1].Send([]zab.Message{vote(1, 2, 1), vote(1, 3, 1)})
	require.Equal(t, vote(1, 2, 1), c.rec[2].next(t))
	require.Equal(t, vote(1, 3, 1), c.rec[3].next(t))
	c.join(1, 3, 1)
}

func TestConfigIsChecked(t *testing.T) {
	good := []Server{{ID: 1, Quorum: []string{"a:1"}, Election: []string{"a:2"}}}
	for want, cfg := range map[string]Config{
		"server id -1 is negative": {ID: -1, Servers: good},
		"no server.2 line":         {ID: 2, Servers: good},
		"server.1 is there twice":  {ID: 1, Servers: append(good, good...)},
		"server.1 has no address":  {ID: 1, Servers: []Server{{ID: 1, Quorum: []string{"a:1"}}}},
		`address "a": `:            {ID: 1, Servers: []Server{{ID: 1, Quorum: []string{"a"}, Election: []string{"a:2"}}}},
		`address "a:x": port "x"`:  {ID: 1, Servers: []Server{{ID: 1, Quorum: []string{"a:x"}, Election: []string{"a:2"}}}},
		"negative time or size":    {ID: 1, Servers: good, CnxTimeout: -1},
	} {
		_, err := New(cfg, newRecorder())
		require.ErrorContains(t, err, want)
	}
	p, err := New(Config{ID: 1, Servers: good}, newRecorder())
	require.NoError(t, err)
	p.Close() // never started
	p.Close()
}

func TestSameNewsAreNotToldAsFastAsPossible(t *testing.T) {
	c := newCluster(t, 2)
	p, r := c.start(1)
	nc := dialHello(t, c.servers[0].Election[0], hello{2, []string{c.servers[1].Election[0]}}, false)
	hear := func() int64 {
		b, err := readFrame(nc)
		require.NoError(t, err)
		n, err := decodeNotification(b)
		require.NoError(t, err)
		return n.Vote.Round
	}
	p.Send([]zab.Message{vote(1, 2, 1)})
	require.Equal(t, int64(1), hear())
	begin := time.Now()
	for range 4 { // each answers the other at once
		_, err := nc.Write(appendFrame(nil, vote(2, 1, 5).Vote))
		require.NoError(t, err)
		r.next(t)
		p.Send([]zab.Message{vote(1, 2, 1)})
		require.Equal(t, int64(1), hear())
	}
	require.Greater(t, time.Since(begin), 3*sameAgain)
	p.Send([]zab.Message{vote(1, 2, 1)})
	p.Send([]zab.Message{vote(1, 2, 2)}) // news do not wait
	require.Equal(t, int64(2), hear())
}

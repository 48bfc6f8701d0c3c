package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/internal/tlsconf/tlstest"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// secured makes a server's connections secure, by a certificate of this authority.
func secured(t *testing.T, ca *tlstest.CA, want tlstest.Want, change ...func(*TLS)) func(*Config) {
	t.Helper()
	cfg := &TLS{Dial: true, Source: sourceOf(t, t.TempDir(), ca, want)}
	for _, f := range change {
		f(cfg)
	}
	return func(c *Config) { c.TLS = cfg }
}

func sourceOf(t testing.TB, dir string, ca *tlstest.CA, want tlstest.Want) *tlsconf.Source {
	t.Helper()
	s, err := tlsconf.Load(tlsconf.Settings{
		Prefix: "ssl.quorum.", NeedKey: true,
		KeyStore: tlsconf.Store{Path: ca.Issue(t, want).PEM(t, dir)}, TrustStore: tlsconf.Store{Path: ca.PEM(t, dir)},
	})
	require.NoError(t, err)
	return s
}

func changing(t *TLS)   { t.Dial, t.Plain = false, true } // portUnification=true
func unifying(t *TLS)   { t.Plain = true }                // sslQuorum=true beside it
func checkNames(t *TLS) { t.ServerNames, t.ClientNames = true, true }

// electsAndSyncs shows that two servers hear each other by both ports, whoever dials.
func (c *cluster) electsAndSyncs(a, b zab.Sid, secure bool) {
	c.t.Helper()
	c.peers[a].Send([]zab.Message{vote(a, b, 5)})
	until(c.t, c.rec[b], 5)
	c.peers[b].Send([]zab.Message{vote(b, a, 6)})
	until(c.t, c.rec[a], 6)
	for i, learner := range []zab.Sid{a, b} {
		leader := a + b - learner
		at := c.join(learner, leader, uint64(100+i))
		c.peers[leader].Send([]zab.Message{{Type: zab.Proposal, To: learner, Link: at.Link, Zxid: 3, Data: []byte("x")}})
		require.Equal(c.t, zab.Proposal, c.rec[learner].next(c.t).Type)
	}
	for _, id := range []zab.Sid{a, b} {
		s := c.peers[id].Status()
		for _, l := range s.Links {
			if !l.Connected {
				continue
			}
			require.Equal(c.t, secure, l.TLS != "", "%+v", l)
		}
		for _, v := range s.Voters {
			if !v.Connected {
				continue
			}
			require.Equal(c.t, secure, v.TLS != "", "%+v", v)
		}
	}
}

func TestServersMeetOverTLS(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 2)
	c.start(1, secured(t, ca, tlstest.Want{}, checkNames))
	c.start(2, secured(t, ca, tlstest.Want{}, checkNames))
	c.electsAndSyncs(1, 2, true)
}

// An ensemble changes to TLS server by server: in each step, any two of its servers understand each other.
func TestStepsTowardsTLSUnderstandEachOther(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	plain := func(*Config) {}
	unified := secured(t, ca, tlstest.Want{}, changing)
	both := secured(t, ca, tlstest.Want{}, unifying)
	only := secured(t, ca, tlstest.Want{})
	for name, step := range map[string][2]func(*Config){
		"plain and unified": {plain, unified},
		"unified":           {unified, unified},
		"unified and both":  {unified, both},
		"both":              {both, both},
		"both and only TLS": {both, only},
	} {
		t.Run(name, func(t *testing.T) {
			for _, swap := range []bool{false, true} {
				if swap {
					step[0], step[1] = step[1], step[0]
				}
				c := newCluster(t, 2)
				for i := range step {
					c.start(zab.Sid(i+1), step[i])
				}
				c.peers[1].Send([]zab.Message{vote(1, 2, 5)})
				until(t, c.rec[2], 5)
				c.peers[2].Send([]zab.Message{vote(2, 1, 6)})
				until(t, c.rec[1], 6)
				c.join(1, 2, 7)
				c.join(2, 1, 8)
			}
		})
	}
}

// What a link carries arrives in order and whole, whatever its size, and in both directions at once.
func TestMessagesOfASecureLinkArriveInOrderAndWhole(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 2)
	p1, r1 := c.start(1, secured(t, ca, tlstest.Want{}))
	p2, r2 := c.start(2, secured(t, ca, tlstest.Want{}))
	at := c.join(1, 2, 7)
	var want, back []zab.Message
	for i := range 3000 {
		m := zab.Message{Type: zab.Proposal, To: 1, Link: at.Link, Zxid: zab.Zxid(i), Data: bytes.Repeat([]byte{byte(i)}, i)}
		if i%500 == 1 {
			m.Data = bytes.Repeat([]byte{byte(i)}, 300_000+i)
		}
		want = append(want, m)
		back = append(back, zab.Message{Type: zab.Ack, To: 2, Link: 7, Zxid: zab.Zxid(i)})
	}
	for i := 0; i < len(want); i++ { // one by one, which goes without the writer, and many at once
		n := 1
		if i%1000 == 0 {
			n = 100
		}
		p2.Send(want[i : i+n])
		p1.Send(back[i : i+n])
		i += n - 1
	}
	for i := range want {
		m := r1.next(t)
		require.Equal(t, want[i].Zxid, m.Zxid)
		require.True(t, bytes.Equal(want[i].Data, m.Data), "message %d", i)
		require.Equal(t, zab.Zxid(i), r2.next(t).Zxid)
	}
}

func TestSnapshotComesOverTLS(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 2)
	_, r1 := c.start(1, secured(t, ca, tlstest.Want{}))
	p2, r2 := c.start(2, secured(t, ca, tlstest.Want{}))
	big := append(append([]byte(nil), emptySnapshot[:len(emptySnapshot)-5]...), 0, 0, 0, 2, '/', 'a', 0, 0x10, 0, 0)
	big = append(big, bytes.Repeat([]byte("z"), 0x100000+afterData)...)
	big = append(big, 0, 0, 0, 1, '/')
	r2.send = func(w io.Writer) error { _, err := w.Write(big); return err }
	at := c.join(1, 2, 7)
	p2.Send([]zab.Message{{Type: zab.Snap, To: 1, Link: at.Link, Zxid: 9}, {Type: zab.NewLeader, To: 1, Link: at.Link}})
	require.True(t, bytes.Equal(big, receive(t, r1.bodies, "a snapshot")))
	require.Equal(t, zab.Snap, r1.next(t).Type)
	require.Equal(t, zab.NewLeader, r1.next(t).Type)
	p2.Drop([]zab.Link{at})
	require.ErrorIs(t, receive(t, r1.ends, "the end").reason, io.EOF)
	require.ErrorIs(t, receive(t, r2.ends, "the end").reason, errDropped)
}

// A plain server at a port for TLS, and the reverse: both logs say who and what to do, and the others go on.
func TestPlainAndSecureServersNameEachOther(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 3)
	logger1, logs1, lines1 := observed(zapcore.WarnLevel)
	logger3, logs3, lines3 := observed(zapcore.WarnLevel)
	_, r1 := c.start(1, func(cfg *Config) { cfg.Logger = logger1 })
	c.start(2, secured(t, ca, tlstest.Want{}))
	c.start(3, secured(t, ca, tlstest.Want{}), func(cfg *Config) { cfg.Logger = logger3 })
	c.peers[1].Send([]zab.Message{vote(1, 3, 5), info(1, 3, 1)})
	said := func(lines chan zapcore.Entry, find func() int) {
		for find() == 0 {
			receive(t, lines, "a line in the log")
		}
	}
	contains := func(logs finder, port, text string) func() int {
		return func() int { return logs.find(port, text) }
	}
	said(lines3, contains(finder{logs3}, "election", "server 1 speaks without TLS"))
	said(lines3, contains(finder{logs3}, "quorum", "server 1 speaks without TLS"))
	c.peers[3].Send([]zab.Message{vote(3, 1, 5)})
	said(lines1, contains(finder{logs1}, "election", "a TLS handshake? this port takes none"))
	said(lines3, contains(finder{logs3}, "", "does its port take TLS?"))
	c.peers[2].Send([]zab.Message{info(2, 1, 9)})
	said(lines1, contains(finder{logs1}, "quorum", "a TLS handshake? this port takes none"))
	require.Empty(t, r1.msgs)
	c.electsAndSyncs(2, 3, true)
}

// A server that had complained of another tells when it hears it again.
func TestServerThatIsHeardAgainIsTold(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 2)
	logger, logs, lines := observed(zapcore.InfoLevel)
	c.start(1, secured(t, ca, tlstest.Want{}))
	c.start(2, func(cfg *Config) { cfg.Logger = logger })
	c.peers[2].Send([]zab.Message{vote(2, 1, 5)})
	for (finder{logs}).find("", "does its port want TLS?") == 0 {
		receive(t, lines, "a complaint")
	}
	c.stop(1)
	c.start(1) // without TLS, too
	until(t, c.rec[1], 5)
	c.peers[1].Send([]zab.Message{vote(1, 2, 6)})
	until(t, c.rec[2], 6)
	for (finder{logs}).find("", "a peer is heard again") == 0 {
		receive(t, lines, "the end of the complaint")
	}
}

// A certificate of another authority is refused, and both sides know why.
func TestStrangersCertificateIsNamed(t *testing.T) {
	c := newCluster(t, 2)
	logger1, logs1, lines1 := observed(zapcore.WarnLevel)
	logger2, logs2, lines2 := observed(zapcore.WarnLevel)
	ours, theirs := tlstest.NewCA(t, "ensemble"), tlstest.NewCA(t, "somebody")
	c.start(2, secured(t, ours, tlstest.Want{}), func(cfg *Config) { cfg.Logger = logger2 })
	dir := t.TempDir()
	source, err := tlsconf.Load(tlsconf.Settings{ // trusts 2, and is not trusted by it
		Prefix: "ssl.quorum.", KeyStore: tlsconf.Store{Path: theirs.Issue(t, tlstest.Want{}).PEM(t, dir)}, TrustStore: tlsconf.Store{Path: ours.PEM(t, dir)},
	})
	require.NoError(t, err)
	c.start(1, func(cfg *Config) { cfg.TLS, cfg.Logger = &TLS{Dial: true, Source: source}, logger1 })
	c.peers[1].Send([]zab.Message{vote(1, 2, 5)})
	for (finder{logs2}).find("election", "trust store") == 0 {
		receive(t, lines2, "a line in 2's log")
	}
	for (finder{logs1}).find("", "trust store of the server") == 0 {
		receive(t, lines1, "a line in 1's log")
	}
	c.peers[2].Send([]zab.Message{vote(2, 1, 5)}) // and 2 does not trust 1 when it dials
	for (finder{logs2}).find("", "no TLS with a peer") == 0 {
		receive(t, lines2, "a line in 2's log")
	}
}

func TestNamesInCertificates(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	byName := tlstest.Want{DNSNames: []string{"localhost"}}
	other := tlstest.Want{DNSNames: []string{"elsewhere.example"}, IPs: []string{"192.0.2.1"}}
	for name, in := range map[string]struct {
		dialer, port tlstest.Want
		dial, take   func(*TLS)
		want         string
	}{
		"address":             {dial: checkNames, take: checkNames},
		"name of a member":    {dialer: byName, port: byName, dial: checkNames, take: checkNames},
		"not checked":         {dialer: other, port: other},
		"port's is another's": {port: other, dial: checkNames, want: "ssl.quorum.hostnameVerification=false"},
		"dialer's is another": {dialer: other, take: checkNames, want: "ssl.quorum.clientHostnameVerification=false"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			for i := range c.servers { // by name
				for _, list := range [][]string{c.servers[i].Quorum, c.servers[i].Election} {
					_, port, err := net.SplitHostPort(list[0])
					require.NoError(t, err)
					c.opened["localhost:"+port] = c.opened[list[0]]
					delete(c.opened, list[0])
					list[0] = "localhost:" + port
				}
			}
			logger, logs, lines := observed(zapcore.WarnLevel)
			log := func(cfg *Config) { cfg.Logger = logger }
			none := func(*TLS) {}
			if in.dial == nil {
				in.dial = none
			}
			if in.take == nil {
				in.take = none
			}
			c.start(1, secured(t, ca, in.port, in.take), log)
			c.start(2, secured(t, ca, in.dialer, in.dial), log)
			c.peers[2].Send([]zab.Message{vote(2, 1, 5)})
			if in.want == "" {
				until(t, c.rec[1], 5)
				return
			}
			for (finder{logs}).find("", in.want) == 0 {
				receive(t, lines, "a line in the log")
			}
			require.Empty(t, c.rec[1].msgs)
		})
	}
}

// The DNS is asked for names only where that is allowed.
func TestNamesOfTheDNS(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	other := tlstest.Want{DNSNames: []string{"zk.example"}}
	for _, in := range []struct{ allowed, servers, clients bool }{{true, true, true}, {false, true, false}, {false, false, true}} {
		asked := make(chan string, 100)
		change := func(s *TLS) {
			s.ServerNames, s.ClientNames, s.ReverseDNS = in.servers, in.clients, in.allowed
			s.lookup = func(_ context.Context, address string) ([]string, error) {
				asked <- address
				return []string{"zk.example."}, nil
			}
		}
		c := newCluster(t, 2)
		logger, logs, lines := observed(zapcore.WarnLevel)
		log := func(cfg *Config) { cfg.Logger = logger }
		c.start(1, secured(t, ca, other, change), log)
		c.start(2, secured(t, ca, other, change), log)
		c.peers[2].Send([]zab.Message{vote(2, 1, 5)})
		if in.allowed {
			until(t, c.rec[1], 5)
			require.Equal(t, "127.0.0.1", receive(t, asked, "a question about the server"))
			require.Equal(t, "127.0.0.1", receive(t, asked, "a question about the client"))
			continue
		}
		for (finder{logs}).find("", "is for [\"zk.example\"], not for 127.0.0.1") == 0 {
			receive(t, lines, "a line in the log")
		}
		require.Empty(t, asked)
	}
}

// A leader that takes the connection and says nothing is given up in time, and at once by who does not want it any more.
func TestLeaderThatEndsNoHandshakeIsGivenUp(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	for name, wait := range map[string]time.Duration{"in time": 30 * time.Millisecond, "dropped": time.Hour, "closed": time.Hour} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			l := c.reserved(c.servers[1].Quorum[0])
			defer l.Close()
			p, r := c.start(1, secured(t, ca, tlstest.Want{}), func(cfg *Config) { cfg.CnxTimeout, cfg.ConnectTimeout = wait, 5*wait })
			p.Send([]zab.Message{info(1, 2, 7)})
			nc, err := l.Accept()
			require.NoError(t, err)
			defer nc.Close()
			switch name {
			case "in time":
				end := receive(t, r.ends, "the end")
				require.ErrorContains(t, end.reason, "leader 2 not reached within 150ms")
				require.ErrorContains(t, end.reason, "TLS handshake failed")
			case "dropped":
				p.Drop([]zab.Link{{Peer: 2, Link: 7}})
				require.ErrorIs(t, receive(t, r.ends, "the end").reason, errDropped)
			case "closed":
				silent, err := net.Dial("tcp", c.servers[0].Election[0]) //nolint:noctx // loopback
				require.NoError(t, err)
				defer silent.Close()
				_, err = silent.Write([]byte{tlsHandshake})
				require.NoError(t, err)
				p.Close() // waits for all goroutines
			}
		})
	}
}

// Garbage instead of a handshake, and a handshake that stands still, are closed and named.
func TestBadHandshakesAreClosedAndNamed(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	for name, in := range map[string]struct {
		in   []byte
		want string
	}{
		"no handshake":  {append([]byte{0x16, 3, 1, 0, 4}, 9, 9, 9, 9), "TLS handshake failed"},
		"too long":      {[]byte{0x16, 3, 1, 0xff, 0xff, 1}, "TLS handshake failed"},
		"stands still":  {[]byte{0x16, 3}, "did not end its TLS handshake within 50ms"},
		"silent":        {nil, "did not say who it is within 50ms"},
		"web":           {[]byte("GET / HTTP/1.1\r\n\r\n"), "an HTTP client?"},
		"without a key": {clientHello(t), "TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			logger, logs, lines := observed(zapcore.WarnLevel)
			c.start(2, secured(t, ca, tlstest.Want{}), func(cfg *Config) { cfg.Logger, cfg.CnxTimeout = logger, 50*time.Millisecond })
			for _, address := range []string{c.servers[1].Election[0], c.servers[1].Quorum[0]} {
				toTheEnd(t, address, in.in)
				receive(t, lines, "a line in the log")
			}
			for _, e := range logs.All() {
				require.Equal(t, "connection refused", e.Message)
				require.Contains(t, e.ContextMap()["error"], in.want)
			}
		})
	}
}

func TestCrowdOfSlowHandshakesKeepsNobodyOut(t *testing.T) {
	ca := tlstest.NewCA(t, "ensemble")
	c := newCluster(t, 2)
	c.start(2, secured(t, ca, tlstest.Want{}))
	for i := range 2 * maxUnnamed {
		for _, address := range []string{c.servers[1].Election[0], c.servers[1].Quorum[0]} {
			nc, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer nc.Close()
			_, err = nc.Write([]byte{0x16, 3, 1, 1}[:i%5])
			require.NoError(t, err)
		}
	}
	c.start(1, secured(t, ca, tlstest.Want{}))
	c.electsAndSyncs(1, 2, true)
}

// Connections made after a change of the files use what stands in them now; those that exist stay.
func TestNewCertificatesAreUsedWithoutARestart(t *testing.T) {
	old, renewed := tlstest.NewCA(t, "old"), tlstest.NewCA(t, "new")
	c := newCluster(t, 2)
	var sources []*tlsconf.Source
	dirs := []string{t.TempDir(), t.TempDir()}
	for i, dir := range dirs {
		s := sourceOf(t, dir, old, tlstest.Want{})
		sources = append(sources, s)
		c.start(zab.Sid(i+1), func(cfg *Config) { cfg.TLS = &TLS{Dial: true, Source: s} })
	}
	at := c.join(1, 2, 1)
	for i, dir := range dirs {
		require.NoError(t, os.Rename(renewed.Issue(t, tlstest.Want{}).PEM(t, t.TempDir()), filepath.Join(dir, "key.pem")))
		require.NoError(t, os.Rename(renewed.PEM(t, t.TempDir()), filepath.Join(dir, "trust.pem")))
		require.NoError(t, sources[i].Reload())
	}
	c.join(1, 2, 2)
	c.peers[2].Send([]zab.Message{{Type: zab.Ping, To: 1, Link: at.Link}})
	require.Equal(t, zab.Ping, c.rec[1].next(t).Type)
}

// Short packets go out without the writer, and in order when the socket is full. Each batch is one record, not one for each field.
func TestSecurePacketsSentDirectlyKeepTheirOrder(t *testing.T) {
	a, b, counted := securePair(t)
	p := &Peers{cfg: Config{MaxQueue: 1 << 30, InitTimeout: 10 * time.Second, LingerTime: time.Minute}, ctx: context.Background()}
	from := newLink(p, zab.Link{Peer: 2, Link: 1})
	from.nc, from.out, from.secure = a, a, true
	data := make([]byte, 1500)
	next := zab.Zxid(0)
	push := func() {
		next++
		from.push(&zab.Message{Type: zab.Proposal, Zxid: next, Data: data})
	}
	push()
	push()
	before := counted.records
	require.True(t, from.direct())
	require.Equal(t, before+1, counted.records)
	push()
	for ok := true; ok; ok = from.direct() {
		require.Less(t, next, zab.Zxid(100_000), "the socket is never full")
		push()
	}
	require.NotNil(t, from.rest, "the writer has something to do")
	require.Empty(t, from.rest, "which TLS has taken already")
	full := next
	push()
	require.False(t, from.direct(), "what is left must go first")
	written := make(chan struct{})
	go func() { from.write(); close(written) }()
	from.wake()
	for range 1000 {
		push()
		from.wake()
	}
	r := newReader(b, 1<<20)
	for want := zab.Zxid(1); want <= next; want++ {
		m, err := r.one()
		require.NoError(t, err)
		require.Equal(t, want, m.Zxid)
		require.Len(t, m.Data, len(data))
	}
	require.Greater(t, next, full)
	from.drop()
	<-written
	_, err := r.one()
	require.ErrorIs(t, err, io.EOF, "the other end is told that nothing more comes")
	from.end(nil)
}

// The fields of packets, and long data among them, are no records of their own.
func TestSecurePacketsAreGathered(t *testing.T) {
	a, b, counted := securePair(t)
	p := &Peers{cfg: Config{InitTimeout: 10 * time.Second}, ctx: context.Background()}
	l := newLink(p, zab.Link{Peer: 2, Link: 1})
	l.nc, l.out, l.secure = a, a, true
	before := counted.records
	g := gather{l: l}
	for range 3 {
		require.NoError(t, g.message(&zab.Message{Type: zab.Proposal, Data: make([]byte, 20<<10)}))
		require.NoError(t, g.message(&zab.Message{Type: zab.Commit}))
	}
	require.NoError(t, g.flush())
	require.Equal(t, before+4, counted.records, "60 KiB and some are four records of 16 KiB at most")
	r := newReader(b, 1<<20)
	for range 6 {
		_, err := r.one()
		require.NoError(t, err)
	}
}

// Neither the end of a secure link nor what is sent without the writer waits for a peer that does not read.
func TestSecureLinkWithAFullSocketIsNotWaitedFor(t *testing.T) {
	a, _, _ := securePair(t)
	full := make([]byte, 4<<10)
	for {
		n, err := a.TryWrite(full)
		if n == 0 || err != nil {
			require.ErrorIs(t, err, errUnsent)
			break
		}
	}
	n, err := a.TryWrite(full)
	require.NoError(t, err)
	require.Zero(t, n, "what is left goes first")
	waits := make(chan error)
	go func() {
		_, err := a.Write(full)
		waits <- err
	}()
	for began := time.Now(); ; runtime.Gosched() { // until it waits
		require.Less(t, time.Since(began), patient, "nobody else gets the lock")
		if a.wire.mu.TryLock() {
			waiting := a.wire.sending
			a.wire.mu.Unlock()
			if waiting {
				break
			}
		}
	}
	require.NoError(t, a.CloseWrite())
	require.NoError(t, a.Close())
	require.Error(t, receive(t, waits, "the end of the write"))
}

// A secure connection whose other end is gone says so, and can be closed.
func TestSecureConnectionThatBroke(t *testing.T) {
	a, b, _ := securePair(t)
	require.NoError(t, b.wire.Close()) // without a word
	for {
		n, err := a.TryWrite([]byte("x"))
		require.GreaterOrEqual(t, n, 0)
		if err != nil && !errors.Is(err, errUnsent) {
			break
		}
	}
	_, err := a.Write([]byte("x"))
	require.Error(t, err)
	require.NoError(t, a.Close())
}

// countingConn counts the records that are written to it.
type countingConn struct {
	net.Conn
	records int
}

// securePair is a secure connection: a counts what TLS writes, b is its other end.
func securePair(t *testing.T) (a, b *secureConn, counted *countingConn) {
	t.Helper()
	ca := tlstest.NewCA(t, "ensemble")
	source := sourceOf(t, t.TempDir(), ca, tlstest.Want{})
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	require.NoError(t, err)
	defer l.Close()
	x, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // loopback
	require.NoError(t, err)
	y, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.Close(); _ = y.Close() })
	counted = &countingConn{}
	w := &wire{Conn: sock.New(x)}
	counted.Conn = w
	anybody := func(tls.ConnectionState) error { return nil }
	a = &secureConn{tls.Client(counted, adapted(source.Client("127.0.0.1"), anybody)), w}
	b = newSecure(y, nil, func(c net.Conn) *tls.Conn { return tls.Server(c, adapted(source.Server(), anybody)) })
	done := make(chan error)
	go func() { done <- b.Handshake() }()
	require.NoError(t, a.Handshake())
	require.NoError(t, <-done)
	a.ready()
	b.ready()
	return a, b, counted
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.records++
	return c.Conn.Write(b)
}

// clientHello is how a client begins.
func clientHello(t *testing.T) []byte {
	t.Helper()
	x, y := net.Pipe()
	go func() { _ = tls.Client(x, &tls.Config{InsecureSkipVerify: true}).Handshake() }() //nolint:gosec // it meets nobody
	b := make([]byte, 4<<10)
	n, err := y.Read(b)
	require.NoError(t, err)
	_ = y.Close()
	return b[:n]
}

// toTheEnd sends bytes and waits to be closed, whatever is said before.
func toTheEnd(t *testing.T, address string, in []byte) {
	t.Helper()
	nc, err := net.Dial("tcp", address) //nolint:noctx // loopback
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(patient)))
	_, err = nc.Write(in)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, nc)
	require.False(t, isTimeoutError(err), "not closed")
}

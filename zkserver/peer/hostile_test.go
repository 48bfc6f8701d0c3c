package peer

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// observed logs into memory, and tells of each line.
func observed(level zapcore.Level) (*zap.Logger, *observer.ObservedLogs, chan zapcore.Entry) {
	core, logs := observer.New(level)
	lines := make(chan zapcore.Entry, 1000)
	return zap.New(core, zap.Hooks(func(e zapcore.Entry) error { lines <- e; return nil })), logs, lines
}

// refused sends bytes to a port and waits to be closed.
func refused(t *testing.T, address string, in []byte) (local string) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(patient)))
	_, err = nc.Write(in)
	require.NoError(t, err)
	_, err = nc.Read(make([]byte, 1))
	require.Error(t, err)
	var timeout net.Error
	if ok := isTimeout(err, &timeout); ok {
		require.FailNow(t, "not closed")
	}
	return nc.LocalAddr().String()
}

func isTimeout(err error, to *net.Error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // straight from the connection
	*to = e
	return ok && e.Timeout()
}

// stillWorks shows that a server is not impressed.
func (c *cluster) stillWorks(victim, other zab.Sid) {
	c.t.Helper()
	c.peers[other].Send([]zab.Message{vote(other, victim, 77)})
	until(c.t, c.rec[victim], 77)
	c.join(other, victim, 77)
}

func TestGarbageOnTheElectionPortIsNamedAndHurtsNobody(t *testing.T) {
	for name, in := range badHandshakes {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			logger, logs, lines := observed(zapcore.WarnLevel)
			p, _ := c.start(2, func(cfg *Config) { cfg.Logger = logger })
			c.start(1)
			from := refused(t, c.servers[1].Election[0], in.in)
			receive(t, lines, "a line in the log")
			e := logs.All()[0]
			require.Equal(t, "connection refused", e.Message)
			require.Equal(t, from, e.ContextMap()["address"])
			require.Equal(t, "election", e.ContextMap()["port"])
			require.Contains(t, e.ContextMap()["error"], in.want)
			require.Equal(t, uint64(1), p.Status().Refused)
			c.stillWorks(2, 1)
		})
	}
}

// firstPacket is one packet.
func firstPacket(t zab.Type, data []byte) []byte {
	return encode([]zab.Message{{Type: t, Data: data}})
}

func learnerInfo(sid zab.Sid, version int32) []byte {
	i := zab.LearnerInfo{Sid: sid, ProtocolVersion: version}
	return i.AppendTo(nil)
}

func TestGarbageOnTheQuorumPortIsNamedAndHurtsNobody(t *testing.T) {
	for name, in := range map[string]struct {
		in   []byte
		want string
	}{
		"web":          {[]byte("GET / HTTP/1.1\r\n\r\n"), "an HTTP client?"},
		"tls":          {[]byte{0x16, 3, 1, 2, 0, 1, 0, 1}, "a TLS handshake?"},
		"ack first":    {firstPacket(zab.Ack, nil), "the first packet is ACK"},
		"no data":      {firstPacket(zab.FollowerInfo, nil), "learner info of 0 bytes"},
		"old protocol": {firstPacket(zab.FollowerInfo, learnerInfo(1, 1)), "older than 0x10000"},
		"negative id":  {firstPacket(zab.ObserverInfo, learnerInfo(-1, 0x10000)), "negative server id"},
		"our id":       {firstPacket(zab.FollowerInfo, learnerInfo(2, 0x10000)), "same myid"},
		"huge data":    {firstPacket(zab.FollowerInfo, make([]byte, 2*maxFirst)), "packets of at most"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			logger, logs, lines := observed(zapcore.WarnLevel)
			_, r := c.start(2, func(cfg *Config) { cfg.Logger = logger })
			c.start(1)
			from := refused(t, c.servers[1].Quorum[0], in.in)
			receive(t, lines, "a line in the log")
			e := logs.All()[0]
			require.Equal(t, from, e.ContextMap()["address"])
			require.Equal(t, "quorum", e.ContextMap()["port"])
			require.Contains(t, e.ContextMap()["error"], in.want)
			c.stillWorks(2, 1)
			require.Empty(t, r.ends)
		})
	}
}

func TestGarbageAfterAGoodBeginningEndsTheLink(t *testing.T) {
	for name, in := range map[string][]byte{
		"no packet":      []byte("what is this?"),
		"internal order": encode([]zab.Message{{Type: zab.Replay}}),
		"snapshot":       encode([]zab.Message{{Type: zab.Snap}}),
		"huge":           append(encode([]zab.Message{{Type: zab.Ack}})[:12], 0x7f, 0xff, 0xff, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			_, r := c.start(2)
			c.start(1)
			refused(t, c.servers[1].Quorum[0], append(firstPacket(zab.FollowerInfo, learnerInfo(9, 0x10000)), in...))
			m := r.next(t)
			e := receive(t, r.ends, "the end")
			require.Equal(t, zab.Link{Peer: 9, Link: m.Link}, e.link)
			require.ErrorContains(t, e.reason, "bad packet")
			c.stillWorks(2, 1)
		})
	}
}

func TestGarbageOnAnElectionConnectionEndsIt(t *testing.T) {
	for name, in := range map[string][]byte{
		"length 0":          {0, 0, 0, 0},
		"huge":              {0x7f, 0xff, 0xff, 0xff},
		"29 bytes":          append([]byte{0, 0, 0, 29}, make([]byte, 29)...),
		"impossible config": append([]byte{0, 0, 0, 44}, append(append(make([]byte, 39), 2), 0x7f, 0, 0, 0)...),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3)
			logger, logs, lines := observed(zapcore.WarnLevel)
			_, r := c.start(1, func(cfg *Config) { cfg.Logger = logger })
			c.start(2)
			refused(t, c.servers[0].Election[0], append(encodeHello(hello{3, []string{"127.0.0.1:1"}}, false), in...))
			receive(t, lines, "a line in the log")
			require.Contains(t, logs.All()[0].ContextMap()["error"], "server 3: bad")
			require.Empty(t, r.msgs)
			c.stillWorks(1, 2)
		})
	}
}

func TestServerWithOurOwnIDIsNamed(t *testing.T) {
	c := newCluster(t, 2)
	logger, logs, lines := observed(zapcore.WarnLevel)
	c.start(2, func(cfg *Config) { cfg.Logger = logger })
	refused(t, c.servers[1].Election[0], encodeHello(hello{2, []string{"127.0.0.1:1"}}, false))
	receive(t, lines, "a line in the log")
	require.Contains(t, logs.All()[0].ContextMap()["error"], "two servers have the same myid")
}

// A server that is no member may be one that is about to join. It is heard, and both ports say that it is none.
func TestServerThatIsNoMemberIsNamed(t *testing.T) {
	c := newCluster(t, 2)
	logger, logs, lines := observed(zapcore.InfoLevel)
	_, r := c.start(2, func(cfg *Config) { cfg.Logger = logger })
	c.start(1)
	said := func(message string) any {
		for receive(t, lines, message).Message != message {
			continue
		}
		return logs.FilterMessage(message).FilterField(zap.Int64("peer", 9)).All()[0].ContextMap()["member"]
	}
	nc := dialHello(t, c.servers[1].Election[0], hello{9, []string{"127.0.0.1:1"}}, false)
	require.Equal(t, false, said("election connection established"))
	require.NoError(t, nc.Close())
	nc, err := net.Dial("tcp", c.servers[1].Quorum[0])
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write(firstPacket(zab.FollowerInfo, learnerInfo(9, 0x10000)))
	require.NoError(t, err)
	require.Equal(t, false, said("learner connected"))
	require.Equal(t, zab.FollowerInfo, r.next(t).Type)
	c.stillWorks(2, 1)
	require.Equal(t, true, logs.FilterMessage("election connection established").FilterField(zap.Int64("peer", 1)).All()[0].ContextMap()["member"])
}

func TestSilentConnectionsAreClosedInTime(t *testing.T) {
	c := newCluster(t, 2)
	logger, logs, lines := observed(zapcore.WarnLevel)
	c.start(2, func(cfg *Config) { cfg.Logger, cfg.CnxTimeout = logger, 50*time.Millisecond })
	for _, address := range []string{c.servers[1].Election[0], c.servers[1].Quorum[0]} {
		refused(t, address, nil)
		receive(t, lines, "a line in the log")
		refused(t, address, []byte{0})
		receive(t, lines, "a line in the log")
	}
	require.Equal(t, "it did not say who it is within 50ms", logs.All()[0].ContextMap()["error"])
}

func TestCrowdOfSilentConnectionsKeepsNobodyOut(t *testing.T) {
	c := newCluster(t, 2)
	c.start(2)
	var silent []net.Conn
	for range 2 * maxUnnamed {
		for _, address := range []string{c.servers[1].Election[0], c.servers[1].Quorum[0]} {
			nc, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer nc.Close()
			silent = append(silent, nc)
		}
	}
	c.start(1)
	c.stillWorks(2, 1)
	require.NoError(t, silent[0].SetDeadline(time.Now().Add(patient)))
	_, err := silent[0].Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the oldest had to go")
}

func TestManyComplaintsAreFewLines(t *testing.T) {
	c := newCluster(t, 1)
	logger, logs, _ := observed(zapcore.WarnLevel)
	p, _ := c.start(1, func(cfg *Config) { cfg.Logger = logger })
	for range 50 {
		refused(t, c.servers[0].Quorum[0], []byte("GET / HTTP/1.1\r\n\r\n"))
	}
	require.Equal(t, uint64(50), p.Status().Refused)
	require.Equal(t, complainAtMost, logs.Len())
	p.gates[quorumPort].mu.Lock()
	p.gates[quorumPort].window = time.Now().Add(-complainEvery)
	p.gates[quorumPort].mu.Unlock()
	refused(t, c.servers[0].Quorum[0], []byte("GET / HTTP/1.1\r\n\r\n"))
	require.EqualValues(t, 50-complainAtMost, logs.All()[complainAtMost].ContextMap()["alike"])
}

func TestStrangersAreForgotten(t *testing.T) {
	c := newCluster(t, 1)
	p, r := c.start(1)
	for i := range 3 * maxStrangers {
		nc := dialHello(t, c.servers[0].Election[0], hello{zab.Sid(100 + i), []string{fmt.Sprintf("127.0.0.1:%d", 1+i)}}, false)
		_, err := nc.Write(appendFrame(nil, vote(zab.Sid(100+i), 1, 1).Vote))
		require.NoError(t, err)
		require.Equal(t, zab.Sid(100+i), r.next(t).From)
		_ = nc.Close()
	}
	require.LessOrEqual(t, len(p.Status().Voters), maxStrangers+1)
}

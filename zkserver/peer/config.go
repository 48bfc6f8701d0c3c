package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Server is one member of the ensemble, this one included: a line server.N of the configuration.
type Server struct {
	ID zab.Sid
	// Quorum and Election are the addresses of the two ports, "host:port" (IPv6 in brackets), in the order of the
	// configuration; more than one with server.N=a:2888:3888|b:2888:3888. Names are resolved at each dial.
	Quorum, Election []string
	// Master are the addresses of its port for observers (observerMasterPort); none if it serves them by its quorum port only.
	Master []string
}

// Config is what Peers starts from. Durations of 0 stand for the defaults.
type Config struct {
	// ID is this server's.
	ID zab.Sid
	// Servers are all members, this one included. SetServers changes them.
	Servers []Server

	// CnxTimeout bounds a dial, and how long a new connection may take to say who it is (cnxTimeout). Default 5 s.
	CnxTimeout time.Duration
	// ConnectTimeout is how long a leader is dialed (connectToLearnerMasterLimit x tickTime). Default: InitTimeout.
	ConnectTimeout time.Duration
	// AnswerTimeout is how long a host may leave attempts to reach its quorum port without connection or refusal. Then it is
	// silent (VoterStatus). Default 1 s; 3 s on Windows, which takes two seconds to tell of a refusal.
	AnswerTimeout time.Duration
	// InitTimeout is initLimit x tickTime: so long may a snapshot, or anything else that is written on a link, make no
	// progress. Default 10 s.
	InitTimeout time.Duration
	// SyncTimeout is syncLimit x tickTime. A link on which the peer's system takes nothing for InitTimeout and SyncTimeout
	// together is ended, where the system can tell (Linux). A shorter time would end learners that are busy installing what
	// they were sent; that a peer is silent while it should not be is noticed by zab. Default 5 s.
	SyncTimeout time.Duration
	// LingerTime is how long a dropped link may take to send what it has, and the other end to take it and hang up. Default 1 s.
	LingerTime time.Duration

	// ListenOnAllIPs opens the ports on all addresses of the machine (quorumListenOnAllIPs).
	ListenOnAllIPs bool
	// MultiAddress tells others all our addresses, in a form that servers before 3.6 do not understand
	// (multiAddress.enabled). We understand both forms either way.
	MultiAddress bool
	// BindRetry is after how many failures in a row to open a port BindFailed is called, once per port
	// (electionPortBindRetry). Opening is tried on in any case. 0: never.
	BindRetry  int
	BindFailed func(error)
	// KeepAlive turns TCP keepalive on (tcpKeepAlive), on the election connections.
	KeepAlive bool

	// MaxPacket is the longest packet taken on a link, in bytes. Default 2 x 1 MiB + 64 KiB: what the original takes with
	// its default jute.maxbuffer and extra size.
	MaxPacket int
	// MaxQueue is how many bytes may wait on one link to be sent; more closes it. Default 256 MiB: a learner that receives
	// a snapshot reads nothing else, so what is proposed meanwhile waits here.
	MaxQueue int

	Logger *zap.Logger // default: none

	// TLS makes the connections secure. Default: none.
	TLS *TLS

	// Listen and Dial are seams, for tests. Default: TCP.
	Listen func(ctx context.Context, address string) (net.Listener, error)
	Dial   func(ctx context.Context, address string) (net.Conn, error)
}

func (c *Config) setDefaults() {
	def := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	def(&c.CnxTimeout, 5*time.Second)
	def(&c.AnswerTimeout, defaultAnswerTime())
	def(&c.InitTimeout, 10*time.Second)
	def(&c.SyncTimeout, 5*time.Second)
	def(&c.LingerTime, time.Second)
	def(&c.ConnectTimeout, c.InitTimeout)
	if c.MaxPacket == 0 {
		c.MaxPacket = 2<<20 + 64<<10
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 256 << 20
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	c.TLS = c.TLS.withDefaults()
	if c.Listen == nil {
		c.Listen = listenTCP
	}
	if c.Dial == nil {
		c.Dial = dialTCP
	}
}

func (c *Config) validate() error {
	if c.ID < 0 {
		return fmt.Errorf("peer: server id %d is negative", c.ID)
	}
	if min(c.CnxTimeout, c.ConnectTimeout, c.AnswerTimeout, c.InitTimeout, c.SyncTimeout) < 0 || c.MaxPacket < 0 || c.MaxQueue < 0 || c.BindRetry < 0 {
		return errors.New("peer: negative time or size")
	}
	if !slices.ContainsFunc(c.Servers, func(s Server) bool { return s.ID == c.ID }) {
		return fmt.Errorf("peer: no server.%d line for this server", c.ID)
	}
	return checkServers(c.Servers)
}

// checkServers tells what is wrong with a list of members.
func checkServers(servers []Server) error {
	var errs []error
	seen := make(map[zab.Sid]bool)
	for _, s := range servers {
		if seen[s.ID] {
			errs = append(errs, fmt.Errorf("peer: server.%d is there twice", s.ID))
		}
		seen[s.ID] = true
		if len(s.Quorum) == 0 || len(s.Election) == 0 {
			errs = append(errs, fmt.Errorf("peer: server.%d has no address", s.ID))
		}
		for _, a := range slices.Concat(s.Quorum, s.Election, s.Master) {
			if _, _, err := splitAddress(a); err != nil {
				errs = append(errs, fmt.Errorf("peer: server.%d: %w", s.ID, err))
			}
		}
	}
	return errors.Join(errs...)
}

package config

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// Ensemble is what is set about the servers that decide together. With no Servers, or just one voter among them and
// StandaloneEnabled, a server runs alone and nothing of this matters: see Distributed.
type Ensemble struct {
	// MyID is this server's number among Servers: the content of the file myid in DataDir, or else the key myid
	// (-Dzookeeper.myid, ZOO_MY_ID). quorum.None, the default, when it has none.
	MyID quorum.Sid
	Members
	// DynamicFile is the file that held Members (dynamicConfigFile); empty when they stood in zoo.cfg itself.
	DynamicFile string
	// LastSeen is the membership that was proposed when the server stopped and may or may not have been decided (the file
	// zoo.cfg.dynamic.next); nil when there is none.
	LastSeen *Members
	// OraclePath is a file that contains 1 on the server of two that may go on alone; empty for none.
	OraclePath string

	// StandaloneEnabled lets a server whose configuration has a single voter run alone (default true). Otherwise it is an
	// ensemble of one, which others can join later.
	StandaloneEnabled bool
	// ReconfigEnabled allows the membership to be changed in the running ensemble (default false).
	ReconfigEnabled bool
	// InitLimit is how many ticks a follower may take to connect to a new leader and to get its data, and ConnectLimit
	// (connectToLearnerMasterLimit, default InitLimit) how many of them for the connecting alone. There is no default:
	// zoo.cfg must give initLimit and syncLimit.
	InitLimit, ConnectLimit int
	// SyncLimit is how many ticks a follower or leader may be silent.
	SyncLimit int
	// LeaderServes lets the leader serve clients (default true).
	LeaderServes bool
	// LocalSessions makes the sessions of new clients local: only their server knows them (localSessionsEnabled, default
	// false), and LocalSessionsUpgrading lets those become global when they create an ephemeral (default false).
	LocalSessions, LocalSessionsUpgrading bool
	// RejoinGrace is how long clients stay connected while the ensemble is without a leader: those whose server finds its
	// way back in time feel a pause, no disconnect (holdfast.rejoinGrace, default 1 s; 0 closes all at once, as the
	// original does).
	RejoinGrace time.Duration
	// CommitLogCount is how many committed transactions stay in memory for followers that come back (default 500).
	CommitLogCount int
	// MaxSnapSyncs and MaxDiffSyncs limit how many followers are brought up to date at the same time by a snapshot
	// (maxConcurrentSnapSyncs, default 10) and by the log (maxConcurrentDiffSyncs, default 100).
	MaxSnapSyncs, MaxDiffSyncs int
	// NotifyMin and NotifyMax bound the interval in which a vote is repeated while the election goes on
	// (fastleader.minNotificationInterval, default 200 ms, and maxNotificationInterval, default 6 s).
	NotifyMin, NotifyMax time.Duration

	// ConnectTimeout is for opening a connection to another server (cnxTimeout, default 5 s).
	ConnectTimeout time.Duration
	// QuorumKeepAlive sets the keep-alive flag on the sockets between servers (tcpKeepAlive, default false).
	QuorumKeepAlive bool
	// ListenOnAllIPs opens the quorum and the election port on all addresses of the machine in place of those in Servers
	// (quorumListenOnAllIPs, default false).
	ListenOnAllIPs bool
	// ObserverMasterPort is the port on which followers serve observers, the same on all of them; observers join followers by
	// it (observerMasterPort); 0, the default, for none: all observers get their data from the leader.
	ObserverMasterPort int
	// BindRetries is how often opening the election port is tried before the server gives up (electionPortBindRetry);
	// 0, the default, for ever. The original's default is 3 (ZOOKEEPER-3320 tells how that ends).
	BindRetries int
	// MultiAddress allows more than one address for a server, and tells other servers of all of them
	// (multiAddress.enabled, default false: releases before 3.6 do not understand it).
	MultiAddress bool
}

// Members is who is in the ensemble, and how much of it decides: what a dynamic configuration says.
type Members struct {
	// Version is the zxid of the reconfiguration that made it; 0 for one that an operator wrote.
	Version int64
	// Servers are the lines server.N, by N.
	Servers []Server
	// Groups are the lines group.N, by N; none for a plain majority. Weights are the lines weight.N.
	Groups  []quorum.Group
	Weights map[quorum.Sid]int64
}

// Server is one line server.N=host:quorumPort:electionPort[:role][|host:…][;[clientHost:]clientPort].
type Server struct {
	ID        quorum.Sid
	Addresses []Address
	Observer  bool
	// ClientHost and ClientPort are the part behind the semicolon; port 0 when there is none. A missing ClientHost is
	// 0.0.0.0.
	ClientHost string
	ClientPort int
}

// Address is one of a server's addresses.
type Address struct {
	Host                     string // a name or an address, without brackets
	QuorumPort, ElectionPort int
}

// Quorum is the address of the quorum port, as net.Dial takes it.
func (a Address) Quorum() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.QuorumPort)) }

// Election is the address of the election port, as net.Dial takes it.
func (a Address) Election() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.ElectionPort)) }

// Client is the client address, as net.Dial takes it; empty when the line has none.
func (s *Server) Client() string {
	if s.ClientPort == 0 {
		return ""
	}
	return net.JoinHostPort(s.ClientHost, strconv.Itoa(s.ClientPort))
}

// String is the value of the line as the original prints it.
func (s *Server) String() string {
	addresses := slices.Clone(s.Addresses)
	slices.SortStableFunc(addresses, func(a, b Address) int { return cmp.Compare(a.Host, b.Host) })
	var b strings.Builder
	for i, a := range addresses {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d", a.Quorum(), a.ElectionPort)
	}
	if s.Observer {
		b.WriteString(":observer")
	} else {
		b.WriteString(":participant")
	}
	if s.ClientPort != 0 {
		b.WriteString(";" + s.Client())
	}
	return b.String()
}

// Text is the membership as the original prints it, the data of /zookeeper/config: lines server.N, group.N, weight.N and
// at the end version in hexadecimal, without a newline behind it.
func (m *Members) Text() string {
	return strings.Join(append(m.lines(), "version="+strconv.FormatInt(m.Version, 16)), "\n")
}

func (m *Members) lines() []string {
	var out []string
	for i := range m.Servers {
		out = append(out, fmt.Sprintf("server.%d=%s", m.Servers[i].ID, &m.Servers[i]))
	}
	for _, g := range m.Groups {
		ids := make([]string, len(g.Members))
		for i, id := range g.Members {
			ids[i] = id.String()
		}
		out = append(out, fmt.Sprintf("group.%d=%s", g.ID, strings.Join(ids, ":")))
	}
	for i := range m.Servers {
		if w, ok := m.Weights[m.Servers[i].ID]; ok {
			out = append(out, fmt.Sprintf("weight.%d=%d", m.Servers[i].ID, w))
		}
	}
	return out
}

// Server finds the line of a server; nil when there is none.
func (m *Members) Server(id quorum.Sid) *Server {
	for i := range m.Servers {
		if m.Servers[i].ID == id {
			return &m.Servers[i]
		}
	}
	return nil
}

// Voters are the servers that are no observers.
func (m *Members) Voters() []quorum.Sid {
	var out []quorum.Sid
	for i := range m.Servers {
		if !m.Servers[i].Observer {
			out = append(out, m.Servers[i].ID)
		}
	}
	return out
}

// Quorum is the rule that the lines make: more than half of the voters, or of the groups and weights.
func (m *Members) Quorum() (quorum.Verifier, error) {
	if len(m.Groups) > 0 {
		return quorum.NewHierarchical(m.Groups, m.Weights)
	}
	return quorum.NewMajority(m.Voters()...)
}

// Distributed tells whether this server is one of an ensemble; if not, it runs alone, whatever the server lines say.
func (e *Ensemble) Distributed() bool {
	return len(e.Servers) > 0 && (!e.StandaloneEnabled || len(e.Voters()) > 1)
}

// Observer tells whether this server has no vote.
func (e *Ensemble) Observer() bool {
	s := e.Server(e.MyID)
	return s != nil && s.Observer
}

// Tolerance is how many of n voters may fail while the others still decide: 0 of 2, 1 of 3 and of 4, 2 of 5 and of 6.
func Tolerance(n int) int { return max(0, (n-1)/2) }

func defaultEnsemble() Ensemble {
	return Ensemble{
		MyID: quorum.None, StandaloneEnabled: true, LeaderServes: true, RejoinGrace: time.Second, CommitLogCount: 500,
		MaxSnapSyncs: 10, MaxDiffSyncs: 100, NotifyMin: 200 * time.Millisecond, NotifyMax: 6 * time.Second,
		ConnectTimeout: 5 * time.Second,
	}
}

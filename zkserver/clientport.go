package zkserver

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// A reconfiguration may move the client port of a server (server.N=...;host:port). The new port is opened at once and the old
// one closed; clients that are connected stay, as with the original (ServerCnxnFactory.reconfigure). Where the new port cannot be
// opened the original leaves the server without any; here the old one stays open until the new one is, which is tried on.

// portMoves are the moves of the client port.
type portMoves struct {
	mu     sync.Mutex             // one at a time
	wanted atomic.Pointer[string] // host:port; nil as long as it is where the configuration has it
}

// Waits between attempts to open the new port.
const (
	moveWaitMin = 50 * time.Millisecond
	moveWaitMax = 3 * time.Second
)

// clientAddr is where clients are served, or are about to be.
func (s *Server) clientAddr() string {
	if a := s.moves.wanted.Load(); a != nil {
		return *a
	}
	if !s.cfg.HasPlainPort() {
		return ""
	}
	return s.cfg.ClientAddr()
}

// clientAddrOf is the client port of this server in a membership; empty if that names none.
func (s *Server) clientAddrOf(m *quorum.Membership) string {
	own, ok := m.Member(s.cfg.MyID)
	if !ok || own.ClientPort == 0 {
		return ""
	}
	host := own.ClientHost
	if host == "" {
		host = "0.0.0.0"
	}
	return net.JoinHostPort(host, strconv.Itoa(own.ClientPort))
}

// followClientPort moves the client port if it is another in a membership than before.
func (s *Server) followClientPort(before, now *quorum.Membership) {
	was, to := s.clientAddrOf(before), s.clientAddrOf(now)
	if was == "" {
		was = s.cfg.ClientAddr()
	}
	if to == "" || to == was || s.port == nil {
		return
	}
	s.moves.wanted.Store(&to)
	s.group.Go(func() { s.moveClientPort(&to) })
}

// moveClientPort opens the port at another address, until it is open or wanted elsewhere.
func (s *Server) moveClientPort(to *string) {
	s.moves.mu.Lock()
	defer s.moves.mu.Unlock()
	for wait := moveWaitMin; s.moves.wanted.Load() == to; wait = min(2*wait, moveWaitMax) {
		l, err := s.listenAt(*to)
		if sock.AddressInUse(err) && portOf(s.Addr()) == portNumber(*to) {
			s.port.Unlisten() // it is this server that is in the way: only the address is another
			l, err = s.listenAt(*to)
		}
		if err == nil {
			if s.port.Move(l) {
				s.log.Info("the client port has moved; who is connected stays", zap.Stringer("address", l.Addr()))
			}
			return
		}
		s.log.Error("the client port cannot be moved to where the new configuration has it; trying on",
			zap.String("address", *to), zap.Error(err))
		t := s.clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-s.quit:
			t.Stop()
			return
		case <-s.failed:
			t.Stop()
			return
		}
	}
}

func (s *Server) listenAt(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	c := s.cfg
	c.ClientPortAddress = host
	if c.ClientPort, err = strconv.Atoi(port); err != nil {
		return nil, err
	}
	return listen(&c)
}

// portNumber is the port of host:port, 0 if there is none.
func portNumber(address string) int {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port)
	return n
}

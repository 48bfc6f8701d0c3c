package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
)

// portKind tells the ports apart.
type portKind int

const (
	electionPort portKind = iota
	quorumPort
	masterPort // the quorum port of a server that need not lead, for observers
	portKinds
)

// String names the port.
func (k portKind) String() string {
	return [portKinds]string{"election", "quorum", "observer"}[k]
}

// Waits between attempts to open a port, or to accept when the system has no more descriptors.
const (
	bindWaitMin = 50 * time.Millisecond
	bindWaitMax = 3 * time.Second
)

// port listens on one address. It never gives up (ZOOKEEPER-3320): what keeps it from opening may pass.
type port struct {
	p       *Peers
	kind    portKind
	address string
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	listener net.Listener // nil while not open
	failures int
	last     error
}

// openPorts closes the ports and opens them on this server's present addresses. The lock of Peers is held.
func (p *Peers) openPorts() {
	for _, old := range p.ports {
		old.close()
	}
	p.ports = nil
	own := p.servers[p.cfg.ID]
	for k, addresses := range [][]string{electionPort: own.Election, quorumPort: own.Quorum, masterPort: own.Master} {
		seen := make(map[string]bool)
		for _, a := range addresses {
			if p.cfg.ListenOnAllIPs {
				_, n, _ := splitAddress(a) // checked before
				a = net.JoinHostPort("", strconv.Itoa(n))
			}
			if seen[a] {
				continue
			}
			seen[a] = true
			port := &port{p: p, kind: portKind(k), address: a}
			port.ctx, port.cancel = context.WithCancel(p.ctx)
			p.ports = append(p.ports, port)
			p.run(port.run)
		}
	}
}

// run opens the port, again and again, and accepts.
func (l *port) run() {
	defer l.cancel()
	wait := bindWaitMin
	for l.ctx.Err() == nil {
		ln, err := l.p.cfg.Listen(l.ctx, l.address)
		if err == nil {
			if !l.opened(ln) {
				return
			}
			wait = bindWaitMin
			err = l.accept(ln)
			_ = ln.Close()
		}
		if l.ctx.Err() != nil {
			return
		}
		l.failed(err)
		pause(l.ctx, wait)
		wait = min(2*wait, bindWaitMax)
	}
}

// opened takes note of the listener, unless the port has been closed meanwhile.
func (l *port) opened(ln net.Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		_ = ln.Close()
		return false
	}
	l.listener, l.failures, l.last = ln, 0, nil
	l.p.log.Info("listening for peers", zap.Stringer("port", l.kind), zap.Stringer("address", ln.Addr()))
	return true
}

// failed takes note of a failure: in the log at first, then ever more rarely.
func (l *port) failed(err error) {
	l.mu.Lock()
	l.listener, l.last = nil, err
	l.failures++
	n := l.failures
	l.mu.Unlock()
	if n&(n-1) == 0 {
		l.p.log.Error("cannot listen for peers: this server cannot take part until it can; trying on",
			zap.Stringer("port", l.kind), zap.String("address", l.address), zap.Int("failures", n), zap.Error(err))
	}
	if n == l.p.cfg.BindRetry && l.p.cfg.BindFailed != nil {
		l.p.cfg.BindFailed(fmt.Errorf("peer: %s port %s could not be opened %d times in a row: %w", l.kind, l.address, n, err))
	}
}

// accept takes connections until the listener fails for good.
func (l *port) accept(ln net.Listener) error {
	fails := 0
	for {
		c, err := ln.Accept()
		if err == nil {
			fails = 0
			l.admit(c)
			continue
		}
		if fails++; fails > 5 || l.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		l.p.log.Warn("accepting a peer failed", zap.Stringer("port", l.kind), zap.Error(err))
		pause(l.ctx, bindWaitMin<<fails) // no descriptors, most likely
	}
}

// admit gives a connection a goroutine and CnxTimeout to say who it is.
func (l *port) admit(c net.Conn) {
	g := &l.p.gates[l.kind]
	oldest, ok := g.enter(c)
	if !ok {
		_ = c.Close()
		return
	}
	if oldest != nil {
		l.p.complain(l.kind, oldest, fmt.Errorf("it has not said who it is, and %d more wait to do so", maxUnnamed))
		_ = oldest.Close()
	}
	_ = c.SetDeadline(time.Now().Add(l.p.cfg.CnxTimeout))
	serve := l.p.serveElection
	if l.kind != electionPort {
		serve = func(c net.Conn) { l.p.serveLearner(l.kind, c) }
	}
	if !l.p.run(func() { serve(c) }) {
		g.leave(c)
		_ = c.Close()
	}
}

func (l *port) close() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
	}
}

func (l *port) status() PortStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := PortStatus{Name: l.kind.String(), Address: l.address, Failures: l.failures, Open: l.listener != nil}
	if s.Open {
		s.Address = l.listener.Addr().String()
	}
	if l.last != nil {
		s.LastError = l.last.Error()
	}
	return s
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

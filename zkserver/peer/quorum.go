package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// maxAccepted bounds the links to learners, members or not.
const maxAccepted = 4096

// Waits between attempts to reach the leader: it may have opened its port a moment after we have elected it.
const (
	redialMin = 10 * time.Millisecond
	redialMax = 100 * time.Millisecond
	// redialSecure is the longest wait after a handshake of TLS that failed.
	redialSecure = time.Second
	// refusedMax is how long a leader's machine may answer that nobody listens. A leader opens its quorum port at once; one of
	// the original that has just shut down still tells for a second, in the election, that it leads (seen when the counter of
	// its zxids runs out: ZOOKEEPER-1277), and so two followers may send each other back to it. The original's learners give
	// up after five tries and 400 ms (Learner.connectToLeader).
	refusedMax = 500 * time.Millisecond
)

// serveLearner is the goroutine of a connection that was accepted on the quorum port, or on the port for observers.
func (p *Peers) serveLearner(kind portKind, c net.Conn) {
	raw := c
	c, head, err := p.shaken(raw)
	src := &source{nc: c, head: head}
	r := newReader(src, maxFirst)
	var first zab.Message
	if err == nil {
		first, err = r.one()
	}
	var info zab.LearnerInfo
	if err == nil {
		info, err = p.learner(kind, &first)
	}
	if err == nil {
		err = p.plainRefused(head, fmt.Sprintf("server %d", info.Sid))
	}
	if named := p.gates[kind].leave(raw); err != nil || !named {
		if named {
			p.complain(kind, c, err)
		}
		_ = c.Close()
		return
	}
	_ = c.SetDeadline(time.Time{})
	setOptions(c, false, p.cfg.InitTimeout+p.cfg.SyncTimeout)
	r.limit = p.cfg.MaxPacket
	l := newLink(p, zab.Link{Peer: info.Sid, Link: p.accepted.Add(1)})
	first.Relay = kind == masterPort
	l.observer, l.relay, l.nc = first.Type == zab.ObserverInfo, first.Relay, c
	p.mu.Lock()
	if p.ctx.Err() != nil || len(p.links) >= maxAccepted {
		p.mu.Unlock()
		p.complain(kind, c, fmt.Errorf("server %d: there are %d links already", info.Sid, maxAccepted))
		_ = c.Close()
		return
	}
	_, known := p.servers[info.Sid]
	p.links[l.id] = l
	l.track(p.tracked)
	p.mu.Unlock()
	p.log.Info("learner connected", zap.Int64("peer", int64(info.Sid)), zap.Uint64("link", l.id.Link),
		zap.Stringer("port", kind), zap.Stringer("address", c.RemoteAddr()), zap.Stringer("as", first.Type), zap.Bool("member", known), tlsField(c))
	l.heard([]zab.Message{first})
	l.deliver([]zab.Message{first})
	l.serve(r, src)
	l.over()
}

// learner looks at the first packet of a connection.
func (p *Peers) learner(kind portKind, m *zab.Message) (info zab.LearnerInfo, err error) {
	if kind == masterPort && m.Type != zab.ObserverInfo {
		return info, fmt.Errorf("the first packet is %s, want OBSERVERINFO: only observers are served by this port", m.Type)
	}
	if m.Type != zab.FollowerInfo && m.Type != zab.ObserverInfo {
		return info, fmt.Errorf("the first packet is %s, want FOLLOWERINFO or OBSERVERINFO", m.Type)
	}
	if err := info.Decode(m.Data); err != nil {
		return info, err
	}
	switch {
	case info.Sid < 0:
		return info, fmt.Errorf("negative server id %d", info.Sid)
	case info.Sid == p.cfg.ID:
		return info, fmt.Errorf("it has this server's own id %d: two servers have the same myid", info.Sid)
	}
	return info, nil
}

// runLearner is the goroutine of a link to the leader: it dials until there is a connection, the core drops the link, or
// dialLeader gives up.
func (l *link) runLearner() {
	defer l.over()
	c, err := l.dialLeader()
	if err != nil {
		l.end(err)
		return
	}
	setOptions(c, false, l.p.cfg.InitTimeout+l.p.cfg.SyncTimeout)
	if !l.connected(c) {
		return
	}
	l.p.log.Info("connected to the leader", zap.Bool("relay", l.relay), zap.Int64("peer", int64(l.id.Peer)), zap.Uint64("link", l.id.Link),
		zap.Stringer("address", c.RemoteAddr()), tlsField(c))
	src := &source{nc: c}
	l.serve(newReader(src, l.p.cfg.MaxPacket), src)
}

func (l *link) dialLeader() (net.Conn, error) {
	if l.relay {
		return l.dialMaster()
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.p.cfg.ConnectTimeout)
	defer cancel()
	var last error
	var refused time.Duration
	var since time.Time // from when on there was no answer
	var longest time.Duration
	for wait := redialMin; ; wait = min(2*wait, longest) {
		s, ok := l.p.server(l.id.Peer)
		if !ok {
			return nil, fmt.Errorf("leader %d is not among the members known here", l.id.Peer)
		}
		begin := time.Now()
		c, err := l.p.dialSecured(ctx, s.Quorum, func(list []string) (net.Conn, string, error) { return l.p.reach(ctx, list) })
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, ErrSilent) {
			since = time.Time{}
		} else if since.IsZero() {
			since = begin
		}
		if !since.IsZero() && time.Since(since) >= l.p.cfg.AnswerTimeout && ctx.Err() == nil {
			l.p.fellSilent(l.id.Peer)
			return nil, fmt.Errorf("leader %d does not answer for %s: %w", l.id.Peer, l.p.cfg.AnswerTimeout, err)
		}
		if ctx.Err() == nil || last == nil {
			if last == nil {
				l.p.log.Info("leader not reached yet, trying on", zap.Int64("peer", int64(l.id.Peer)), zap.Error(err))
			}
			last = err
		}
		if !sock.Refused(err) {
			refused = 0
		} else if refused += wait; refused > refusedMax {
			return nil, fmt.Errorf("leader %d does not listen for learners: %w", l.id.Peer, last)
		}
		if longest = redialMax; isHandshake(err) {
			longest = redialSecure // most likely it will be the same again
		}
		pause(ctx, wait)
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("leader %d not reached within %s: %w", l.id.Peer, l.p.cfg.ConnectTimeout, last)
		} else if err != nil {
			return nil, errDropped
		}
	}
}

// masterAnswer is how long a follower is tried that is to serve this observer: there are others. It opens its port for
// observers, if it is an original, when it is in sync with its leader.
const masterAnswer = 500 * time.Millisecond

// dialMaster reaches a follower by its port for observers.
func (l *link) dialMaster() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, masterAnswer)
	defer cancel()
	for wait := redialMin; ; wait = min(2*wait, redialMax) {
		s, _ := l.p.server(l.id.Peer)
		if len(s.Master) == 0 {
			return nil, fmt.Errorf("server %d has no port for observers here", l.id.Peer)
		}
		// The handshake has its own time: a virtual machine that has just started takes long for its first.
		c, err := l.p.dialSecured(l.ctx, s.Master, func(list []string) (net.Conn, string, error) { return l.p.dialAny(ctx, list, 1) })
		if err == nil {
			return c, nil
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return nil, fmt.Errorf("server %d does not serve observers: %w", l.id.Peer, err)
		}
	}
}

// dialOnce dials a server within CnxTimeout.
func (p *Peers) dialOnce(ctx context.Context, addresses []string) (net.Conn, error) {
	return p.dialSecured(ctx, addresses, func(list []string) (net.Conn, string, error) {
		limited, cancel := context.WithTimeout(ctx, p.cfg.CnxTimeout)
		defer cancel()
		return p.dialAny(limited, list, 1)
	})
}

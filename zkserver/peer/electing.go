package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Waits between attempts to reach a server for its vote.
const (
	revoteMin = 20 * time.Millisecond
	revoteMax = time.Second
)

// serveElection is the goroutine of a connection that was accepted on the election port.
func (p *Peers) serveElection(c net.Conn) {
	raw := c
	c, head, err := p.shaken(raw)
	var h hello
	if err == nil {
		h, err = readHello(&source{nc: c, head: head})
	}
	if err == nil {
		err = p.plainRefused(head, fmt.Sprintf("server %d", h.sid))
	}
	if err == nil && h.sid == p.cfg.ID {
		err = fmt.Errorf("it has this server's own id %d: two servers have the same myid", h.sid) // ZOOKEEPER-2164
	}
	var v *voter
	if err == nil {
		if v = p.voter(h.sid); v == nil {
			err = fmt.Errorf("server %d is not among the members known here, and there are too many of them", h.sid)
		}
	}
	if named := p.gates[electionPort].leave(raw); err != nil || !named {
		if named {
			p.complain(electionPort, c, err)
		}
		_ = c.Close()
		return
	}
	v.learn(h.addresses, c.RemoteAddr())
	if h.sid > p.cfg.ID {
		setOptions(c, p.cfg.KeepAlive, p.cfg.CnxTimeout)
		v.install(c)
		return
	}
	// The greater id opens the connection. The old one stays until there is a new one.
	_ = c.Close()
	v.askedBack()
}

// dial is the goroutine that connects to a server, until there is a connection or none is wanted any more.
func (v *voter) dial() {
	for v.wanted() {
		if !v.patience() {
			continue
		}
		c, err := v.p.dialOnce(v.p.ctx, v.addresses())
		switch {
		case err != nil:
			v.failed(err)
		case !v.wanted(): // it has dialed us meanwhile
			_ = c.Close()
			return
		default:
			v.greet(c)
		}
	}
}

// patience waits until it is time for the next attempt, and says when the one after it is. A server that has just asked to
// be dialed back is there, so it is dialed at once. It answers false when there may be nothing to dial any more.
func (v *voter) patience() bool {
	v.mu.Lock()
	d := time.Until(v.notYet)
	if v.atOnce || d <= 0 {
		v.wait = min(max(2*v.wait, revoteMin), revoteMax)
		v.notYet = time.Now().Add(v.wait)
		v.atOnce = false
		v.mu.Unlock()
		return true
	}
	v.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-v.poke:
	case <-v.p.ctx.Done():
	}
	return false
}

// heard takes note that the connection is of use: should it end, dialing begins without a wait.
func (v *voter) heard() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.unheard > 0 && v.conn != nil { // the log has not told of this connection
		v.p.log.Info("a peer is heard again", zap.Int64("peer", int64(v.sid)), zap.Stringer("address", v.conn.nc.RemoteAddr()), tlsField(v.conn.nc))
	}
	v.wait, v.notYet, v.unheard = 0, time.Time{}, 0
}

// failed takes note of a failed attempt.
func (v *voter) failed(err error) {
	v.mu.Lock()
	last := v.lastErr
	v.lastErr = err
	v.mu.Unlock()
	switch {
	case v.p.ctx.Err() != nil:
	case isHandshake(err) && (last == nil || last.Error() != err.Error()):
		v.p.log.Warn("no TLS with a peer on its election port, trying on", zap.Int64("peer", int64(v.sid)), zap.Error(err))
	case last == nil:
		v.p.log.Info("peer not reached on its election port, trying on", zap.Int64("peer", int64(v.sid)), zap.Error(err))
	}
}

// greet says who we are. If we have the smaller id, it waits until the other end has taken note, which it shows by closing,
// and gives it time to dial back.
func (v *voter) greet(c net.Conn) {
	setOptions(c, v.p.cfg.KeepAlive, v.p.cfg.CnxTimeout)
	stop := context.AfterFunc(v.p.ctx, func() { _ = c.Close() })
	defer stop()
	own, _ := v.p.server(v.p.cfg.ID)
	h := hello{sid: v.p.cfg.ID, addresses: advertised(v.p.ctx, own.Election, c.LocalAddr())}
	_ = c.SetDeadline(time.Now().Add(v.p.cfg.CnxTimeout))
	if _, err := c.Write(encodeHello(h, v.p.cfg.MultiAddress)); err != nil {
		_ = c.Close()
		v.failed(err)
		return
	}
	if v.sid < v.p.cfg.ID {
		v.install(c)
		return
	}
	if _, err := io.Copy(io.Discard, c); isAlert(err) {
		v.failed(v.p.cfg.TLS.failure(err, false))
	} else if err != nil {
		v.p.log.Debug("waiting to be dialed back", zap.Int64("peer", int64(v.sid)), zap.Error(err))
	}
	_ = c.Close()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.notYet = time.Now().Add(awaitBack)
}

// voterConn is an election connection in use.
type voterConn struct {
	v    *voter
	nc   net.Conn
	work chan struct{} // there may be something to send
	once sync.Once
	done chan struct{}
	// fresh is true until something is sent; guarded by the voter's lock.
	fresh bool
	// heard is true when something has come. The reader's.
	heard bool
}

func (c *voterConn) wake() {
	select {
	case c.work <- struct{}{}:
	default:
	}
}

func (c *voterConn) close() {
	c.once.Do(func() {
		close(c.done)
		_ = c.nc.Close()
	})
}

// write sends the newest notification whenever there is one.
func (c *voterConn) write() {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-c.work:
		case <-again.C:
		}
		frame, wait := c.v.take(c)
		if wait > 0 {
			again.Reset(wait)
		}
		if frame == nil {
			continue
		}
		_ = c.nc.SetWriteDeadline(time.Now().Add(c.v.p.cfg.CnxTimeout))
		if _, err := c.nc.Write(frame); err != nil {
			c.v.unsent(frame)
			c.close()
			return
		}
	}
}

// read hands over notifications until the connection ends.
func (c *voterConn) read() {
	err := c.notifications()
	c.close()
	if isAlert(err) {
		err = c.v.p.cfg.TLS.failure(err, false)
	}
	var bad *badFrame
	if errors.As(err, &bad) {
		c.v.p.complain(electionPort, c.nc, fmt.Errorf("server %d: %w", c.v.sid, err))
	}
	c.v.ended(c, err)
}

func (c *voterConn) notifications() error {
	r := bufio.NewReaderSize(c.nc, 1<<10)
	self := c.v.p.cfg.ID
	var msgs [1]zab.Message
	for {
		b, err := readFrame(r)
		if err != nil {
			return err
		}
		n, err := decodeNotification(b)
		if err != nil {
			return err
		}
		c.v.heard()
		c.heard = true
		n.From, n.To = c.v.sid, self
		msgs[0] = zab.Message{Type: zab.Notification, From: n.From, To: n.To, Vote: &n}
		c.v.p.handler.Messages(msgs[:])
	}
}

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/sock"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// A host that is up answers whoever dials it: with a connection, or with a refusal while the port is closed. From one that
// does neither, what it sends may still arrive: a leader whose network takes in nothing is such a host. It may be elected for
// what it says, and nobody can follow it.
const (
	// answerTime is how long a host may leave attempts to connect without an answer. Five are made in this time.
	answerTime = time.Second
	// slowRefusal is the same where the system itself tries on for two seconds after a refusal.
	slowRefusal = 3 * time.Second
	// silentTime is how long a host counts as silent at most after it was, unless it answers before.
	silentTime = 10 * time.Second
)

// ErrSilent is why the link to a leader ends that answers neither with a connection nor with a refusal.
var ErrSilent = errors.New("neither a connection nor a refusal")

func defaultAnswerTime() time.Duration {
	if runtime.GOOS == "windows" {
		return slowRefusal
	}
	return answerTime
}

// reach dials a server as dialOnce does, but several times at once, for the system takes its time to try again when a packet
// is lost. It fails with ErrSilent when there is no answer in AnswerTimeout. The time that it takes to resolve names does not
// count: that says nothing about the host.
func (p *Peers) reach(caller context.Context, addresses []string) (c net.Conn, address string, err error) {
	ctx, cancel := context.WithTimeout(caller, p.cfg.CnxTimeout)
	var patience sync.WaitGroup
	defer patience.Wait()
	defer cancel()
	patience.Go(func() {
		resolve(ctx, addresses)
		pause(ctx, p.cfg.AnswerTimeout+time.Duration(len(addresses)-1)*stagger)
		cancel()
	})
	c, address, err = p.dialAny(ctx, addresses, 1+int(p.cfg.AnswerTimeout/stagger))
	if err != nil && caller.Err() == nil && silent(err) {
		return nil, "", fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return c, address, err
}

// resolve waits until the names among the addresses are resolved, or cannot be.
func resolve(ctx context.Context, addresses []string) {
	for _, a := range addresses {
		host, _, err := splitAddress(a)
		if err == nil && net.ParseIP(host) == nil {
			_, _ = net.DefaultResolver.LookupHost(ctx, host) // whoever dials has the same error
		}
	}
}

// silent tells whether a failed dial was given no answer by any address. A name that cannot be resolved is no silence.
func silent(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of dialAny, not wrapped
		for _, e := range joined.Unwrap() {
			if !silent(e) {
				return false
			}
		}
		return true
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return false
	}
	var late net.Error
	return errors.Is(err, context.Canceled) || isCanceled(err) || errors.As(err, &late) && late.Timeout() || sock.TimedOut(err) || unroutable(err)
}

// isCanceled knows the error of a dial whose context was cancelled: package net has one of its own.
func isCanceled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Err != nil && op.Err.Error() == "operation was canceled"
}

// unroutable tells whether the network says that the host is not there. It may be news of a moment.
func unroutable(err error) bool {
	return sock.Unreachable(err)
}

// fellSilent takes note of a server whose quorum port gave no answer, and looks after it until it does.
func (p *Peers) fellSilent(sid zab.Sid) {
	v := p.voter(sid)
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.silentUntil = time.Now().Add(silentTime)
	if v.silent {
		return
	}
	v.silent = p.run(v.listenFor)
	p.log.Warn("a server does not answer: it is not voted for until it does", zap.Int64("peer", int64(sid)), zap.Duration("atMost", silentTime))
}

// listenFor dials a silent server until it answers, or has been silent for long enough to be tried again in earnest.
func (v *voter) listenFor() {
	for v.staysSilent() {
		s, known := v.p.server(v.sid)
		if !known {
			break
		}
		c, _, err := v.p.reach(v.p.ctx, s.Quorum)
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, ErrSilent) && v.p.ctx.Err() == nil {
			v.p.log.Info("a silent server answers again", zap.Int64("peer", int64(v.sid)))
			break
		}
		pause(v.p.ctx, redialMax)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.silent = false
}

func (v *voter) staysSilent() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Now().Before(v.silentUntil) && v.p.ctx.Err() == nil
}

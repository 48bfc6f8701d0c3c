package zkserver

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// tokens is the bucket that connect requests take tokens from: see config.Tokens. It cannot wedge (ZOOKEEPER-4933): the
// count is a number between 0 and the bucket's size whatever the settings and however long nothing was asked of it.
type tokens struct {
	mu     sync.Mutex
	cfg    config.Tokens
	size   float64
	have   float64
	filled time.Time
	frozen time.Time // when the chance of a refusal last changed
	drop   float64   // chance of a refusal
	random func() float64
}

// wanted is what a connect request asks for. Each kind has a weight of its own, if connection_throttle_weight_enabled.
type wanted int

const (
	wantGlobal  wanted = iota // a new session that all servers know
	wantLocal                 // a new one that only this server knows (localSessionsEnabled)
	wantRenewed               // to go on with an old one
)

// errNoToken is why a connection ends that wants a session when too many do.
var errNoToken = errors.New("zkserver: too many sessions are being established (connectionMaxTokens); the client will try again")

// configure sets the bucket up, or changes a bucket in use: what has been taken stays taken.
func (t *tokens) configure(c *config.Tokens, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.size - t.have
	t.cfg = *c
	if t.random == nil {
		t.random, t.filled, t.frozen = rand.Float64, now, now
	}
	t.size = float64(c.Max)
	if c.Weighted {
		t.size *= float64(max(c.WeightGlobal, c.WeightLocal))
	}
	t.have = min(t.size, max(0, t.size-taken))
}

// take tells whether a session may be established, or an old one renewed, now.
func (t *tokens) take(what wanted, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cfg.Max == 0 {
		return true
	}
	perFill, need := float64(t.cfg.FillCount), 1.0
	if t.cfg.Weighted {
		perFill *= float64(max(t.cfg.WeightGlobal, t.cfg.WeightLocal))
		switch what { // a local session is never dearer than another, as in the original
		case wantLocal:
			need = float64(t.cfg.WeightLocal)
		case wantRenewed:
			need = float64(max(t.cfg.WeightRenew, t.cfg.WeightLocal))
		default:
			need = float64(max(t.cfg.WeightGlobal, t.cfg.WeightLocal))
		}
	}
	if since := now.Sub(t.filled); since > 0 {
		t.have = min(t.size, t.have+perFill*since.Seconds()/t.cfg.FillTime.Seconds())
		t.filled = now
	}
	if t.cfg.Freeze >= 0 && t.refuse(now) || t.have < need {
		return false
	}
	t.have -= need
	return true
}

// refuse decides by chance, after BLUE (Feng and others, "The BLUE Active Queue Management Algorithms", 2002): the chance
// grows while the bucket is empty, and shrinks while it is nearly full.
func (t *tokens) refuse(now time.Time) bool {
	if now.Sub(t.frozen) > t.cfg.Freeze {
		switch {
		case t.have < 1:
			t.drop = min(1, t.drop+t.cfg.DropIncrease)
		case t.size-t.have <= t.size*t.cfg.DecreaseRatio:
			t.drop = max(0, t.drop-t.cfg.DropDecrease)
		}
		t.frozen = now
	}
	return t.random() < t.drop
}

// deficit is how many tokens are missing (connection_token_deficit).
func (t *tokens) deficit() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.size - t.have)
}

// chance is that of a refusal (connection_drop_probability).
func (t *tokens) chance() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drop
}

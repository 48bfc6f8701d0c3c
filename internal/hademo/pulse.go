package hademo

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// pulse writes to the ensemble itself, one small write after the other, and remembers when each was acknowledged: the
// longest wait between two is how long ZooKeeper was away.
type pulse struct {
	servers []string

	mu   sync.Mutex
	acks []time.Time
}

// How often the pulse beats, and how long it waits for one answer.
const (
	pulseEvery    = 5 * time.Millisecond
	pulsePatience = 5 * time.Second
	pulsePath     = "/hademo-pulse"
)

// openACL lets everybody do everything with the pulse's znode.
var openACL = []zkproto.ACL{{Perms: zkproto.PermAll, ID: zkproto.ID{Scheme: "world", ID: "anyone"}}}

func newPulse(servers []string) *pulse { return &pulse{servers: servers} }

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.session(ctx)
		_ = sleep(ctx, pulseEvery)
	}
}

// session beats until its session ends.
func (p *pulse) session(ctx context.Context) {
	dial, cancel := context.WithTimeout(ctx, pulsePatience)
	defer cancel()
	c, err := zkclient.Connect(dial, zkclient.Config{
		Servers: p.servers, SessionTimeout: pulsePatience, DialTimeout: time.Second, Reconnect: true, RequestTimeout: pulsePatience,
	})
	if err != nil {
		return // nobody is there; tried again
	}
	defer c.Close()
	// That it is there already is the usual answer.
	_, _ = c.Create(ctx, pulsePath, nil, openACL, zkproto.ModePersistent, 0)
	for ctx.Err() == nil {
		select {
		case <-c.Done():
			return
		default:
		}
		if _, err := c.Set(ctx, pulsePath, nil, -1); err == nil {
			p.mu.Lock()
			p.acks = append(p.acks, time.Now())
			p.mu.Unlock()
		}
		_ = sleep(ctx, pulseEvery)
	}
}

// gap is the longest wait between two acknowledgements from a moment on, the last one before it included.
func (p *pulse) gap(from time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gap time.Duration
	for i := len(p.acks) - 1; i > 0 && !p.acks[i].Before(from); i-- {
		gap = max(gap, p.acks[i].Sub(p.acks[i-1]))
	}
	return gap
}

// wait waits for an acknowledgement after a moment, and returns when it came.
func (p *pulse) wait(ctx context.Context, after time.Time) (time.Time, error) {
	for {
		p.mu.Lock()
		n := len(p.acks)
		if n > 0 && p.acks[n-1].After(after) {
			at := p.acks[n-1]
			p.mu.Unlock()
			return at, nil
		}
		p.mu.Unlock()
		if err := sleep(ctx, time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}

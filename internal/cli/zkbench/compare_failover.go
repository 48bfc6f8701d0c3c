package zkbench

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

const (
	// failoverPath is the znode that the pushers write.
	failoverPath = "/zkbench-failover"
	pushers      = 8
	// failoverRetry is the pause of a pusher that no server takes.
	failoverRetry = 2 * time.Millisecond
)

// pusher is a client that writes all the time, one write after the other. Whatever happens to its server, it goes on at
// once, at the next one, with its session.
type pusher struct {
	addrs []string
	at    int // of addrs: the server it is connected to
	acked func(begin, end int64)
}

// run writes until ctx ends.
func (p *pusher) run(ctx context.Context) error {
	frame := make([]byte, 4, 64)
	frame = zkproto.RequestHeader{Xid: 2, Op: zkproto.OpSetData}.AppendTo(frame)
	frame = (&zkproto.SetDataRequest{Path: failoverPath, Version: -1}).AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	var session *zkclient.Session
	for ctx.Err() == nil {
		w, err := p.dial(ctx, session)
		if err != nil {
			if errors.Is(err, zkproto.ErrSessionExpired) {
				session = nil
			}
			p.at++
			_ = newSleeper().until(ctx, monotonic()+int64(failoverRetry)) // the loop looks at ctx
			continue
		}
		session = &w.Session
		stop := context.AfterFunc(ctx, func() { _ = w.Close() })
		err = p.push(w, frame)
		if stop() {
			_ = w.Close()
		}
		var code zkproto.Error
		if errors.As(err, &code) && ctx.Err() == nil {
			return err // the server refuses the write: nothing was measured
		}
		p.at++
	}
	return nil
}

func (p *pusher) dial(ctx context.Context, session *zkclient.Session) (*zkclient.Wire, error) {
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return zkclient.Dial(attempt, p.addrs[p.at%len(p.addrs)], zkclient.Handshake{Resume: session})
}

// push writes until the connection fails.
func (p *pusher) push(w *zkclient.Wire, frame []byte) error {
	for {
		begin := monotonic()
		if err := w.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if err := w.Write(frame); err != nil {
			return err
		}
		if err := readOne(w, 2); err != nil {
			return err
		}
		p.acked(begin, monotonic())
	}
}

// outage waits, for each pusher, for the first acknowledged write that was sent after a moment.
type outage struct {
	mu    sync.Mutex
	after int64   // 0: not yet
	first []int64 // when it was acknowledged; 0: not yet
	left  int
	over  chan struct{}
}

func newOutage(n int) *outage {
	return &outage{first: make([]int64, n), left: n, over: make(chan struct{})}
}

// begin sets the moment.
func (o *outage) begin(at int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.after = at
}

// acked notes a write of pusher i.
func (o *outage) acked(i int, begin, end int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.after == 0 || begin < o.after || o.first[i] != 0 {
		return
	}
	o.first[i] = end
	if o.left--; o.left == 0 {
		close(o.over)
	}
}

// failover is the scenario: the leader is killed while clients write, several times.
func (d *duel) failover(ctx context.Context, e *ensemble, side int, say func(string, ...any)) error {
	client, err := zkclient.Connect(ctx, zkclient.Config{Servers: e.target().addrs})
	if err != nil {
		return err
	}
	_, err = client.Create(ctx, failoverPath, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0)
	if err = errors.Join(err, client.Close()); err != nil {
		return err
	}
	for range max(int(d.seconds/2), 1) {
		first, all, err := d.leaderDies(ctx, e)
		if err != nil {
			return err
		}
		say("failover: a write is acknowledged %.0f ms after the leader was killed, all %d clients are served after %.0f ms", first, pushers, all)
		d.table.add(side, "failover", "a write is acknowledged after kill -9 of the leader", unitMillis, first)
		d.table.add(side, "failover", "all clients are served again", unitMillis, all)
	}
	return nil
}

// leaderDies kills the leader once, and starts it again. Times in milliseconds.
func (d *duel) leaderDies(ctx context.Context, e *ensemble) (first, all float64, err error) {
	leader, _, err := e.leader(ctx)
	if err != nil {
		return 0, 0, err
	}
	out := newOutage(pushers)
	pushing, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(pushing)
	for i := range pushers {
		p := &pusher{addrs: e.target().addrs, at: i, acked: func(begin, end int64) { out.acked(i, begin, end) }}
		g.Go(func() error { return p.run(gctx) })
	}
	defer func() {
		stop()
		err = errors.Join(err, g.Wait())
	}()
	if err := newSleeper().until(gctx, monotonic()+int64(min(d.duration(), time.Second))); err != nil {
		return 0, 0, err
	}
	killed := monotonic()
	leader.crash()
	out.begin(monotonic())
	select {
	case <-out.over:
	case <-gctx.Done():
		return 0, 0, context.Cause(gctx)
	case <-time.After(2 * patience):
		return 0, 0, errors.New("a minute after the leader was killed not all clients can write")
	}
	begin, end := out.first[0], out.first[0]
	for _, at := range out.first {
		begin, end = min(begin, at), max(end, at)
	}
	stop()
	if _, err := e.restart(ctx, leader); err != nil {
		return 0, 0, err
	}
	return float64(begin-killed) / 1e6, float64(end-killed) / 1e6, nil
}

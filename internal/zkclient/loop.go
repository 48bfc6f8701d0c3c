package zkclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The pause between two rounds over the servers, doubling from the first to the last.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// run serves one connection after the other until the client is closed, its session has expired, or a connection broke
// and Reconnect is off.
func (c *Client) run(ctx context.Context, w *Wire) {
	defer close(c.done)
	defer c.stop()
	for {
		c.emit(Event{Type: zkproto.EventNone, State: c.State(), Zxid: -1})
		err := c.serve(ctx, w)
		c.lose(err)
		if ctx.Err() != nil || c.Err() != nil {
			c.end(ErrClosed, zkproto.StateDisconnected)
			return
		}
		c.emit(Event{Type: zkproto.EventNone, State: zkproto.StateDisconnected, Zxid: -1})
		if !c.cfg.Reconnect {
			c.end(fmt.Errorf("%w (%w)", zkproto.ErrConnectionLoss, err), zkproto.StateDisconnected)
			return
		}
		if w, err = c.reconnect(ctx); err != nil {
			if errors.Is(err, zkproto.ErrSessionExpired) {
				c.end(zkproto.ErrSessionExpired, zkproto.StateExpired)
				c.emit(Event{Type: zkproto.EventNone, State: zkproto.StateExpired, Zxid: -1})
			} else {
				c.end(ErrClosed, zkproto.StateDisconnected)
			}
			return
		}
	}
}

// serve moves requests and replies over w until it breaks.
func (c *Client) serve(ctx context.Context, w *Wire) error {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	var writeErr error
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	defer stop()
	seeking, enough := context.WithCancel(ctx)
	defer enough()
	if w.Session.ReadOnly && c.cfg.Reconnect {
		wg.Go(func() { c.seek(seeking, w) })
	}
	wg.Go(func() {
		if writeErr = c.write(w, quit); writeErr != nil {
			_ = w.Close() // ends the reader
		}
	})
	readErr := c.read(w)
	close(quit)
	enough()
	_ = w.Close()
	wg.Wait()
	if writeErr != nil {
		return writeErr
	}
	return readErr
}

// write takes all that is in the output buffer whenever something is there, and pings when nothing was sent for a third
// of the session timeout.
func (c *Client) write(w *Wire, quit <-chan struct{}) error {
	interval := w.Session.Timeout / 3
	ping := time.NewTicker(interval)
	defer ping.Stop()
	var spare []byte
	for {
		select {
		case <-quit:
			return nil
		case <-ping.C:
			c.mu.Lock()
			if len(c.out) == 0 {
				c.appendFrame(zkproto.XidPing, zkproto.OpPing, nil)
			}
			c.mu.Unlock()
			continue
		case <-c.kick:
		}
		c.mu.Lock()
		if len(c.out) == 0 { // taken already, by the round before
			c.mu.Unlock()
			continue
		}
		batch := c.out
		c.out = spare[:0] // never the array of batch: spare was written before it
		c.mu.Unlock()
		if err := w.Write(batch); err != nil {
			return err
		}
		ping.Reset(interval)
		spare = batch
	}
}

// read hands each frame to its receiver. A server that is silent for two thirds of the session timeout, in spite of the
// pings, is taken for lost.
func (c *Client) read(w *Wire) error {
	for {
		if err := w.SetReadDeadline(time.Now().Add(w.Session.Timeout * 2 / 3)); err != nil {
			return err
		}
		if err := w.ReadBatch(c.deliver); err != nil {
			return err
		}
	}
}

// deliver handles one frame of the server.
func (c *Client) deliver(frame []byte) error {
	d := jute.NewDecoder(frame)
	var h zkproto.ReplyHeader
	h.Decode(&d)
	if d.Err() != nil {
		return fmt.Errorf("reply header: %w", d.Err())
	}
	switch h.Xid {
	case zkproto.XidPing, zkproto.XidSetWatches:
		return nil
	case zkproto.XidNotification:
		return c.notification(h, &d)
	case zkproto.XidAuth:
		return c.authReply(h)
	}
	c.mu.Lock()
	if len(c.queue) == 0 || c.queue[0].xid != h.Xid {
		c.mu.Unlock()
		return fmt.Errorf("reply to request %d out of order", h.Xid)
	}
	p := c.queue[0]
	c.queue[0] = pending{}
	c.queue = c.queue[1:]
	if h.Zxid > 0 {
		c.lastZxid = h.Zxid
	}
	c.watches.register(p.watch, p.path, h.Err)
	c.mu.Unlock()
	r := Reply{Zxid: h.Zxid, Body: d.Rest()}
	if h.Err != zkproto.ErrOK {
		r.Err = h.Err
	}
	p.done(r)
	return nil
}

func (c *Client) notification(h zkproto.ReplyHeader, d *jute.Decoder) error {
	var e zkproto.WatcherEvent
	e.Decode(d)
	if d.Err() != nil {
		return fmt.Errorf("watch event: %w", d.Err())
	}
	c.mu.Lock()
	c.watches.fired(e.Type, e.Path)
	c.mu.Unlock()
	c.emit(Event{Type: e.Type, State: e.State, Path: c.strip(e.Path), Zxid: h.Zxid})
	return nil
}

func (c *Client) authReply(h zkproto.ReplyHeader) error {
	c.mu.Lock()
	var p authPending
	if len(c.auth) > 0 {
		p, c.auth = c.auth[0], c.auth[1:]
	}
	c.mu.Unlock()
	r := Reply{Zxid: h.Zxid}
	if h.Err != zkproto.ErrOK {
		r.Err = h.Err
	}
	if p.done != nil {
		p.done(r)
	}
	return nil
}

// lose fails every request in flight: whether it happened is unknown.
func (c *Client) lose(cause error) {
	c.mu.Lock()
	queue, auth := c.queue, c.auth
	c.queue, c.auth, c.out = nil, nil, nil
	c.state = zkproto.StateDisconnected
	c.mu.Unlock()
	err := error(zkproto.ErrConnectionLoss)
	if cause != nil {
		err = fmt.Errorf("%w (%w)", zkproto.ErrConnectionLoss, cause)
	}
	for _, p := range queue {
		p.done(Reply{Err: err})
	}
	for _, p := range auth {
		if p.done != nil {
			p.done(Reply{Err: err})
		}
	}
}

// end accepts no more requests and fails those that came meanwhile.
func (c *Client) end(why error, state zkproto.KeeperState) {
	c.mu.Lock()
	if c.closed == nil {
		c.closed = why
	}
	why = c.closed
	queue, auth := c.queue, c.auth
	c.queue, c.auth, c.out, c.state = nil, nil, nil, state
	c.mu.Unlock()
	for _, p := range queue {
		p.done(Reply{Err: why})
	}
	for _, p := range auth {
		if p.done != nil {
			p.done(Reply{Err: why})
		}
	}
}

// reconnect goes round the servers until one takes the session over or says that it has expired. Requests made in the
// meantime fail at the end of each round without success, as the original's do.
func (c *Client) reconnect(ctx context.Context) (*Wire, error) {
	session := c.resumable()
	pause := firstPause
	for {
		w, err := c.dialAny(ctx, session)
		if err == nil {
			c.adopt(w)
			c.resume()
			return w, nil
		}
		if ctx.Err() != nil || errors.Is(err, zkproto.ErrSessionExpired) {
			return nil, err
		}
		c.lose(err)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
		}
		pause = min(pause*2, lastPause)
	}
}

// resume puts the credentials and the watches of the session before the requests made while it had no connection.
func (c *Client) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.out
	c.out = nil
	before := c.auth
	c.auth = nil
	for i := range c.auths {
		c.appendFrame(zkproto.XidAuth, zkproto.OpAuth, c.auths[i].AppendTo)
		c.auth = append(c.auth, authPending{})
	}
	c.auth = append(c.auth, before...)
	if c.cfg.NoWatchReset {
		c.watches = newWatches()
	}
	for _, req := range c.watches.requests(c.lastZxid) {
		op := zkproto.OpSetWatches
		if len(req.Persistent)+len(req.PersistentRecursive) > 0 {
			op = zkproto.OpSetWatches2
		}
		c.appendFrame(zkproto.XidSetWatches, op, func(b []byte) []byte { return req.AppendTo(b, op) })
	}
	c.out = append(c.out, waiting...)
	if len(c.out) > 0 {
		select {
		case c.kick <- struct{}{}:
		default:
		}
	}
}

func (c *Client) emit(e Event) {
	if c.cfg.OnEvent != nil {
		c.emitting.Lock()
		defer c.emitting.Unlock()
		c.cfg.OnEvent(e)
	}
}

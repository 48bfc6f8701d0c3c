package zkclient

import (
	"context"
	"io"
	"time"
)

// The pause between two rounds of questions for a server that can write, doubling from the first to the last. They are the
// original's (ClientCnxn, minPingRwTimeout and maxPingRwTimeout).
const (
	firstSeek = 100 * time.Millisecond
	lastSeek  = 60 * time.Second
)

// seek asks the other servers, while the client is at one that is cut off from its quorum, whether they can write, until one
// says so: that one comes first from then on, and the connection is closed. It ends with ctx.
func (c *Client) seek(ctx context.Context, w *Wire) {
	pause := firstSeek
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		for _, s := range c.cfg.Servers {
			if s == w.Dialled() || !c.canWrite(ctx, s) {
				continue
			}
			c.mu.Lock()
			c.first = s
			c.mu.Unlock()
			_ = w.Close() // ends the reader; the client connects anew
			return
		}
		pause = min(pause*2, lastSeek)
	}
}

// canWrite asks a server with the word isro.
func (c *Client) canWrite(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	nc, err := connect(ctx, addr, c.cfg.Secure)
	if err != nil {
		return false
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if _, err = io.WriteString(nc, "isro"); err != nil {
		return false
	}
	answer, _ := io.ReadAll(io.LimitReader(nc, 16)) // how it ends is not the question
	return string(answer) == "rw"
}

// resumable is the session to go on with: none as long as only servers without a quorum have given one, since such a session
// is that server's own.
func (c *Client) resumable() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.global {
		return nil
	}
	s := c.session
	return &s
}

// order is the servers, the one that is known to be able to write first.
func (c *Client) order() []string {
	if c.first == "" {
		return c.cfg.Servers
	}
	list := []string{c.first}
	for _, s := range c.cfg.Servers {
		if s != c.first {
			list = append(list, s)
		}
	}
	return list
}

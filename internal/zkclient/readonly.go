package zkclient

import (
	"context"
	"io"
	"net"
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
			if s == w.RemoteAddr() || !canWrite(ctx, s, c.cfg.DialTimeout) {
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
func canWrite(ctx context.Context, addr string, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if _, err = io.WriteString(nc, "isro"); err != nil {
		return false
	}
	answer, err := io.ReadAll(io.LimitReader(nc, 16))
	return err == nil && string(answer) == "rw"
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

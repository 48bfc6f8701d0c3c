package zkserver

import (
	"context"
	"net"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// listen opens the client port.
func listen(c *config.Config) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	if c.TCPKeepAlive {
		lc.KeepAlive = 0 // on, with the usual times
	}
	l, err := lc.Listen(context.Background(), "tcp", c.ClientAddr())
	if err == nil && c.ListenBacklog > 0 {
		if err = setBacklog(l, c.ListenBacklog); err != nil {
			_ = l.Close()
			return nil, err
		}
	}
	return l, err
}

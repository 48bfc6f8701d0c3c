package tlsconf

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// NewListener lets a listener speak TLS, for servers that call Accept. If plain is not nil, connections that begin without a
// handshake are let in as well, and plain is called for each. Connections that say nothing for that long are closed.
func NewListener(l net.Listener, config *tls.Config, wait time.Duration, plain func()) net.Listener {
	if plain == nil {
		return tls.NewListener(l, config)
	}
	return &listener{Listener: l, config: config, wait: wait, plain: plain, ready: make(chan accepted), closed: make(chan struct{})}
}

// listener finds out what connections speak, each on a goroutine of its own, so that none waits for another.
type listener struct {
	net.Listener
	config *tls.Config
	wait   time.Duration
	plain  func()
	start  sync.Once
	stop   sync.Once
	ready  chan accepted
	closed chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.run() })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) run() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.ready <- accepted{err: err}:
				continue
			case <-l.closed:
				return
			}
		}
		go l.look(c)
	}
}

func (l *listener) look(c net.Conn) {
	gone := make(chan struct{})
	defer close(gone)
	go func() { // a listener that is closed waits for nobody
		select {
		case <-l.closed:
			_ = c.Close()
		case <-gone:
		}
	}()
	nc, secure, err := Detect(c, l.wait)
	if err != nil {
		_ = c.Close()
		return
	}
	if secure {
		nc = tls.Server(nc, l.config)
	} else {
		l.plain()
	}
	select {
	case l.ready <- accepted{conn: nc}:
	case <-l.closed:
		_ = c.Close()
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.stop.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

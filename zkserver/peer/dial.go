package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// stagger is how much earlier each address of a server is tried than the next.
const stagger = 200 * time.Millisecond

// splitAddress takes "host:port" apart.
func splitAddress(a string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(a)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w", a, err)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("address %q: port %q", a, p)
	}
	return host, port, nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	return lc.Listen(ctx, "tcp", address)
}

// dialTCP resolves names anew at each call.
func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, "tcp", address)
}

// dialAny connects to one of a server's addresses: the first, and after each stagger, or when one fails, the next as well;
// then those that have not failed yet once more, until each was dialed so many times. The first connection wins. The error
// joins those of all attempts.
func (p *Peers) dialAny(ctx context.Context, addresses []string, times int) (c net.Conn, address string, err error) {
	if len(addresses) == 0 {
		return nil, "", errors.New("no address is known")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		at  int
		c   net.Conn
		err error
	}
	results := make(chan result)
	var errs []error
	failed := make([]bool, len(addresses))
	tried, running := 0, 0
	try := func() {
		for tried < times*len(addresses) && failed[tried%len(addresses)] {
			tried++
		}
		if tried == times*len(addresses) {
			return
		}
		at := tried % len(addresses)
		tried++
		running++
		go func() {
			c, err := p.cfg.Dial(ctx, addresses[at])
			results <- result{at, c, err}
		}()
	}
	// All attempts are waited for: once ctx is cancelled they end at once.
	defer func() {
		for ; running > 0; running-- {
			if r := <-results; r.c != nil {
				_ = r.c.Close()
			}
		}
	}()
	defer cancel()
	try()
	next := time.NewTimer(stagger)
	defer next.Stop()
	for running > 0 {
		select {
		case r := <-results:
			running--
			if r.err == nil {
				return r.c, addresses[r.at], nil
			}
			errs = append(errs, r.err)
			failed[r.at] = true
			try()
		case <-next.C:
			try()
		}
		next.Reset(stagger)
	}
	return nil, "", errors.Join(errs...)
}

// dialSecured connects by dial, and goes through the handshake. Where that fails, a server's other addresses are tried.
func (p *Peers) dialSecured(ctx context.Context, addresses []string, dial func([]string) (net.Conn, string, error)) (net.Conn, error) {
	var errs []error
	for {
		c, address, err := dial(addresses)
		if err == nil {
			c, err = p.secured(ctx, c, address)
		}
		if err == nil {
			return c, nil
		}
		if errs = append(errs, err); address == "" || len(addresses) == 1 || ctx.Err() != nil {
			break
		}
		addresses = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return a == address })
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	return nil, errors.Join(errs...)
}

// advertised are the addresses of our election port as others shall dial them, told on a connection with this local
// address. An address of ours that stands for all of the machine's, or that only we can reach, is replaced by the one we
// dial from: the other end has just been reached from it.
func advertised(ctx context.Context, addresses []string, local net.Addr) []string {
	from, _ := local.(*net.TCPAddr)
	out := make([]string, 0, len(addresses))
	for _, a := range addresses {
		host, port, err := splitAddress(a)
		if err != nil {
			continue // checked before
		}
		if from != nil {
			host = dialable(ctx, host, from.IP)
		}
		out = append(out, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	return out
}

// dialable is the address behind host that others can use; from is the one they see.
func dialable(ctx context.Context, host string, from net.IP) string {
	if isWildcard(host) {
		return from.String()
	}
	if net.ParseIP(host) != nil {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return from.String()
	}
	best := ""
	for _, ip := range found {
		switch {
		case ip.IP.Equal(from):
			return from.String()
		case best == "" && (!ip.IP.IsLoopback() || from.IsLoopback()):
			best = ip.IP.String()
		}
	}
	if best == "" {
		return from.String() // the name means this machine, here; elsewhere it would mean another
	}
	return best
}

// setOptions sets up a new connection. Go turns Nagle's algorithm off by itself, as the original does.
func setOptions(c net.Conn, keepAlive bool, unacked time.Duration) {
	t := tcpOf(c)
	if t == nil {
		return
	}
	setUnacked(t, unacked)
	if keepAlive {
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: unacked, Interval: unacked / 3, Count: 3})
	}
}

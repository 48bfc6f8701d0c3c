package zkbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

// ensemble is a quorum of servers of one contender on this machine.
type ensemble struct {
	c       *contender
	members []*member
}

// member is one server of an ensemble, which runs or does not.
type member struct {
	*instance // nil while it does not run
	dir       string
	port      int
	cfg       string
}

// bootEnsemble starts n servers on empty directories below dir, all at once, and tells how long it took until all had
// answered a request.
func (c *contender) bootEnsemble(ctx context.Context, dir string, n int) (e *ensemble, took time.Duration, err error) {
	ports, err := freeport.Take(3 * n)
	if err != nil {
		return nil, 0, err
	}
	var servers strings.Builder
	for i := range n {
		fmt.Fprintf(&servers, "server.%d=127.0.0.1:%d:%d\n", i+1, ports[n+2*i], ports[n+2*i+1])
	}
	e = &ensemble{c: c}
	for i := range n {
		m := &member{dir: filepath.Join(dir, fmt.Sprint(i+1)), port: ports[i]}
		m.cfg = zooCfg(m.dir, m.port, defaultSnapCount) + "initLimit=10\nsyncLimit=5\n" + servers.String()
		e.members = append(e.members, m)
		data := filepath.Join(m.dir, "data")
		if err := os.MkdirAll(data, 0o755); err != nil {
			return nil, 0, fmt.Errorf("data directory: %w", err)
		}
		if err := os.WriteFile(filepath.Join(data, "myid"), fmt.Append(nil, i+1), 0o644); err != nil {
			return nil, 0, fmt.Errorf("data directory: %w", err)
		}
	}
	begin := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for _, m := range e.members {
		g.Go(func() error { return e.start(gctx, m) })
	}
	if err := g.Wait(); err != nil {
		e.stop()
		return nil, 0, err
	}
	return e, time.Since(begin), nil
}

// start starts a server that does not run, and waits until it has answered a request.
func (e *ensemble) start(ctx context.Context, m *member) error {
	in, _, err := e.c.start(ctx, m.dir, m.port, m.cfg)
	if err != nil {
		return fmt.Errorf("server %s: %w", filepath.Base(m.dir), err)
	}
	m.instance = in
	return nil
}

// restart is start, and how long it took.
func (e *ensemble) restart(ctx context.Context, m *member) (time.Duration, error) {
	begin := time.Now()
	err := e.start(ctx, m)
	return time.Since(begin), err
}

// crash kills a server.
func (m *member) crash() {
	m.kill()
	m.instance = nil
}

// stop ends all servers.
func (e *ensemble) stop() {
	for _, m := range e.members {
		if m.instance != nil {
			m.stop()
			m.instance = nil
		}
	}
}

// target is all servers that run.
func (e *ensemble) target() (t target) {
	for _, m := range e.members {
		if m.instance != nil {
			t.addrs, t.pids = append(t.addrs, m.addr), append(t.pids, m.pid())
		}
	}
	return t
}

var errNoLeader = errors.New("no server of the ensemble says that it leads")

// leader asks all servers which of them leads, until one does, and answers a follower as well.
func (e *ensemble) leader(ctx context.Context) (leader, follower *member, err error) {
	limit := time.Now().Add(patience)
	for ctx.Err() == nil && time.Now().Before(limit) {
		leader, follower = nil, nil
		for _, m := range e.members {
			if m.instance == nil {
				continue
			}
			switch mode(m.addr) {
			case "leader":
				leader = m
			case "follower":
				follower = m
			}
		}
		if leader != nil && follower != nil {
			return leader, follower, nil
		}
		if err := newSleeper().until(ctx, monotonic()+int64(10*time.Millisecond)); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errors.Join(errNoLeader, ctx.Err())
}

// mode is what the server says that it is, by the word srvr, which the original answers without being told to.
func mode(addr string) string {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return ""
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return ""
	}
	if _, err := io.WriteString(nc, "srvr"); err != nil {
		return ""
	}
	text, err := io.ReadAll(nc)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if m, ok := strings.CutPrefix(line, "Mode: "); ok {
			return strings.TrimSpace(m)
		}
	}
	return ""
}

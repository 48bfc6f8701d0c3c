package hademo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// servers is how many zkservers the demo runs: one may die.
const servers = 3

// server is one zkserver of the ensemble.
type server struct {
	id           string // "zk1"
	clientPort   int
	quorumPort   int
	electionPort int
	adminPort    int
	*process
}

func (s *server) clientAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.clientPort))
}

// portsOfServer is how many ports a server needs.
const portsOfServer = 4

// newServers writes each server's zoo.cfg and myid.
func (c *cluster) newServers(ports []int) error {
	for i := range servers {
		p := ports[i*portsOfServer:]
		c.servers = append(c.servers, &server{
			id: "zk" + strconv.Itoa(i+1), clientPort: p[0], quorumPort: p[1], electionPort: p[2], adminPort: p[3],
		})
	}
	for i, s := range c.servers {
		dir := filepath.Join(c.dir, s.id)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "myid"), []byte(strconv.Itoa(i+1)+"\n"), 0o644); err != nil {
			return err
		}
		file := filepath.Join(c.dir, s.id+".cfg")
		if err := os.WriteFile(file, []byte(c.zooCfg(s)), 0o644); err != nil {
			return err
		}
		s.process = c.process(s.id, func() *exec.Cmd { return c.launch("zkserver", "start-foreground", file) })
	}
	return nil
}

func (c *cluster) zooCfg(s *server) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# One of the demo's three coordination servers. A tick of 500 ms allows sessions of 1 to 10 s; a server that is silent for
# two of them is given up.
tickTime=500
initLimit=10
syncLimit=2
dataDir=%s
clientPort=%d
clientPortAddress=127.0.0.1
admin.serverPort=%d
4lw.commands.whitelist=*
`, filepath.ToSlash(filepath.Join(c.dir, s.id)), s.clientPort, s.adminPort)
	for i, s := range c.servers {
		fmt.Fprintf(&b, "server.%d=127.0.0.1:%d:%d\n", i+1, s.quorumPort, s.electionPort)
	}
	return b.String()
}

// clientAddrs are the addresses at which clients find the ensemble.
func (c *cluster) clientAddrs() []string {
	var addrs []string
	for _, s := range c.servers {
		addrs = append(addrs, s.clientAddr())
	}
	return addrs
}

// eachServer does something to all servers at once.
func (c *cluster) eachServer(do func(*server)) {
	var wg sync.WaitGroup
	for _, s := range c.servers {
		wg.Go(func() { do(s) })
	}
	wg.Wait()
}

// startServers starts those that do not run, and wakes those that are suspended.
func (c *cluster) startServers() error {
	var errs []error
	for _, s := range c.servers {
		s.resume()
		errs = append(errs, s.start())
	}
	return errors.Join(errs...)
}

// leaderPatience bounds the wait for a leader and a follower: on a busy machine a server may leave a question without an answer.
const leaderPatience = 5 * time.Second

// leader asks every server for its role, until there are a leader and a follower, and returns them.
func (c *cluster) leader(ctx context.Context) (leader, follower *server, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaderPatience)
	defer cancel()
	for {
		leader, follower = nil, nil
		var said []string
		for _, s := range c.servers {
			mode := s.mode(ctx)
			switch mode {
			case "leader":
				leader = s
			case "follower":
				follower = s
			}
			said = append(said, s.id+": "+mode)
		}
		if leader != nil && follower != nil {
			return leader, follower, nil
		}
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("no leader and follower among the zkservers: %s", strings.Join(said, ", "))
		}
		_ = sleep(ctx, scoutEvery)
	}
}

// modePatience bounds the wait for a server's answer.
const modePatience = 200 * time.Millisecond

// mode is what the server says it is ("leader", "follower"); "no answer" or "not serving" else.
func (s *server) mode(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, modePatience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.clientAddr())
	if err != nil {
		return "no answer"
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err = io.WriteString(conn, "srvr"); err != nil {
		return "no answer"
	}
	text, err := io.ReadAll(io.LimitReader(conn, 64<<10))
	if err != nil || len(text) == 0 {
		return "no answer"
	}
	_, after, found := strings.Cut(string(text), "Mode: ")
	if !found {
		return "not serving"
	}
	mode, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(mode)
}

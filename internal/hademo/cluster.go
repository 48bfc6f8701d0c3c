package hademo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-ha/holdfast/internal/freeport"
)

// node is one machine of the demo: a NameNode and the controller beside it.
type node struct {
	id       string // "nn1"
	rpcPort  int
	zkfcPort int
	nn, fc   *process
}

func (n *node) rpcAddr() string { return net.JoinHostPort(host, strconv.Itoa(n.rpcPort)) }

// host is where everything in the demo listens. It is what the originals write into their znodes for 127.0.0.1.
const host = "localhost"

// cluster is everything that runs: three zkservers and two machines.
type cluster struct {
	dir      string
	launch   Launcher
	spawn    *spawner
	servers  []*server
	nodes    []*node
	timeline *timeline

	stopFollow context.CancelFunc
	followers  sync.WaitGroup
}

// newCluster chooses free ports and writes all configuration into dir, which exists and is empty.
func newCluster(dir string, launch Launcher) (*cluster, error) {
	ports, err := freeport.Take(4 + servers*portsOfServer)
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, launch: launch, spawn: newSpawner(), timeline: newTimeline()}
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o755); err != nil {
		return nil, err
	}
	if err := c.newServers(ports[4:]); err != nil {
		return nil, err
	}
	for i, id := range []string{"nn1", "nn2"} {
		n := &node{id: id, rpcPort: ports[2*i], zkfcPort: ports[1+2*i]}
		n.nn = c.process(id, func() *exec.Cmd {
			return launch("nnstub", "serve", "--id", id, "--nameservice", nameservice, "--rpc-address", n.rpcAddr(),
				"--journal", filepath.Join(dir, "journal"), "--auto-failover")
		})
		n.fc = c.process("zkfc-"+id, func() *exec.Cmd {
			return launch("zkfc", "-config", c.configPath(), "-D", "node="+id, "-D", "events.file="+c.eventsPath(id))
		})
		c.nodes = append(c.nodes, n)
	}
	return c, os.WriteFile(c.configPath(), []byte(c.holdfastYAML()), 0o644)
}

// nameservice is the name of the demo's service.
const nameservice = "ns1"

func (c *cluster) configPath() string          { return filepath.Join(c.dir, "holdfast.yaml") }
func (c *cluster) eventsPath(id string) string { return filepath.Join(c.dir, "events-"+id+".jsonl") }

func (c *cluster) process(name string, command func() *exec.Cmd) *process {
	return &process{name: name, dir: c.dir, command: command, spawn: c.spawn}
}

func (c *cluster) holdfastYAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The demo's failover controllers. What is not said here is the default; configs/holdfast.yaml explains every key.
zookeeper:
  quorum: ["%s"]
nameservices:
  - id: %s
    nodes:
`, strings.Join(c.clientAddrs(), `", "`), nameservice)
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "      - {id: %s, host: %s, rpcPort: %d, zkfcPort: %d}\n", n.id, host, n.rpcPort, n.zkfcPort)
	}
	fmt.Fprintf(&b, `fencing:
  methods:
    # Kills the NameNode by its pid file and waits until it is gone.
    - method: %q
      timeout: 5s
controller:
  stateDir: %q
`, "shell("+fenceCommand(filepath.ToSlash(c.dir))+")", filepath.ToSlash(c.dir))
	return b.String()
}

// start brings everything up for the first time.
func (c *cluster) start(ctx context.Context) error {
	fctx, cancel := context.WithCancel(context.Background())
	c.stopFollow = cancel
	for _, n := range c.nodes {
		c.followers.Go(func() { c.timeline.follow(fctx, c.eventsPath(n.id)) })
	}
	if err := c.startServers(); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.nn.start(); err != nil {
			return err
		}
	}
	// It waits for the zkservers, however long a loaded machine takes to start them.
	if err := c.run(ctx, "zkfc", "-D", "controller.zookeeperPatience=1m", "-formatZK", "-nonInteractive"); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.fc.start(); err != nil {
			return err
		}
	}
	return nil
}

// repair starts again what is not running.
func (c *cluster) repair() error {
	if err := c.startServers(); err != nil {
		return err
	}
	for _, n := range c.nodes {
		n.nn.resume()
		if err := errors.Join(n.nn.start(), n.fc.start()); err != nil {
			return err
		}
	}
	return nil
}

// stop ends everything: controllers first, so that none of them reacts to what follows.
func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		n.nn.resume()
		wg.Go(n.fc.kill)
	}
	wg.Wait()
	for _, n := range c.nodes {
		wg.Go(func() { n.nn.stop(ctx) })
	}
	c.eachServer(func(s *server) { s.resume(); s.stop(ctx) })
	wg.Wait()
	if c.stopFollow != nil {
		c.stopFollow()
	}
	c.followers.Wait()
	c.spawn.close()
}

// run runs one command of the suite to its end. Its output is part of the error when it fails.
func (c *cluster) run(ctx context.Context, program string, args ...string) error {
	cmd := c.launch(program, args...)
	cmd.Env = append(cmd.Environ(), "HOLDFAST_CONFIG="+c.configPath())
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	isolate(cmd)
	if err := c.spawn.start(cmd); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(out.String()))
		}
		return nil
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		killed := <-done
		return fmt.Errorf("%s %s: %w (%w): %s", program, strings.Join(args, " "), ctx.Err(), killed, strings.TrimSpace(out.String()))
	}
}

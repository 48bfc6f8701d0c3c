// Package zkbench is the command zkbench: it puts load on any server of the ZooKeeper protocol and says how the server
// did.
//
// Each connection keeps a window of requests in flight and sends a new one for each reply (a closed loop): throughput and
// latency belong together, latency = window / throughput. Latency runs from the write of a batch of requests to the read
// that brought the reply, so it includes what the requests waited in the sockets and in the server's queues. With --rate
// requests are due at fixed moments instead (an open loop) and latency runs from the moment a request was due.
//
// zkbench compare runs the original and zkserver in turn under such loads and prints the ratios.
//
// The generator is meant to be cheap beside any server: requests are copies of a template with number and xid patched in,
// all new requests of a round go out in one write, of a reply only the header is looked at, and nothing is allocated per
// request.
package zkbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
)

// errOps is the result of a run in which requests were refused.
var errOps = errors.New("some requests failed")

// Main is the command. Exit codes: 0 done, 1 failed or requests were refused, 2 wrong usage.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	usage := true // until a command runs
	root := command(s, func() { usage = false })
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case usage:
		_, _ = fmt.Fprintf(s.Err, "zkbench: %v\nSee zkbench --help.\n", err)
		return 2
	default:
		_, _ = fmt.Fprintf(s.Err, "zkbench: %v\n", err)
		return 1
	}
}

// preset is a load with a name. Any of its settings can be overridden by its flag.
type preset struct {
	name, short string
	options
}

var presets = []preset{
	{"writes", "pipelined writes: set on 1,000 keys of 1 KiB", options{mix: "set=100", connections: 4, outstanding: 250, size: 1024, keys: 1000}},
	{"reads", "pipelined reads: get on 1,000 keys of 128 bytes", options{mix: "get=100", connections: 4, outstanding: 250, size: 128, keys: 1000}},
	{"mixed", "a bit of everything on 10,000 keys of 128 bytes", options{
		mix: "get=60,exists=10,children=5,set=15,create=5,delete=5", connections: 8, outstanding: 32, size: 128, keys: 10000,
	}},
}

func command(s cli.Streams, started func()) *cobra.Command {
	root := &cobra.Command{
		Use:   "zkbench",
		Short: "Load generator for any ZooKeeper server",
		Example: `  zkbench writes --server 127.0.0.1:2181 --server-pid $(pidof zkserver)
  zkbench reads --connections 16 --outstanding 100 --duration 30s --json
  zkbench mixed --mix get=80,set=20 --size 1024 --count 1000000
  zkbench reads --rate 5000
  zkbench start --server 127.0.0.1:2181 -- zkserver start-foreground zoo.cfg
  zkbench compare --original apache-zookeeper-3.9.5-bin`,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("which load? writes, reads, mixed, start or compare")
		},
	}
	for i := range presets {
		p := presets[i]
		o := p.options
		o.preset = p.name
		c := &cobra.Command{
			Use: p.name, Short: p.short, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				if err := o.validate(); err != nil {
					return err
				}
				started()
				return load(c.Context(), o, s)
			},
		}
		o.flags(c)
		root.AddCommand(c)
	}
	root.AddCommand(startCommand(s, started), compareCommand(s, started))
	return root
}

func (o *options) flags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.server, "server", "127.0.0.1:2181", "host:port[,host:port…][/chroot]; connections are spread over the servers")
	f.IntVarP(&o.connections, "connections", "c", o.connections, "connections, each a session")
	f.IntVarP(&o.outstanding, "outstanding", "o", o.outstanding, "requests in flight on each connection")
	f.Float64Var(&o.rate, "rate", 0, "open loop: send this many requests per second, due at fixed moments from which their latency\n"+
		"runs, instead of one for each reply; --outstanding is then without meaning")
	f.StringVar(&o.mix, "mix", o.mix, "share of each operation in percent: create set get exists children delete")
	f.IntVar(&o.size, "size", o.size, "bytes of data in each znode")
	f.IntVar(&o.keys, "keys", o.keys, "znodes that set, get and exists choose from")
	f.DurationVarP(&o.duration, "duration", "d", 10*time.Second, "how long to measure")
	f.IntVarP(&o.count, "count", "n", 0, "measure this many requests instead of a duration")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "run this long before measuring")
	f.IntSliceVar(&o.serverPIDs, "server-pid", nil, "process id of the server, or of all of them: report their CPU and memory (Linux, same machine)")
	f.StringVar(&o.root, "root", "/zkbench", "znode to work under; made at the start, deleted at the end")
	f.BoolVar(&o.keep, "keep", false, "leave the znodes there at the end")
	f.DurationVar(&o.timeout, "session-timeout", 30*time.Second, "session timeout to ask for")
	f.StringVar(&o.clientFile, "client-configuration", "", "file of the client's properties for TLS (zookeeper.client.secure=true, zookeeper.ssl.*), as zkcli's")
	f.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
}

// load runs one load and prints its report.
func load(ctx context.Context, o options, s cli.Streams) error {
	r, err := run(ctx, o)
	if r == nil {
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted before there was a result")
		}
		return err
	}
	if o.json {
		if err := json.NewEncoder(s.Out).Encode(r); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	} else if err := r.print(s.Out); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if err == nil && r.ErrorCount > 0 {
		err = errOps
	}
	return err
}

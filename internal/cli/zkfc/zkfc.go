// Package zkfc is the command zkfc: its arguments, prompts and exit codes, which are the original's where it has them.
package zkfc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/obs"
)

// The exit codes, the original's.
const (
	exitOK           = 0
	exitError        = 1 // configuration, arguments, port taken, health monitor broken
	exitFormatDenied = 2
	exitNoParent     = 3
	exitNoFencer     = 4
	exitNoAuto       = 5
	exitNoZooKeeper  = 6 // -formatZK only: a running controller waits for ZooKeeper
)

const usage = `Usage: zkfc [-config FILE] [-id NODE] [-events FILE] [-D key=value]... [ -formatZK [-force] [-nonInteractive] ]
	-force: formats the znode if the znode exists.
	-nonInteractive: formats the znode aborts if the znode exists,
	unless -force option is specified.

Runs the failover controller beside one node, until it gets SIGTERM or SIGINT; an active node then hands over in order.

	-config FILE   holdfast.yaml (default: $HOLDFAST_CONFIG, ./holdfast.yaml, /etc/holdfast/holdfast.yaml)
	-id NODE       the node on this machine, such as nn1 (default: the key node, or found by this machine's addresses)
	-events FILE   append one JSON object for each event
	-D key=value   override a key of the configuration
	-formatZK      make the znode of the nameservice in ZooKeeper, and stop
	-help          this text

Exit codes: 0 done or stopped in order, 1 error, 2 format denied, 3 parent znode missing, 4 fencing not configured,
5 automatic failover off, 6 no ZooKeeper (-formatZK only; a running controller waits for it).
`

type options struct {
	load                          haconfig.Options
	help                          bool
	format, force, nonInteractive bool
}

// parse reads the arguments; -x and --x are the same.
func parse(args []string) (options, error) {
	var o options
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if strings.HasPrefix(args[i], "--") {
			name = name[1:]
		}
		next := func() (string, error) {
			if joined && name != "-D" {
				return value, nil
			}
			if i++; i >= len(args) {
				return "", fmt.Errorf("%s needs a value", name)
			}
			return args[i], nil
		}
		var v string
		var err error
		switch name {
		case "-help", "-h":
			o.help = true
		case "-formatZK":
			o.format = true
		case "-force":
			o.force = true
		case "-nonInteractive":
			o.nonInteractive = true
		case "-config":
			v, err = next()
			o.load.File = v
		case "-id":
			v, err = next()
			o.load.Set = append(o.load.Set, "node="+v)
		case "-events":
			v, err = next()
			o.load.Set = append(o.load.Set, "events.file="+v)
		case "-D":
			v, err = next()
			o.load.Set = append(o.load.Set, v)
		default:
			if set, ok := strings.CutPrefix(args[i], "-D"); ok && strings.Contains(set, "=") {
				o.load.Set = append(o.load.Set, set)
				continue
			}
			err = fmt.Errorf("Bad argument: %s", args[i]) //nolint:staticcheck,revive // the original's words
		}
		if err != nil {
			return o, err
		}
	}
	if (o.force || o.nonInteractive) && !o.format {
		return o, errors.New("Bad argument: -force and -nonInteractive belong to -formatZK") //nolint:staticcheck,revive // as above
	}
	return o, nil
}

// Main is the command.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprint(s.Err, usage)
		fmt.Fprintf(s.Err, "\nzkfc: %v\n", err)
		return exitError
	}
	if o.help {
		fmt.Fprint(s.Out, usage)
		return exitOK
	}
	cfg, err := haconfig.Load(o.load)
	if err != nil {
		return complain(s.Err, err)
	}
	log, err := obs.NewLogger(s.Err, cfg.Log.Level)
	if err != nil {
		return complain(s.Err, err)
	}
	ns, node, err := place(cfg, o.format)
	if err != nil {
		return complain(s.Err, err)
	}
	zk, err := zookeeper(cfg, log)
	if err != nil {
		return complain(s.Err, err)
	}
	if !ns.AutomaticFailover {
		log.Error("Automatic failover is not enabled for "+nameOf(ns, node)+". Please ensure that automatic failover is "+
			"enabled in the configuration before running the ZK failover controller.",
			zap.String("remedy", "set automaticFailover: true for nameservice "+ns.ID))
		return exitNoAuto
	}
	if o.format {
		return format(ctx, o, zk, parentOf(cfg, ns), s, log)
	}
	return run(ctx, &setup{cfg: cfg, ns: ns, node: node, zk: zk, log: log})
}

// place is the nameservice and node that the command is about. Formatting needs no node: without one that is known,
// the only nameservice is meant.
func place(cfg *haconfig.Config, format bool) (haconfig.Nameservice, haconfig.Node, error) {
	ns, node, err := cfg.LocalNode()
	if err != nil && format {
		if known, ok := cfg.Find(cfg.Nameservice); ok {
			return known, haconfig.Node{}, nil
		}
		if cfg.Nameservice == "" && len(cfg.Nameservices) == 1 && cfg.Node == "" {
			return cfg.Nameservices[0], haconfig.Node{}, nil
		}
	}
	return ns, node, err
}

func nameOf(ns haconfig.Nameservice, n haconfig.Node) string {
	if n.ID == "" {
		return "nameservice " + ns.ID
	}
	return "NameNode at " + n.Identity(ns.ID).Addr()
}

// parentOf is the znode of the nameservice.
func parentOf(cfg *haconfig.Config, ns haconfig.Nameservice) string {
	return strings.TrimSuffix(cfg.Zookeeper.ParentZnode, "/") + "/" + ns.ID
}

func complain(w io.Writer, err error) int {
	fmt.Fprintf(w, "zkfc: %v\n", err)
	return exitError
}

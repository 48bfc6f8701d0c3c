// Package zkfc is the command zkfc: its arguments, prompts and exit codes, which are the original's where it has them.
package zkfc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// The exit codes, the original's.
const (
	exitOK           = 0
	exitError        = 1 // configuration, arguments, port taken, health monitor broken
	exitFormatDenied = 2
	exitNoParent     = 3
	exitNoFencer     = 4
	exitNoAuto       = 5
	exitNoZooKeeper  = 6 // -formatZK, or a start when controller.zookeeperPatience is over
	exitTerminated   = 143
)

// original is the original's usage.
const original = `Usage: hdfs zkfc [ -formatZK [-force] [-nonInteractive] ]
	-force: formats the znode if the znode exists.
	-nonInteractive: formats the znode aborts if the znode exists,
	unless -force option is specified.
`

const usage = original + `
Generic options supported are:
-conf <configuration file>        specify an application configuration file
-D <property=value>               define a value for a given property
-fs <file:///|hdfs://namenode:port> specify default filesystem URL to use, overrides 'fs.defaultFS' property from configurations.

The general command line syntax is:
command [genericOptions] [commandOptions]

Runs the failover controller beside one node, until it gets SIGTERM or SIGINT; an active node then hands over in order.
SIGUSR1 stops it for a restart: an active node keeps its role and its lock for the zkfc that is started next.

	-config FILE   holdfast.yaml, or Hadoop's configuration directory; -conf is the same, and takes *.xml files, too
	               (default: $HOLDFAST_CONFIG, $HADOOP_CONF_DIR, ./holdfast.yaml, /etc/holdfast/holdfast.yaml,
	               $HADOOP_HOME/etc/hadoop, /etc/hadoop/conf)
	-id NODE       the node on this machine, such as nn1 (default: configured, or found by this machine's addresses)
	-events FILE   append one JSON object for each event
	-help          this text
	check          print the configuration in effect with its sources, and everything wrong with it; check --keys: what
	               becomes of each key of Hadoop's

Exit codes: 0 done or stopped in order, 1 error, 2 format denied, 3 parent znode missing, 4 fencing not configured,
5 automatic failover off, 6 no ZooKeeper (-formatZK; a running controller waits for it, see controller.zookeeperPatience),
143 stopped by SIGTERM (with Hadoop's configuration).
`

type options struct {
	load                          haconfig.Options
	help                          bool
	format, force, nonInteractive bool
	check, keys                   bool
}

// errArgument is the complaint of the original.
type errArgument string

func (e errArgument) Error() string { return "Bad argument: " + string(e) }

// parse reads the arguments: options first, then the command; -x and --x are the same.
func parse(args []string) (options, error) {
	var o options
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if strings.HasPrefix(args[i], "--") {
			name = name[1:]
		}
		switch name {
		case "-help", "-h":
			o.help = true
			continue
		case "-formatZK":
			o.format = true
			return o, o.formatOptions(args[i+1:])
		case "check", "-check":
			o.check = true
			return o, o.checkOptions(args[i+1:])
		case "-jt", "-files", "-libjars", "-archives":
			return o, fmt.Errorf("option %s is for MapReduce jobs and means nothing here; leave it out", name)
		}
		if set, ok := strings.CutPrefix(args[i], "-D"); ok && strings.Contains(set, "=") {
			o.load.Set = append(o.load.Set, set)
			continue
		}
		list, prefix := o.option(name)
		if list == nil {
			return o, errArgument(args[i])
		}
		if !joined {
			if i++; i >= len(args) {
				return o, fmt.Errorf("%s needs a value", name)
			}
			value = args[i]
		}
		*list = append(*list, prefix+value)
	}
	return o, nil
}

// option is where the value of an option goes; nil for an unknown one.
func (o *options) option(name string) (list *[]string, prefix string) {
	switch name {
	case "-config", "-conf":
		return &o.load.Files, ""
	case "-id":
		return &o.load.Named, "node="
	case "-events":
		return &o.load.Named, "events.file="
	case "-fs":
		return &o.load.Set, "fs.defaultFS="
	case "-D":
		return &o.load.Set, ""
	}
	return nil, ""
}

func (o *options) formatOptions(args []string) error {
	for _, a := range args {
		switch strings.Replace(a, "--", "-", 1) {
		case "-force":
			o.force = true
		case "-nonInteractive":
			o.nonInteractive = true
		default:
			return errArgument(a)
		}
	}
	return nil
}

func (o *options) checkOptions(args []string) error {
	for _, a := range args {
		if a != "--keys" && a != "-keys" {
			return errArgument(a)
		}
		o.keys = true
	}
	return nil
}

// Main is the command.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	o, err := parse(args)
	switch {
	case err != nil:
		return misused(s, err)
	case o.help:
		fmt.Fprint(s.Out, usage)
		return exitOK
	case o.keys:
		return keys(s.Out)
	}
	cfg, err := haconfig.Load(o.load)
	if o.check {
		return check(s, cfg, err)
	}
	if err != nil {
		return complain(s.Err, err)
	}
	log, err := newLog(s.Err, cfg)
	if err != nil {
		return complain(s.Err, err)
	}
	ns, node, err := place(cfg, o.format)
	if err != nil {
		return complain(s.Err, err)
	}
	setup := &setup{cfg: cfg, ns: ns, node: node, log: log}
	if cfg.Hadoop != nil {
		log.Named(program).Info("Failover controller configured for NameNode " + nameOf(ns, node))
	}
	if !ns.AutomaticFailover {
		log.Error("Automatic failover is not enabled for "+setup.name()+". Please ensure that automatic failover is "+
			"enabled in the configuration before running the ZK failover controller.", remedy(cfg,
			"set automaticFailover: true for nameservice "+ns.ID, "set dfs.ha.automatic-failover.enabled to true in hdfs-site.xml"))
		return exitNoAuto
	}
	if problems := cfg.ForNode(ns, node); len(problems) > 0 {
		return complain(s.Err, problems)
	}
	for _, n := range cfg.Note() {
		log.Warn(n)
	}
	if setup.zk, err = zookeeper(cfg, named(log, cfg, "ActiveStandbyElector")); err != nil {
		return complain(s.Err, err)
	}
	if o.format {
		return format(ctx, o, setup, s)
	}
	return run(ctx, setup)
}

// remedy is ours or the one by Hadoop's keys.
func remedy(cfg *haconfig.Config, ours, hadoops string) zap.Field {
	if cfg.Hadoop != nil {
		ours = hadoops
	}
	return zap.String("remedy", ours)
}

// place is the nameservice and node that the command is about. Formatting needs no node: without one that is known,
// the only nameservice is meant.
func place(cfg *haconfig.Config, format bool) (haconfig.Nameservice, haconfig.Node, error) {
	ns, node, err := cfg.LocalNode()
	if err != nil && format && cfg.Node == "" {
		if known, ok := cfg.Find(cfg.Nameservice); ok {
			return known, haconfig.Node{}, nil
		}
		if cfg.Nameservice == "" && len(cfg.Nameservices) == 1 {
			return cfg.Nameservices[0], haconfig.Node{}, nil
		}
	}
	return ns, node, err
}

// nameOf is how the original names a target before it has met it: by its lifeline address if it has one, and an address from
// the files without its name.
func nameOf(ns haconfig.Nameservice, n haconfig.Node) string {
	if n.ID == "" {
		return "nameservice " + ns.ID
	}
	addr := n.HealthAddress
	if addr == "" {
		addr = n.Addr()
	}
	host, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	return "NameNode at " + fencing.JavaAddress(context.Background(), host, port)
}

// parentOf is the znode of the nameservice.
func parentOf(cfg *haconfig.Config, ns haconfig.Nameservice) string {
	return strings.TrimSuffix(cfg.Zookeeper.ParentZnode, "/") + "/" + ns.ID
}

// misused says what is wrong with the arguments.
func misused(s cli.Streams, err error) int {
	fmt.Fprint(s.Err, original+"\n")
	hint := ""
	var bad errArgument
	if errors.As(err, &bad) {
		earlier(s.Err, "org.apache.hadoop.HadoopIllegalArgumentException: "+err.Error())
		hint = "; options such as -D stand before -formatZK, -force and -nonInteractive after it; zkfc -help tells them all"
	}
	fmt.Fprintf(s.Err, "zkfc: %v%s\n", err, hint)
	return exitError
}

// complain prints what is wrong: the original's exception first, if there is one, then everything.
func complain(w io.Writer, err error) int {
	var problems haconfig.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.Java != "" {
				earlier(w, p.Java)
				break
			}
		}
	}
	fmt.Fprintf(w, "zkfc: %v\n", err)
	return exitError
}

// earlier is the original's last word before it exits with 1.
func earlier(w io.Writer, exception string) {
	javaLog(w, zap.InfoLevel).Named(program).Error("DFSZKFailOverController exiting due to earlier exception " + exception)
}

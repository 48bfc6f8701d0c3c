package zkfc

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/cli"
)

// formatDeadline is how long -formatZK tries to reach ZooKeeper, unless the session timeout is longer or
// controller.zookeeperPatience is set.
const formatDeadline = 3 * time.Second

// format makes the znode of the nameservice, clearing it first when it exists and that is wanted.
func format(ctx context.Context, o options, set *setup, s cli.Streams) int {
	zk, parent, log := set.zk, parentOf(set.cfg, set.ns), named(set.log, set.cfg, "ActiveStandbyElector")
	wait := set.cfg.Controller.ZookeeperPatience
	if wait == 0 {
		wait = max(formatDeadline, zk.SessionTimeout)
	}
	patience, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tree, err := zk.OpenTree(patience)
	if err != nil {
		return set.noZooKeeper(err)
	}
	defer tree.Close()
	work := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, time.Minute) }
	fail := func(what string, err error) int {
		log.Error(what, zap.Error(err))
		return exitError
	}
	wctx, cancelLook := work()
	defer cancelLook()
	exists, err := tree.Exists(wctx, parent)
	if err != nil {
		return fail("Unable to look at the parent znode", err)
	}
	if exists {
		if !o.force && (o.nonInteractive || !confirm(ctx, parent, s)) {
			return exitFormatDenied
		}
		clearing, cancelClear := work()
		defer cancelClear()
		log.Info("Recursively deleting " + parent + " from ZK...")
		if err := tree.Clear(clearing, parent); err != nil {
			return fail("Unable to clear zk parent znode", err)
		}
		log.Info("Successfully deleted " + parent + " from ZK.")
	}
	wctx, cancelMake := work()
	defer cancelMake()
	if err := tree.Ensure(wctx, parent); err != nil {
		if set.cfg.Hadoop != nil {
			earlier(s.Err, "java.io.IOException: Couldn't create "+parent)
		}
		return fail("Unable to create the parent znode", err)
	}
	log.Info("Successfully created " + parent + " in ZK.")
	return exitOK
}

// confirm asks until the answer is yes or no; the end of the input, or an interrupt, is a no.
func confirm(ctx context.Context, parent string, s cli.Streams) bool {
	fmt.Fprintf(s.Err, `===============================================
The configured parent znode %s already exists.
Are you sure you want to clear all failover information from
ZooKeeper?
WARNING: Before proceeding, ensure that all HDFS services and
failover controllers are stopped!
===============================================
`, parent)
	answer := make(chan bool, 1)
	go func() { answer <- ask(parent, s) }() // ends with the input; an interrupt ends the process
	select {
	case yes := <-answer:
		return yes
	case <-ctx.Done():
		return false
	}
}

func ask(parent string, s cli.Streams) bool {
	in := bufio.NewScanner(s.In)
	for {
		fmt.Fprintf(s.Err, "Proceed formatting %s? (Y or N) ", parent)
		if !in.Scan() {
			fmt.Fprintln(s.Err, "\nThe end of standard input is taken as no: answer Y, or give -force.")
			return false
		}
		switch line := strings.TrimSpace(in.Text()); strings.ToLower(line) {
		case "y", "yes":
			return true
		case "n", "no":
			return false
		default:
			fmt.Fprintf(s.Err, "Invalid input: %s\n", line)
		}
	}
}

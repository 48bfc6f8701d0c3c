package zkserver

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/obs"
	server "github.com/holdfast-ha/holdfast/zkserver"
)

const forceLong = `force-new-cluster is for the day on which the majority of an ensemble is lost for good: disks gone, machines never to come
back. It makes the data of this one stopped server a new ensemble of itself alone; others are added to that afterwards.

What the lost servers had acknowledged and this one had not received is lost, and nobody can tell what it was. So first
 - make sure that the others are really gone. One that comes back is worth more than this command;
 - of those that are left, take the one with the greatest zxid: "zkserver force-new-cluster" without --yes tells it, on each;
 - copy its dataDir and dataLogDir.

Without --yes it tells what it would do and changes nothing. With --yes it raises the epochs, drops a membership that was being
decided, and writes a membership of this server alone, which zoo.cfg then names. A former member must never be started
again with its old data and configuration: empty its directories (zkserver init --force) before it joins the new ensemble.

Exit codes: 0 done, or (without --yes) told; 1 it cannot be done; 2 bad arguments or configuration.`

func addForce(root *cobra.Command, f *flags, s cli.Streams) {
	var yes bool
	cmd := &cobra.Command{
		Use:   "force-new-cluster [ZOO.CFG]",
		Short: "Make one server's data a new ensemble, when the majority is lost for good",
		Long:  forceLong,
		Args:  cobra.MaximumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return forceNewCluster(f, args, yes, s) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	root.AddCommand(cmd)
}

func forceNewCluster(f *flags, args []string, yes bool, s cli.Streams) error {
	level := f.logLevel
	if level == "" {
		level = "info"
	}
	log, err := obs.NewLogger(s.Err, level)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	src := f.source(args)
	cfg, _, err := src.load()
	if err != nil {
		return err
	}
	report, err := server.ForceNewCluster(cfg, yes, server.WithLogger(log))
	if err != nil {
		return &exitError{exitFailed, err}
	}
	out := bufio.NewWriter(s.Out)
	printForce(out, &report, yes, src.name)
	return out.Flush()
}

func printForce(w *bufio.Writer, r *server.ForceReport, done bool, cfg string) {
	var others []string
	for i := range r.Before.Servers {
		if id := r.Before.Servers[i].ID; id != r.ID {
			others = append(others, id.String())
		}
	}
	fmt.Fprintf(w, "This is server %d. It has everything up to zxid %s: %d znodes, %d sessions.\n", r.ID, r.LastZxid, r.Znodes, r.Sessions)
	word := map[bool]string{false: "would be", true: "are"}[done]
	fmt.Fprintf(w, "Its data %s the new ensemble, in epoch %d; servers %s %s no members any more.\n", word, r.Epoch, strings.Join(others, ", "), word)
	fmt.Fprintf(w, "Membership before:\n%s\nMembership after, in %s:\n%s\n", indent(r.Before.Text()), r.DynamicFile, indent(r.After.Text()))
	if !done {
		fmt.Fprint(w, "Nothing was changed. What other servers have behind that zxid will be lost: compare it with theirs first.\n"+
			"To do it: the same command with --yes.\n")
		return
	}
	fmt.Fprintf(w, "Done. What is left to do:\n"+
		" 1. Start this server (zkserver start). It serves by itself.\n"+
		" 2. On each other machine, before anything is started there: zkserver init --force --myid N. Old data must not come back.\n")
	if r.Standalone {
		fmt.Fprintf(w, " 3. To have an ensemble again: stop this server, put the server lines of all members into each %s in place of\n"+
			"    dynamicConfigFile, start this one and then the others. (Or set standaloneEnabled=false and reconfigEnabled=true, and\n"+
			"    add the others one by one with reconfig -add.)\n", baseName(cfg))
		return
	}
	fmt.Fprintf(w, " 3. Start each of them with this membership and its own line, and add it: zkcli reconfig -add 'server.N=...'\n")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

func baseName(cfg string) string {
	if i := strings.LastIndexAny(cfg, `/\`); i >= 0 {
		return cfg[i+1:]
	}
	return cfg
}

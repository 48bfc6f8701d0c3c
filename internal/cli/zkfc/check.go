package zkfc

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// check prints the configuration in effect and everything wrong with it. It needs neither ZooKeeper nor a NameNode.
func check(s cli.Streams, cfg *haconfig.Config, err error) int {
	if err != nil {
		return complain(s.Err, err)
	}
	var wrong []error
	var notes []string
	ns, node, err := place(cfg, false)
	if err != nil { // what can be said without the node
		wrong = append(wrong, err)
		ns, node, err = place(cfg, true)
	}
	if err == nil {
		if problems := cfg.ForNode(ns, node); len(problems) > 0 {
			wrong = append(wrong, problems)
		}
		secret, failed := cfg.ZookeeperTLS(func(text string) { notes = append(notes, "TLS: "+text) })
		if failed != nil {
			wrong = append(wrong, failed)
		} else if secret != nil {
			for _, f := range secret.Findings(time.Now()) {
				notes = append(notes, "TLS: "+f)
			}
		}
		if !ns.AutomaticFailover {
			wrong = append(wrong, fmt.Errorf("automatic failover is off for nameservice %s: zkfc would exit with %d", ns.ID, exitNoAuto))
		}
		if _, failed := (&setup{cfg: cfg, ns: ns, node: node}).selfFence(); failed != nil {
			wrong = append(wrong, fmt.Errorf("failover.selfFence: %w: zkfc would exit with %d", failed, exitError))
		}
		if f, err := fencing.New(cfg.FencingConfig(ns, node.ID), nil); err == nil {
			for _, w := range f.Warnings() {
				wrong = append(wrong, fmt.Errorf("fencing would fail today: %s", w))
			}
		} else {
			wrong = append(wrong, fmt.Errorf("fencing: %w: zkfc would exit with %d", err, exitNoFencer))
		}
	}
	from := cfg.File
	if from == "" {
		from = "no file"
	}
	fmt.Fprintf(s.Out, "configuration: %s\n", from)
	if node.ID != "" {
		fmt.Fprintf(s.Out, "this node: %s/%s\n", ns.ID, node.ID)
	}
	fmt.Fprintln(s.Out)
	tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	shown := cfg.Effective()
	if cfg.Policy != nil {
		shown = append(shown, cfg.Policy.Effective...)
	}
	for _, e := range shown {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", e.Key, e.Value, e.From)
	}
	tw.Flush()
	if line := (&setup{cfg: cfg}).oftener(); line != "" {
		notes = append(notes, line)
	}
	if len(notes) > 0 {
		fmt.Fprintln(s.Out, "\n"+strings.Join(notes, "\n"))
	}
	if idle := cfg.Note(); len(idle) > 0 {
		fmt.Fprintln(s.Out, "\nwithout effect:")
		for _, n := range idle {
			fmt.Fprintln(s.Out, "  "+n)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		fmt.Fprintln(s.Out)
		return complain(s.Err, err)
	}
	fmt.Fprintln(s.Out, "\nno problems")
	return exitOK
}

// keys prints what becomes of each key of Hadoop's.
func keys(w io.Writer) int {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range haconfig.HadoopKeys() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", k.Name, k.Use, k.Why)
	}
	tw.Flush()
	fmt.Fprintf(w, "\n%s (hadoop or fast) chooses whose timings hold where no file sets them; "+
		"every key of holdfast.yaml outside of its lists can be set with %s before it.\n", haconfig.TimingsKey, haconfig.OwnPrefix)
	return exitOK
}

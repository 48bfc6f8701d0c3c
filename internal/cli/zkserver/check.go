package zkserver

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/tlsconf"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func addCheck(root *cobra.Command, f *flags, s cli.Streams) {
	var keys bool
	cmd := &cobra.Command{
		Use:   "check [ZOO.CFG]",
		Short: "Check a configuration without starting anything",
		Long: `check reads a configuration as start-foreground would and tells everything that is wrong with it, what does nothing
here, and what it leaves open to others. Exit codes: 0 it can be used, 2 it cannot.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if keys {
				printKeys(s.Out)
				return nil
			}
			return check(f.source(args), s.Out)
		},
	}
	cmd.Flags().BoolVar(&keys, "keys", false, "list all known keys and what becomes of them")
	root.AddCommand(cmd)
}

func check(src *source, w io.Writer) error {
	cfg, warnings, err := src.load()
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(w, "error:", p)
	}
	for _, p := range warnings {
		fmt.Fprintln(w, "warning:", p)
	}
	var found []string
	if len(problems) == 0 {
		problems, found = certificates(&cfg)
		for _, p := range problems {
			fmt.Fprintln(w, "error:", p)
		}
	}
	if len(problems) > 0 {
		fmt.Fprintf(w, "%s cannot be used: %d problem(s)\n", src.name, len(problems))
		return &exitError{exitUsage, nil}
	}
	for _, finding := range found {
		fmt.Fprintln(w, "certificates:", finding)
	}
	for _, finding := range cfg.Security() {
		fmt.Fprintln(w, "security:", finding)
	}
	if cfg.Distributed() {
		n := len(cfg.Voters())
		role := "a voter"
		if cfg.Observer() {
			role = "an observer"
		}
		fmt.Fprintf(w, "ensemble: this is server %d, %s; with %d voters it goes on while at most %d of them fail\n", cfg.MyID, role, n, config.Tolerance(n))
	}
	fmt.Fprintf(w, "%s can be used\n", src.name)
	return nil
}

// certificates opens the key and trust stores as the server would. It tells what is wrong with them, and what soon will be.
func certificates(cfg *config.Config) (problems config.Problems, found []string) {
	for _, settings := range cfg.Certificates() {
		source, err := tlsconf.Load(settings)
		if e, ok := errors.AsType[*tlsconf.Error](err); ok {
			problems = append(problems, config.Problem{File: cfg.Source, Key: e.Key, Reason: strings.TrimPrefix(e.File+": "+e.Reason, ": "), Remedy: e.Remedy})
			continue
		}
		found = append(found, source.Warnings()...)
		found = append(found, source.Findings(time.Now())...)
	}
	return problems, found
}

// printKeys writes the table of keys, as docs/compatibility.md may quote it.
func printKeys(w io.Writer) {
	fmt.Fprint(w, "| key | as a system property, too | class | reload | note |\n|---|---|---|---|---|\n")
	for _, k := range config.Keys() {
		reload := ""
		if k.Hot {
			reload = "yes"
		}
		name := k.Name
		if strings.HasSuffix(name, ".") {
			name += "*"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", name, strings.Join(k.Also, " "), k.Class, reload, k.Note)
	}
}

// Package hademo is the command hademo: it plays failovers on real processes and shows what they cost.
package hademo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/hademo"
)

const usage = `hademo starts three coordination servers, two NameNodes and their failover controllers as real processes, writes without
pause through the active NameNode, breaks one thing after the other, and shows how long each failover took.

Usage: hademo [flags]

Acts: %s

Flags:
%s
Exit codes: 0 nothing was lost, 1 something failed, 2 bad arguments, 3 an acknowledged write was lost or two nodes wrote in
one epoch, 130 interrupted.
`

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitLost        = 3
	exitInterrupted = 130
)

// Main runs hademo, or, as one of its own children, the program that the first argument names ("@zkserver").
func Main(ctx context.Context, args []string, s cli.Streams) int {
	if len(args) > 0 && strings.HasPrefix(args[0], "@") {
		if m, ok := programs[args[0][1:]]; ok {
			return m(ctx, args[1:], s)
		}
	}
	var acts []string
	var rounds int
	var keep, asJSON, plain bool
	f := pflag.NewFlagSet("hademo", pflag.ContinueOnError)
	f.SetOutput(s.Err)
	f.SortFlags = false
	f.StringSliceVar(&acts, "act", nil, "play only this act (may be repeated; default: all)")
	f.IntVar(&rounds, "rounds", 1, "play the acts so many times, and show the medians")
	f.BoolVar(&keep, "keep", false, "leave everything running afterwards, to play with, until Ctrl-C")
	f.BoolVar(&asJSON, "json", false, "one JSON object per act and line, nothing else")
	f.BoolVar(&plain, "plain", false, "plain lines, also on a terminal")
	f.Usage = func() {}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Fprintf(s.Out, usage, strings.Join(hademo.ActNames(), ", "), f.FlagUsages())
			return exitOK
		}
		fmt.Fprintf(s.Err, "hademo: %v; try hademo --help\n", err)
		return exitUsage
	}
	if problem := check(f.Args(), acts, rounds); problem != "" {
		fmt.Fprintf(s.Err, "hademo: %s; try hademo --help\n", problem)
		return exitUsage
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintf(s.Err, "hademo: cannot find its own executable: %v\n", err)
		return exitFailed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg := hademo.Config{Acts: acts, Rounds: rounds, Keep: keep, Launch: launcher(self)}
	switch {
	case asJSON:
		enc := json.NewEncoder(s.Out)
		cfg.View = hademo.Silent{Done: func(r hademo.Result) { _ = enc.Encode(r) }}
	case !plain && isTerminal(s):
		cfg.View = hademo.NewTerminal(s.In, s.Out, cancel)
	default:
		cfg.View = hademo.Plain{Out: s.Out}
	}
	results, err := hademo.Play(ctx, cfg)
	if !asJSON {
		hademo.Summary(s.Out, results)
	}
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && keep && len(results) > 0:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(s.Err, "hademo: interrupted; everything it started has ended")
		return exitInterrupted
	case errors.Is(err, hademo.ErrLost):
		fmt.Fprintf(s.Err, "hademo: %v\n", err)
		return exitLost
	default:
		fmt.Fprintf(s.Err, "hademo: %v\n", err)
		return exitFailed
	}
}

// check returns what is wrong with the arguments, or nothing.
func check(rest, acts []string, rounds int) string {
	if len(rest) > 0 {
		return fmt.Sprintf("unexpected argument %q", rest[0])
	}
	if rounds < 1 {
		return fmt.Sprintf("--rounds %d: at least 1", rounds)
	}
	known := make(map[string]bool)
	for _, n := range hademo.ActNames() {
		known[n] = true
	}
	for _, a := range acts {
		if !known[a] {
			return fmt.Sprintf("no act is called %q; there are: %s", a, strings.Join(hademo.ActNames(), ", "))
		}
	}
	return ""
}

// launcher runs the programs of the suite from hademo's own executable.
func launcher(self string) hademo.Launcher {
	return func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Args = append([]string{program, "@" + program}, args...)
		return cmd
	}
}

func isTerminal(s cli.Streams) bool {
	out, ok1 := s.Out.(*os.File)
	in, ok2 := s.In.(*os.File)
	return ok1 && ok2 && term.IsTerminal(int(out.Fd())) && term.IsTerminal(int(in.Fd()))
}

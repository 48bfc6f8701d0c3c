// Package haadmin is the command haadmin: it asks and changes the HA state of the nodes of a nameservice, with the
// original's arguments, texts and exit codes (0 and 255, unless admin.exitCodes says otherwise), so that scripts around the original keep working.
//
// Without automatic failover it talks to the nodes themselves, and -failover is done here (manual.go). With automatic
// failover a -failover is asked of the target's controller, and transitions need --forcemanual.
package haadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// failed is the original's only exit code besides 0: Java's -1.
const failed = 255

// uncaught is the exit code of a Java program that ends with an exception, as the original's does over a file that it cannot read.
const uncaught = 1

// The exit codes with admin.exitCodes=distinct.
const (
	exitError     = 1 // anything else
	exitUsage     = 2
	exitConfig    = 3
	exitNoAnswer  = 4 // a node or controller does not answer
	exitRefused   = 5 // it refuses, or the command is not right in its state
	exitUnhealthy = 6
	exitAborted   = 7 // answered no at the prompt
	exitNotFenced = 8
)

// admin is one run of the command.
type admin struct {
	cli.Streams
	ctx  context.Context
	log  *zap.Logger
	opts haconfig.Options

	ns     string               // -ns
	source target.RequestSource // on whose behalf transitions are asked for

	cfg *haconfig.Config // loaded when first needed: usage and bad arguments do not need it
}

// Main is the command.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	a := &admin{Streams: s, ctx: ctx, log: newLog(s.Err)}
	rest, err := a.generic(args)
	if err == nil {
		var code int
		if code, err = a.run(rest); err == nil {
			return code
		}
	}
	return a.end(err)
}

// end prints err and chooses the exit code.
func (a *admin) end(err error) int {
	var illegal illegalArgument
	var problems haconfig.Problems
	var java *javaError
	switch {
	case errors.As(err, &illegal):
		a.complain("Illegal argument: " + illegal.Error())
		a.hint(illegal.hints...)
		return a.exit(exitConfig)
	case errors.As(err, &problems):
		a.complain(problems.Error())
		if problems.Fatal() {
			return uncaught
		}
		return failed
	case errors.As(err, &java):
		a.complain("Operation failed: " + java.Error())
		a.hint(java.hints...)
		var answered *hadooprpc.Exception
		if errors.As(err, &answered) {
			return a.exit(exitRefused)
		}
		return a.exit(exitNoAnswer)
	default:
		a.complain("Operation failed: " + err.Error())
		return a.exit(exitError)
	}
}

// exit is code with admin.exitCodes=distinct, and else the original's.
func (a *admin) exit(code int) int {
	if cfg, err := a.config(); err == nil && cfg.Admin.ExitCodes == haconfig.ExitDistinct {
		return code
	}
	return failed
}

// hint prints what the original would not have said.
func (a *admin) hint(lines ...string) {
	for _, l := range lines {
		a.complain("haadmin: " + l)
	}
}

func (a *admin) say(line string)      { _, _ = fmt.Fprintln(a.Out, line) }
func (a *admin) complain(line string) { _, _ = fmt.Fprintln(a.Err, line) }

// generic takes the options off that stand before the command.
func (a *admin) generic(args []string) ([]string, error) {
	for len(args) > 0 {
		name := "-" + strings.TrimLeft(args[0], "-")
		if strings.HasPrefix(name, "-D") && strings.Contains(name, "=") {
			a.opts.Set = append(a.opts.Set, name[2:])
			args = args[1:]
			continue
		}
		switch name {
		case "-D", "-conf", "-config", "-fs":
		case "-jt", "-files", "-libjars", "-archives":
			return nil, fmt.Errorf("option %s is for MapReduce jobs and means nothing here; leave it out", name)
		default:
			return args, nil
		}
		if len(args) < 2 {
			return nil, fmt.Errorf("missing argument for option: %s", strings.TrimLeft(name, "-"))
		}
		switch name {
		case "-D":
			a.opts.Set = append(a.opts.Set, args[1])
		case "-fs":
			a.opts.Set = append(a.opts.Set, "fs.defaultFS="+args[1])
		default:
			a.opts.Files = append(a.opts.Files, args[1])
		}
		args = args[2:]
	}
	return args, nil
}

// run is the command line after the generic options. An error is printed by Main.
func (a *admin) run(args []string) (int, error) {
	if len(args) > 0 && args[0] == "-ns" {
		switch len(args) {
		case 1:
			return a.misused("Missing nameservice ID"), nil
		case 2:
			return a.misused("Missing command"), nil
		}
		a.ns, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return a.misused(""), nil
	}
	name := args[0]
	if find("-"+name) != nil { // the same without the dash
		name = "-" + name
		if slices.Contains(args[1:], "--help") || slices.Contains(args[1:], "-h") {
			return a.help([]string{name}), nil
		}
	}
	if !strings.HasPrefix(name, "-") {
		return a.misused("Bad command '" + name + "': expected command starting with '-'"), nil
	}
	c := find(name)
	switch {
	case c == nil:
		return a.misused(name[1:] + ": Unknown command"), nil
	case c.run == nil:
		return a.help(args[1:]), nil
	}
	l, ok := parseLine(args[1:], c.options)
	if !ok {
		a.complain(name[1:] + ": incorrect arguments")
		a.complain(c.usage())
		return a.exit(exitUsage), nil
	}
	if a.onlyRead(c) {
		return a.exit(exitRefused), nil
	}
	if l.has(forceManual) {
		if !a.confirm() {
			a.log.Named("HAAdmin").Error("Aborted")
			return a.exit(exitAborted), nil
		}
		a.source = target.RequestByUserForced
	}
	return c.run(a, l)
}

// line is a parsed command line: the options given, and the other arguments.
type line struct {
	options map[string]bool
	args    []string
}

func (l line) has(option string) bool { return l.options[option] }

// parseLine sorts arguments as the original's GnuParser does: options anywhere, -x and --x the same, nothing after --.
func parseLine(args, known []string) (line, bool) {
	l := line{options: map[string]bool{}}
	for i, arg := range args {
		if arg == "--" {
			l.args = append(l.args, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			l.args = append(l.args, arg)
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			return l, false
		}
		l.options[name] = true
	}
	return l, true
}

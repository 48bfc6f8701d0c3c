// Package zktool is the command zktool: the offline tools for the files of a ZooKeeper server, of either make and of any
// version from 3.4 to 3.9, on the decoders that the server itself uses.
//
//	zktool log dump [-v] FILE…                 every transaction
//	zktool log verify FILE|DIR…                does a server read it?
//	zktool log repair [-y] [-v] [-o OUT] FILE  a copy with right checksums, FILE.fixed
//	zktool log chop [-o OUT] FILE ZXID         a copy up to a zxid, FILE.chopped<zxid>
//	zktool snapshot dump [-d|-json] FILE
//	zktool snapshot verify [-log DIR] FILE|DIR…     is it whole, and does its digest match?
//	zktool snapshot compare -l FILE -r FILE [-b BYTES] [-n NODES] [-d] [-i]
//	zktool snapshot summary FILE [NODE [DEPTH]]
//	zktool purge LOGDIR [SNAPDIR] -n COUNT [-dry-run] [-force] [-live]
//	zktool digest [-a ALGORITHM] USER:PASSWORD…     the ids for ACLs and superDigest
//
// Outputs have the layout of the original's tools, because scripts parse them; children come in the order of their
// names, where the original has the order of a hash table. The tools also go by the names of the original's classes, with
// their arguments: TxnLogToolkit, SnapshotFormatter, SnapshotComparer, SnapshotRecursiveSummary, PurgeTxnLog. The scripts
// in bin/ call them so.
//
// Exit codes: 0 done (a comparison exits with 0 whatever it finds), 1 damage was found or the work could not be done, 2
// wrong usage. Errors name the file and the offset.
//
// Nothing here changes a file: repair and chop write copies. What writes or removes refuses a directory in which a
// zkserver is running, but for purge -live, which removes only what no start needs.
//
// Source: TxnLogToolkit, LogChopper, SnapshotFormatter, SnapshotComparer, SnapshotRecursiveSummary and PurgeTxnLog of
// Apache ZooKeeper 3.9.
package zktool

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/vfs"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a wrong command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// tool is what a command works with.
type tool struct {
	ctx context.Context
	fs  vfs.FS
	in  *bufio.Reader
	out *bufio.Writer
	err io.Writer
	// stdout is behind out. terminal tells whether somebody looks at a stream.
	stdout   io.Writer
	terminal func(io.Writer) bool
}

func (t *tool) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// command is one command; names are its names, the first with spaces.
type command struct {
	name, alias string
	syntax      string
	run         func(t *tool, c *command, args []string) error
}

func commands() []*command {
	return []*command{
		{name: "log dump", syntax: "[-v] FILE…", run: logDump},
		{name: "log verify", syntax: "FILE|DIR…", run: logVerify},
		{name: "log repair", syntax: "[-y] [-v] [-o OUT] FILE", run: logRepair},
		{name: "log chop", syntax: "[-o OUT] FILE ZXID", run: logChop},
		{name: "snapshot dump", alias: "SnapshotFormatter", syntax: "[-d|-json] FILE", run: snapshotDump},
		{name: "snapshot verify", syntax: "[-log DIR] FILE|DIR…", run: snapshotVerify},
		{name: "snapshot compare", alias: "SnapshotComparer", syntax: "-l FILE -r FILE [-b BYTES] [-n NODES] [-d] [-i]", run: snapshotCompare},
		{name: "snapshot summary", alias: "SnapshotRecursiveSummary", syntax: "FILE [NODE [DEPTH]]", run: snapshotSummary},
		{name: "purge", alias: "PurgeTxnLog", syntax: "LOGDIR [SNAPDIR] -n COUNT [-dry-run] [-force] [-live]", run: purge},
		{name: "digest", alias: "DigestAuthenticationProvider", syntax: "[-a ALGORITHM] USER:PASSWORD…", run: digest},
		{name: "TxnLogToolkit", syntax: "[-dhrvc] FILE [-z ZXID]", run: txnLogToolkit},
	}
}

const usageHead = "zktool: looks at, checks, repairs and purges the files of a ZooKeeper server\n"

func usage() string {
	b := usageHead
	for _, c := range commands() {
		b += "  zktool " + c.name + " " + c.syntax + "\n"
	}
	return b
}

// find is the command that args begin with, and the arguments behind its name.
func find(args []string) (*command, []string) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):]
		}
		if c.alias != "" && len(args) > 0 && args[0] == c.alias {
			return c, args[1:]
		}
	}
	return nil, nil
}

// Main is the command.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	if len(args) == 1 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
		fmt.Fprint(s.Out, usage())
		return exitOK
	}
	c, rest := find(args)
	if c == nil {
		what := "no command given"
		if len(args) > 0 {
			what = "no such command: " + strings.Join(args, " ")
		}
		fmt.Fprintf(s.Err, "zktool: %s\n%s", what, usage())
		return exitUsage
	}
	t := &tool{
		ctx: ctx, fs: vfs.OS(), in: bufio.NewReader(s.In), out: bufio.NewWriter(s.Out), err: s.Err, stdout: s.Out, terminal: isTerminal,
	}
	err := c.run(t, c, rest)
	if ferr := t.out.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("write the output: %w", ferr)
	}
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(s.Out, "usage: zktool %s %s\n", c.name, c.syntax)
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(s.Err, "zktool %s: %v\nusage: zktool %s %s\n", c.name, err, c.name, c.syntax)
		return exitUsage
	case errors.Is(err, errReported):
	default:
		fmt.Fprintf(s.Err, "zktool %s: %v\n", c.name, err)
	}
	return exitFailed
}

// errReported is a failure whose words have been printed.
var errReported = errors.New("failed")

// parse reads options, which may stand before and behind the arguments, and answers the arguments: at least low, at most
// high of them (0: any number).
func parse(fs *flag.FlagSet, args []string, low, high int) ([]string, error) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	var plain []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usagef("%v", err)
		}
		if args = fs.Args(); len(args) == 0 {
			break
		}
		plain, args = append(plain, args[0]), args[1:]
	}
	if len(plain) < low || high > 0 && len(plain) > high {
		return nil, usagef("%d arguments given", len(plain))
	}
	return plain, nil
}

func flags(c *command) *flag.FlagSet { return flag.NewFlagSet(c.name, flag.ContinueOnError) }

// check answers an error when the user has asked to stop.
func (t *tool) check() error { return context.Cause(t.ctx) }

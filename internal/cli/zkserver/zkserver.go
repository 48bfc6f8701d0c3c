// Package zkserver is the command zkserver: flags, messages and exit codes around the server of package zkserver, and the
// commands of the original's zkServer.sh with the output that scripts read.
package zkserver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/release"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the server could not start, or stopped by itself
	exitUsage  = 2 // bad arguments or a bad configuration: starting again cannot help
)

// exitError carries an exit code to Main. Without an error everything has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Main runs the command.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	cmd := root(s)
	cmd.SetArgs(args)
	cmd.SetIn(s.In)
	cmd.SetOut(s.Out)
	cmd.SetErr(s.Err)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// The errors of package zkserver begin with its name, which is the command's too.
	if text := strings.TrimPrefix(err.Error(), "zkserver: "); text != "" {
		fmt.Fprintf(s.Err, "zkserver: %s\n", text)
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	fmt.Fprintln(s.Err, "zkserver: hint: zkserver --help shows the usage")
	return exitUsage
}

// flags are what all commands take.
type flags struct {
	configDir string
	defines   []string
	logLevel  string
}

const long = `zkserver runs a server that speaks the protocol of Apache ZooKeeper 3.9 and keeps its files.

It reads a zoo.cfg, serves clients until it gets SIGTERM or SIGINT, and then stops in order: requests under way are
finished, the log is synced. A smallest zoo.cfg:

  clientPort=2181
  dataDir=/var/lib/zookeeper

Without a path the file is zoo.cfg (or ZOOCFG) in --config, ZOOCFGDIR, or conf/ or etc/zookeeper/ beside the program's
directory, as with zkServer.sh; when there is none and the ZOO_ variables of the official container image are set, they
take its place. System properties are taken from -Dzookeeper.x=y, SERVER_JVMFLAGS and JVMFLAGS. SIGHUP (not on Windows)
reads everything again and takes over log level, limits, session timeout bounds, purge and the whitelist of words;
zkserver check --keys lists what is known.

The log goes to standard error; one line on standard output tells when the server serves. Exit codes: 0 stopped on
request, 1 could not start or could not go on, 2 bad arguments or configuration.`

func root(s cli.Streams) *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:   "zkserver [start-foreground] ZOO.CFG",
		Short: "Run a ZooKeeper server",
		Long:  long,
		Example: "  zkserver zoo.cfg\n  zkserver check zoo.cfg\n  zkserver --config /etc/zookeeper start\n" +
			"  zkserver start-foreground -Dzookeeper.snapCount=50000 zoo.cfg\n  echo srvr | nc localhost 2181",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.mistyped(args[0]); err != nil {
				return err
			}
			return serve(cmd.Context(), f, args, s)
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	pf := cmd.PersistentFlags()
	pf.StringVar(&f.logLevel, "log-level", "", "log events from this level on: debug, info, warn or error (default info, or what the configuration says)")
	pf.StringVar(&f.configDir, "config", "", "the directory of the configuration (default ZOOCFGDIR)")
	pf.StringArrayVarP(&f.defines, "define", "D", nil, "a system property of the original, such as -Dzookeeper.snapCount=50000")
	add := func(use, short string, run func(ctx context.Context, args []string) error) {
		cmd.AddCommand(&cobra.Command{
			Use: use + " [ZOO.CFG]", Short: short, Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
		})
	}
	d := &daemon{flags: f, s: s}
	add("start-foreground", "Run the server in the foreground", func(ctx context.Context, args []string) error { return serve(ctx, f, args, s) })
	add("start", "Start the server in the background", d.start)
	add("stop", "Stop the server that start has started", d.stop)
	add("restart", "Stop and start", d.restart)
	add("print-cmd", "Print the command that start would run", d.printCmd)
	addStatus(cmd, d)
	addCheck(cmd, f, s)
	addInit(cmd, f, s)
	addForce(cmd, f, s)
	cmd.AddCommand(&cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		fmt.Fprintf(s.Out, "holdfast zkserver, compatible with Apache ZooKeeper, version %s\n", release.Version())
		return nil
	}})
	return cmd
}

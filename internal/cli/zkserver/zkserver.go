// Package zkserver is the command zkserver: flags, messages and exit codes around the server of package zkserver.
package zkserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/obs"
	server "github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the server could not start, or stopped by itself
	exitUsage  = 2 // bad arguments or a bad configuration: starting again cannot help
)

// stopTime is how long requests under way may take to be finished after SIGTERM.
const stopTime = 10 * time.Second

// exitError carries an exit code to Main.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
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
	fmt.Fprintf(s.Err, "zkserver: %s\n", strings.TrimPrefix(err.Error(), "zkserver: "))
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	fmt.Fprintln(s.Err, "zkserver: hint: zkserver --help shows the usage")
	return exitUsage
}

type flags struct {
	logLevel string
}

func root(s cli.Streams) *cobra.Command {
	var f flags
	run := func(cmd *cobra.Command, args []string) error { return serve(cmd.Context(), args[0], &f, s) }
	cmd := &cobra.Command{
		Use:   "zkserver [start-foreground] ZOO.CFG",
		Short: "Run a ZooKeeper server",
		Long: `zkserver runs a server that speaks the protocol of Apache ZooKeeper 3.9 and keeps its files.

It reads a zoo.cfg, serves clients until it gets SIGTERM or SIGINT, and then stops in order: requests under way are
finished, the log is synced. A smallest zoo.cfg:

  clientPort=2181
  dataDir=/var/lib/zookeeper

The log goes to standard error; one line on standard output tells when the server serves. Exit codes: 0 stopped on
request, 1 could not start or could not go on, 2 bad arguments or configuration.`,
		Example:       "  zkserver start-foreground zoo.cfg\n  zkserver zoo.cfg\n  echo srvr | nc localhost 2181",
		Args:          cobra.ExactArgs(1),
		RunE:          run,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.PersistentFlags().StringVar(&f.logLevel, "log-level", "info", "log events from this level on: debug, info, warn or error")
	cmd.AddCommand(
		&cobra.Command{Use: "start-foreground ZOO.CFG", Short: "Run the server in the foreground", Args: cobra.ExactArgs(1), RunE: run},
		&cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(s.Out, "holdfast zkserver, compatible with Apache ZooKeeper %s\n", admin.Version())
			return nil
		}},
	)
	return cmd
}

// serve runs a server until ctx ends or the server fails.
func serve(ctx context.Context, file string, f *flags, s cli.Streams) error {
	begin := time.Now()
	log, err := obs.NewLogger(s.Err, f.logLevel)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	cfg, warnings, err := config.Load(file)
	for _, w := range warnings {
		log.Warn(w.String())
	}
	if err != nil {
		return &exitError{exitUsage, problems(file, err)}
	}
	tuneGC()
	srv, err := server.New(cfg, server.WithLogger(log))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := srv.Start(); err != nil {
		return &exitError{exitFailed, err}
	}
	announce(s.Out, srv, time.Since(begin))
	select {
	case <-ctx.Done():
	case <-srv.Failed():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		log.Error("stopped", zap.Error(err))
		return &exitError{exitFailed, err}
	}
	return nil
}

func problems(file string, err error) error {
	var list config.Problems
	if errors.As(err, &list) && len(list) > 0 {
		return fmt.Errorf("%s cannot be used, %d problem(s):\n%w", file, len(list), err)
	}
	return err
}

func announce(w io.Writer, srv *server.Server, took time.Duration) {
	metrics := ""
	if a := srv.MetricsAddr(); a != nil {
		metrics = fmt.Sprintf(", metrics on http://%s/metrics", a)
	}
	fmt.Fprintf(w, "zkserver: serving clients on %s%s (pid %d, ready in %s)\n", srv.Addr(), metrics, os.Getpid(), took.Round(100*time.Microsecond))
}

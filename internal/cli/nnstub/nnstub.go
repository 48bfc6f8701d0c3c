// Package nnstub is the command line of the demo NameNode.
package nnstub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/nnstub"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// failure is an error of the work itself; all others are errors of usage.
type failure struct{ err error }

func (f failure) Error() string { return f.err.Error() }

func (f failure) Unwrap() error { return f.err }

// Main runs the command: 0 for success, 1 for failed work, 2 for wrong usage.
func Main(ctx context.Context, args []string, s cli.Streams) int {
	root := &cobra.Command{
		Use:   "nnstub",
		Short: "a demo NameNode: active/standby service with files and a shared journal",
		Long: `nnstub is a small active/standby service in place of an HDFS NameNode. It serves HAServiceProtocol over Hadoop RPC, so
that zkfc and haadmin, also the original ones, drive it like a NameNode. It keeps files, whose edits go to a journal
directory that all nodes of the nameservice share: becoming active takes a new epoch of the journal, and from then on a
writer of an older epoch is refused.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serveCommand(s), putCommand(s), getCommand(s), lsCommand(s), sickCommand(s))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(s.Err, "nnstub: %v\n", err)
	if errors.As(err, &failure{}) {
		return exitFailed
	}
	fmt.Fprintln(s.Err, "nnstub: see nnstub --help, nnstub COMMAND --help")
	return exitUsage
}

// clientFlags are the flags of the commands that call nodes.
type clientFlags struct {
	addresses string
	timeout   time.Duration
}

func (f *clientFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.addresses, "address", "", "RPC addresses of the nodes, host:port[,host:port]…")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "give up after this long")
	_ = cmd.MarkFlagRequired("address") // the flag exists
}

func (f *clientFlags) list() []string {
	var addrs []string
	for a := range strings.SplitSeq(f.addresses, ",") {
		if a = strings.TrimSpace(a); a != "" {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// with calls do with a client of the addresses and a context that ends after the timeout.
func (f *clientFlags) with(ctx context.Context, do func(context.Context, *nnstub.Client) error) error {
	addrs := f.list()
	for _, a := range addrs {
		if err := checkAddress(a); err != nil {
			return fmt.Errorf("--address: %w", err)
		}
	}
	c, err := nnstub.NewClient(addrs)
	if err != nil {
		return fmt.Errorf("--address: %w", err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if err := do(ctx, c); err != nil {
		return failure{err}
	}
	return nil
}

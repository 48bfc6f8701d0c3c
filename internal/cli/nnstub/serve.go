package nnstub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/nnstub"
	"github.com/holdfast-ha/holdfast/internal/obs"
)

func serveCommand(s cli.Streams) *cobra.Command {
	var (
		cfg   nnstub.Config
		addr  string
		level string
		sick  []string
	)
	cmd := &cobra.Command{
		Use:   "serve --id ID --nameservice NS --rpc-address HOST:PORT --journal DIR",
		Short: "run a node; it starts as a standby",
		Long: `run a node. It starts as a standby that follows the journal, prints one line when it serves, and logs to standard error.

--sick makes it start sick, as the sick command does at run time; it may be repeated:
` + sicknessHelp + "\n(slow-promotion as slow-promotion=2s)",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkAddress(addr); err != nil {
				return fmt.Errorf("--rpc-address: %w", err)
			}
			for name, value := range map[string]string{"id": cfg.ID, "nameservice": cfg.Nameservice, "journal": cfg.JournalDir} {
				if value == "" {
					return fmt.Errorf("--%s must not be empty", name)
				}
			}
			log, err := obs.NewLogger(s.Err, level)
			if err != nil {
				return fmt.Errorf("--log-level: %w", err)
			}
			log = log.With(zap.String("node", cfg.ID))
			ailments, err := parseSick(sick)
			if err != nil {
				return err
			}
			if err := serve(cmd.Context(), cfg, addr, ailments, log, s); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.ID, "id", "", "id of this node in the nameservice, for example nn1")
	f.StringVar(&cfg.Nameservice, "nameservice", "", "the nameservice, for example ns1")
	f.StringVar(&addr, "rpc-address", "", "host:port to serve Hadoop RPC on; port 0 takes a free one")
	f.StringVar(&cfg.JournalDir, "journal", "", "journal directory, shared by the nodes of the nameservice; must exist")
	f.BoolVar(&cfg.AutoFailover, "auto-failover", false, "obey the ZKFC, and refuse transitions by users unless forced")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	f.StringArrayVar(&sick, "sick", nil, "start sick: unhealthy, hang, slow-promotion=DURATION or refuse")
	for _, name := range []string{"id", "nameservice", "rpc-address", "journal"} {
		_ = cmd.MarkFlagRequired(name) // the flag exists
	}
	return cmd
}

// ailment is one --sick flag.
type ailment func(*nnstub.Node)

func parseSick(flags []string) ([]ailment, error) {
	var all []ailment
	for _, flag := range flags {
		kind, d, err := parseSickness(strings.SplitN(flag, "=", 2))
		if err != nil {
			return nil, fmt.Errorf("--sick: %w", err)
		}
		all = append(all, func(n *nnstub.Node) { n.Sicken(kind, d) })
	}
	return all, nil
}

// serve runs the node until ctx ends.
func serve(ctx context.Context, cfg nnstub.Config, addr string, sick []ailment, log *zap.Logger, s cli.Streams) (err error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--rpc-address: %w: choose another port, or stop what uses it", err)
	}
	defer ln.Close()
	node, err := nnstub.NewNode(cfg, log)
	if err != nil {
		return err
	}
	for _, f := range sick {
		f(node)
	}
	srv := nnstub.NewServer(node, log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return srv.Serve(ln) })
	g.Go(func() error {
		<-ctx.Done()
		return srv.Close()
	})
	if _, err := fmt.Fprintf(s.Out, "nnstub %s of %s serves on %s, journal %s, state %s\n",
		cfg.ID, cfg.Nameservice, ln.Addr(), cfg.JournalDir, node.State()); err != nil {
		return errors.Join(err, srv.Close(), g.Wait())
	}
	return g.Wait()
}

// checkAddress refuses what is not host:port.
func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not host:port: %w", addr, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Errorf("%q: %q is not a port between 0 and 65535", addr, port)
	}
	return nil
}

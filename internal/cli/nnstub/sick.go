package nnstub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/nnstub"
)

const sicknessHelp = `  unhealthy                health checks answer "not healthy"
  hang                     no call is answered
  slow-promotion DURATION  transitionToActive takes that much longer
  refuse                   transitions are refused
  well                     none of these any more`

var sicknesses = map[string]nnstub.Sickness{
	"unhealthy":      nnstub.Unhealthy,
	"hang":           nnstub.Hang,
	"slow-promotion": nnstub.SlowPromotion,
	"refuse":         nnstub.Refuse,
	"well":           nnstub.Well,
}

// parseSickness reads "hang", or "slow-promotion" and a duration.
func parseSickness(words []string) (nnstub.Sickness, time.Duration, error) {
	kind, ok := sicknesses[words[0]]
	if !ok {
		return 0, 0, fmt.Errorf("unknown sickness %q: use unhealthy, hang, slow-promotion DURATION, refuse or well", words[0])
	}
	if kind != nnstub.SlowPromotion {
		if len(words) > 1 {
			return 0, 0, fmt.Errorf("%s takes no duration", words[0])
		}
		return kind, 0, nil
	}
	if len(words) < 2 {
		return 0, 0, fmt.Errorf("slow-promotion needs a duration, for example: slow-promotion 2s")
	}
	d, err := time.ParseDuration(words[1])
	if err != nil || d < time.Millisecond {
		return 0, 0, fmt.Errorf("slow-promotion: %q is not a duration of at least a millisecond such as 500ms or 2s", words[1])
	}
	return kind, d, nil
}

func sickCommand(s cli.Streams) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "sick --address HOST:PORT SICKNESS",
		Short: "make a node sick on demand: unhealthy, hang, slow-promotion DURATION, refuse, well",
		Long:  "make a node sick on demand. Sicknesses add up until well:\n\n" + sicknessHelp,
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, d, err := parseSickness(args)
			if err != nil {
				return err
			}
			addrs := f.list()
			if len(addrs) != 1 {
				return fmt.Errorf("--address: sick needs exactly one node")
			}
			if err = checkAddress(addrs[0]); err != nil {
				return fmt.Errorf("--address: %w", err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
			defer cancel()
			now, err := nnstub.SetSickness(ctx, addrs[0], kind, d)
			if err != nil {
				return failure{err}
			}
			if len(now) == 0 {
				now = []string{"well"}
			}
			_, err = fmt.Fprintf(s.Out, "%s is now: %s\n", addrs[0], strings.Join(now, ", "))
			return err
		},
	}
	f.add(cmd)
	return cmd
}

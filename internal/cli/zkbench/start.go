package zkbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

// startOptions are the settings of the start measurement.
type startOptions struct {
	server  string
	runs    int
	timeout time.Duration
	json    bool
	command []string
}

// startTimes are the moments of one start, in milliseconds after the exec.
type startTimes struct {
	Run       int     `json:"run"`
	PortMS    float64 `json:"port_ms"`    // the port took a connection
	SessionMS float64 `json:"session_ms"` // a session was granted
	ServedMS  float64 `json:"served_ms"`  // the first request was answered
}

type startReport struct {
	Tool     string       `json:"tool"`
	Preset   string       `json:"preset"`
	Server   string       `json:"server"`
	Command  []string     `json:"command"`
	Runs     []startTimes `json:"runs"`
	MedianMS float64      `json:"median_served_ms"`
}

// startPoll is the pause between two attempts to reach the server: the precision of the measurement.
const startPoll = 500 * time.Microsecond

// A server that is not ready yet may take a connection and never answer on it (the original does), so the first attempts
// are given up soon.
const (
	firstPatience = 100 * time.Millisecond
	lastPatience  = 5 * time.Second
)

func startCommand(s cli.Streams, started func()) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start [flags] -- COMMAND [ARG…]",
		Short: "Time from the start of a server's command to its first answer",
		Long: "Starts the command, measures how long it takes until the server answers its first request, and stops it again\n" +
			"(SIGTERM to its process group, SIGKILL after 10 s). The command must run the server in the foreground.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.runs < 1 {
				return fmt.Errorf("--runs %d: must be at least 1", o.runs)
			}
			servers, _, err := zkclient.SplitServers(o.server)
			if err != nil {
				return fmt.Errorf("--server: %w", err)
			}
			if len(servers) != 1 {
				return errors.New("--server: one address, please: the one the command will listen on")
			}
			o.server, o.command = servers[0], args
			started()
			return runStarts(c.Context(), o, s)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.SetInterspersed(false)
	f.StringVar(&o.server, "server", "127.0.0.1:2181", "host:port on which the command will serve")
	f.IntVar(&o.runs, "runs", 1, "how often")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "give up on a start after this long")
	f.BoolVar(&o.json, "json", false, "print one JSON object instead of lines")
	return c
}

func runStarts(ctx context.Context, o startOptions, s cli.Streams) error {
	rep := startReport{Tool: "zkbench", Preset: "start", Server: o.server, Command: o.command}
	var served []float64
	for i := range o.runs {
		t, err := startOnce(ctx, o)
		if err != nil {
			return err
		}
		t.Run = i + 1
		rep.Runs = append(rep.Runs, t)
		served = append(served, t.ServedMS)
		if !o.json {
			_, _ = fmt.Fprintf(s.Out, "start %d: port open after %.1f ms, session after %.1f ms, first request served after %.1f ms\n",
				t.Run, t.PortMS, t.SessionMS, t.ServedMS)
		}
	}
	slices.Sort(served)
	rep.MedianMS = served[len(served)/2]
	if len(served)%2 == 0 {
		rep.MedianMS = (served[len(served)/2-1] + served[len(served)/2]) / 2
	}
	if o.json {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	if o.runs > 1 {
		_, _ = fmt.Fprintf(s.Out, "median of %d: %.1f ms\n", o.runs, rep.MedianMS)
	}
	return nil
}

// startOnce runs the command once.
func startOnce(ctx context.Context, o startOptions) (startTimes, error) {
	cmd := exec.Command(o.command[0], o.command[1:]...) //nolint:gosec,noctx // running the given command is the purpose; stopped below
	output := &lastBytes{}
	cmd.Stdout, cmd.Stderr = output, output
	p, t, err := launch(ctx, o, cmd, output)
	if err != nil {
		return t, err
	}
	p.stop()
	return t, nil
}

// firstRequest opens a session and asks for one thing.
func firstRequest(ctx context.Context, server string, patience time.Duration, session func()) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w, err := zkclient.Dial(ctx, server, zkclient.Handshake{})
	if err != nil {
		return err
	}
	defer endSession(w)
	session()
	var tmpl [numOps]template
	tmpl[opExists] = newTemplate(opExists, "/", false, nil)
	s := newStream(w, 1, &tmpl, 100)
	left := 1
	s.next = func() (op, uint64, bool) { left--; return opExists, 0, left >= 0 }
	var answer error
	s.done = recordFirst(&answer)
	if err := s.run(ctx); err != nil {
		return err
	}
	return answer
}

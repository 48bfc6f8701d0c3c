package zkbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-ha/holdfast/internal/cli"
)

// scenarios are the parts of a comparison, in the order in which they run, and ensembleScenarios those with several servers.
var (
	scenarios         = []string{"start", "reads", "writes", "sessions", "fanout", "tree"}
	ensembleScenarios = []string{"start", "reads", "writes", "sessions", "failover", "join", "memory"}
)

// compareOptions are the settings of a comparison.
type compareOptions struct {
	original string
	heapMB   int
	servers  int
	zkserver string
	only     []string
	rounds   int
	seconds  float64
	znodes   int
	watchers int
	rate     map[string]float64 // of the open loops: reads, writes; 0: a tenth of what the first server can do, at most maxRate
	dir      string
	json     bool
}

func compareCommand(s cli.Streams, started func()) *cobra.Command {
	var o compareOptions
	var readRate, writeRate float64
	c := &cobra.Command{
		Use:   "compare",
		Short: "Apache ZooKeeper and zkserver in turn under the same load: the ratios",
		Long: "Starts an unmodified Apache ZooKeeper 3.9 and zkserver in turn (original, zkserver, original, zkserver), each alone, with\n" +
			"the same zoo.cfg, on fresh data directories beside each other, on loopback, puts the same load on both and prints what\n" +
			"each did and the ratio. The original runs as bin/zkServer.sh starts it, and both are warmed up before they are measured.\n\n" +
			"  start     from the start of the process on an empty data directory to the first answer; memory then\n" +
			"  reads     get of 128 bytes: closed loop (4 connections x 250 in flight), then 16 clients that wait for each answer, then\n" +
			"            an open loop at a rate far below what either can do, where latency runs from the moment a request was due\n" +
			"  writes    the same with set of 1 KiB, every write synced to disk; then at most 1,000 a second, where each is alone\n" +
			"  sessions  connect and close\n" +
			"  fanout    one change that many sessions watch: until the last has the event, and how long the writer waits\n" +
			"  tree      many znodes of 100 bytes: memory, restart, and write latency while a snapshot is written\n\n" +
			"With --servers 3 each side is an ensemble, and clients are spread over its servers:\n\n" +
			"  start, reads, writes, sessions   as above, CPU is that of all servers\n" +
			"  failover  kill -9 of the leader while clients write: until a write that came after it is acknowledged, and until all are\n" +
			"            served again\n" +
			"  join      a follower that was away while others wrote: from its start until it answers\n" +
			"  memory    many znodes of 100 bytes: memory of all servers, a killed one until it answers again, one with an empty disk,\n" +
			"            and what the leader's clients feel meanwhile\n\n" +
			"With the settings as they are it takes about ten minutes, with --seconds 2 --znodes 100000 about two. Only ratios of one\n" +
			"run mean something, and only when nothing else keeps the machine busy. CPU and memory are measured on Linux only.",
		Example: `  zkbench compare --original apache-zookeeper-3.9.5-bin
  zkbench compare --seconds 2 --znodes 100000 --json > quick.json
  zkbench compare --only fanout,tree --rounds 3
  zkbench compare --servers 3 --only failover,join`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.rate = map[string]float64{"reads": readRate, "writes": writeRate}
			if err := o.validate(); err != nil {
				return err
			}
			started()
			return runCompare(c.Context(), o, s)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.original, "original", "", "directory of an unpacked binary release of Apache ZooKeeper, or of its jars; without it\n"+
		"Maven's local repository is used, and filled if need be")
	f.IntVar(&o.heapMB, "original-heap", 1000, "heap of the original in MB (zkServer.sh: 1000)")
	f.StringVar(&o.zkserver, "zkserver", "", "our server (default: beside zkbench, else on PATH)")
	f.IntVar(&o.servers, "servers", 1, "servers of each side: 3 or more are an ensemble")
	f.StringSliceVar(&o.only, "only", nil, "run only these of "+strings.Join(scenarios, ",")+",\nwith several servers of "+
		strings.Join(ensembleScenarios, ","))
	f.IntVar(&o.rounds, "rounds", 3, "how often each server has its turn")
	f.Float64Var(&o.seconds, "seconds", 6, "length of each measurement; warm-up and the number of sessions and events follow it")
	f.IntVar(&o.znodes, "znodes", 1_000_000, "size of the tree")
	f.IntVar(&o.watchers, "watchers", 1000, "sessions that watch in fanout")
	f.Float64Var(&readRate, "read-rate", 0, "reads per second of the open loop (0: a tenth of the original's throughput, at most 5000)")
	f.Float64Var(&writeRate, "write-rate", 0, "writes per second of the open loop (0: a tenth of the original's throughput, at most 5000;\nof several servers 1000)")
	f.StringVar(&o.dir, "dir", "", "where the data directories are made, and removed at the end: on the disk that matters\n(default: the system's temporary directory)")
	f.BoolVar(&o.json, "json", false, "print one JSON object, with the values of each round, instead of a table")
	return c
}

func (o *compareOptions) validate() error {
	var errs []error
	if o.servers < 1 || o.servers > 9 || o.servers == 2 {
		errs = append(errs, fmt.Errorf("--servers %d: must be 1, or 3 to 9 for an ensemble", o.servers))
	}
	for _, s := range o.only {
		if !slices.Contains(o.scenarios(), s) {
			errs = append(errs, fmt.Errorf("--only: no scenario %q with --servers %d, there are %s", s, o.servers, strings.Join(o.scenarios(), ", ")))
		}
	}
	if o.seconds <= 0 || o.seconds > 3600 {
		errs = append(errs, fmt.Errorf("--seconds %v: must be above 0 and at most 3600", o.seconds))
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"rounds", o.rounds}, {"znodes", o.znodes}, {"watchers", o.watchers}, {"original-heap", o.heapMB}} {
		if n.v < 1 {
			errs = append(errs, fmt.Errorf("--%s %d: must be at least 1", n.name, n.v))
		}
	}
	for _, s := range []string{"reads", "writes"} {
		if o.rate[s] < 0 {
			errs = append(errs, fmt.Errorf("--%s-rate %v: must not be negative", strings.TrimSuffix(s, "s"), o.rate[s]))
		}
	}
	return errors.Join(errs...)
}

// scenarios are those that there are.
func (o *compareOptions) scenarios() []string {
	if o.servers > 1 {
		return ensembleScenarios
	}
	return scenarios
}

func (o *compareOptions) wants(scenario string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, scenario)
}

// wantsLoad tells whether a server has to run under load for anything but the tree.
func (o *compareOptions) wantsLoad() bool {
	return slices.ContainsFunc([]string{"reads", "writes", "sessions", "fanout"}, o.wants)
}

func (o *compareOptions) duration() time.Duration {
	return time.Duration(o.seconds * float64(time.Second))
}

// comparison is the result; also the JSON output.
type comparison struct {
	Tool        string     `json:"tool"`
	Preset      string     `json:"preset"`
	Original    side       `json:"original"`
	Ours        side       `json:"ours"`
	CPUs        int        `json:"cpus"`
	Servers     int        `json:"servers"` // of each side
	Rounds      int        `json:"rounds"`
	Seconds     float64    `json:"seconds"`
	Znodes      int        `json:"znodes"`
	ReadRate    float64    `json:"read_rate,omitempty"`
	WriteRate   float64    `json:"write_rate,omitempty"`
	WarmupS     float64    `json:"warmup_s"`
	LoadAverage string     `json:"load_average_before,omitempty"`
	Measures    []*measure `json:"measures"`
}

type side struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	HeapMB  int    `json:"heap_mb,omitempty"`
}

// duel is a comparison under way.
type duel struct {
	compareOptions
	sides [2]*contender
	table table
	work  string // all data directories
	warm  time.Duration
	log   func(format string, args ...any)
}

func runCompare(ctx context.Context, o compareOptions, s cli.Streams) (err error) {
	base := o.dir
	if base == "" {
		base = os.TempDir()
	}
	work, err := os.MkdirTemp(base, "zkbench-compare-")
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	d := &duel{compareOptions: o, work: work, log: func(format string, args ...any) { fmt.Fprintf(s.Err, format+"\n", args...) }}
	if d.sides[sideOurs], err = findZkserver(o.zkserver); err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = work
	}
	if d.sides[sideOriginal], err = findOriginal(ctx, o.original, filepath.Join(cache, "zkbench-original"), work, o.heapMB); err != nil {
		return err
	}
	result, err := d.run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted; the servers are stopped")
		}
		return err
	}
	if o.json {
		return json.NewEncoder(s.Out).Encode(result)
	}
	return result.print(s.Out)
}

// run lets the two have their turns.
func (d *duel) run(ctx context.Context) (*comparison, error) {
	load := loadAverage()
	d.warm = max(d.duration(), 3*time.Second)
	if d.seconds < 1 { // a try-out
		d.warm = d.duration()
	}
	if d.servers > 1 {
		if err := d.runEnsembles(ctx); err != nil {
			return nil, err
		}
	} else if d.wants("start") || d.wantsLoad() {
		for round := range d.rounds {
			for side := range d.sides {
				if err := d.turn(ctx, round, side); err != nil {
					return nil, fmt.Errorf("%s, round %d: %w", d.sides[side].name, round+1, err)
				}
			}
		}
	}
	if d.servers <= 1 && d.wants("tree") {
		for side := range d.sides {
			if err := d.treeTurn(ctx, side); err != nil {
				return nil, fmt.Errorf("%s, tree: %w", d.sides[side].name, err)
			}
		}
	}
	d.table.finish()
	of := func(c *contender) side { return side{Path: c.path, Version: c.version, HeapMB: c.heapMB} }
	return &comparison{
		Tool: "zkbench", Preset: "compare", Original: of(d.sides[sideOriginal]), Ours: of(d.sides[sideOurs]), CPUs: runtime.NumCPU(), Servers: max(d.servers, 1),
		Rounds: d.rounds, Seconds: d.seconds, Znodes: d.znodes, ReadRate: d.rate["reads"], WriteRate: d.rate["writes"],
		WarmupS: d.warm.Seconds(), LoadAverage: load, Measures: d.table.rows,
	}, nil
}

// turn is one server's turn in one round: everything but the tree.
func (d *duel) turn(ctx context.Context, round, side int) (err error) {
	c := d.sides[side]
	say := func(format string, args ...any) {
		d.log("round %d of %d, %s: %s", round+1, d.rounds, c.name, fmt.Sprintf(format, args...))
	}
	dir := filepath.Join(d.work, fmt.Sprintf("%s-%d", c.name, round))
	in, took, err := c.boot(ctx, dir, defaultSnapCount)
	if err != nil {
		return err
	}
	defer func() {
		in.stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if d.wants("start") {
		say("answered %.0f ms after its start", float64(took)/1e6)
		d.table.add(side, "start", "until it answers, empty", unitMillis, float64(took)/1e6)
		if _, rss, err := sampleProcess(in.pid()); err == nil {
			d.table.add(side, "start", "resident then", unitBytes, float64(rss))
		}
	}
	for _, s := range []string{"reads", "writes"} {
		if d.wants(s) {
			if err := d.loads(ctx, in.target(), side, s, say); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
	}
	if d.wants("sessions") {
		if err := d.sessions(ctx, in.target(), side, say); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
	}
	if d.wants("fanout") {
		if err := d.fanout(ctx, in, side, say); err != nil {
			return fmt.Errorf("fanout: %w", err)
		}
	}
	return nil
}

// print writes the comparison for people.
func (c *comparison) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "original: Apache ZooKeeper %s, %d MB of heap, otherwise as zkServer.sh starts it; %s\n", c.Original.Version, c.Original.HeapMB, c.Original.Path)
	fmt.Fprintf(&b, "zkserver: %s\n", c.Ours.Path)
	if c.Servers > 1 {
		fmt.Fprintf(&b, "ensembles of %d servers, all on this machine; CPU and memory are those of all of them\n", c.Servers)
	}
	fmt.Fprintf(&b, "%d CPUs, shared by server and load; %d rounds in turn, medians; %.4g s each after %.4g s of warm-up on both", c.CPUs, c.Rounds, c.Seconds, c.WarmupS)
	if c.LoadAverage != "" {
		fmt.Fprintf(&b, "; load average before: %s", c.LoadAverage)
	}
	if c.ReadRate > 0 || c.WriteRate > 0 {
		fmt.Fprintf(&b, "\nopen loops: %.0f reads, %.0f writes per second, latency from when a request was due", c.ReadRate, c.WriteRate)
	}
	b.WriteString("\nratio is zkserver/original: below 1 is better, except for throughput (per second)\n\n")
	t := table{rows: c.Measures}
	if err := t.print(&b); err != nil {
		return err
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// loadAverage is how busy the machine was in the last minutes, empty where it does not tell.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(text)); err == nil && len(f) >= 2 {
		return f[0] + " " + f[1]
	}
	return ""
}

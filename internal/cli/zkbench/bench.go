package zkbench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

// report is what a load came to; also the JSON output.
type report struct {
	Tool        string           `json:"tool"`
	Preset      string           `json:"preset"`
	Server      string           `json:"server"`
	Mix         string           `json:"mix"`
	Connections int              `json:"connections"`
	Outstanding int              `json:"outstanding,omitempty"`
	OfferedPerS float64          `json:"offered_ops_per_s,omitempty"` // of an open loop
	SendLagP99  int64            `json:"send_lag_p99_us,omitempty"`   // how late an open loop sent
	ValueBytes  int              `json:"value_bytes"`
	Keys        int              `json:"keys"`
	WarmupS     float64          `json:"warmup_s"`
	MeasuredS   float64          `json:"measured_s"`
	Ops         int64            `json:"ops"`
	OpsPerS     float64          `json:"ops_per_s"`
	ErrorCount  int64            `json:"error_count"`
	Errors      map[string]int64 `json:"errors"`
	All         latency          `json:"all"`
	PerOp       []latency        `json:"per_op"`
	ServerProc  serverProcess    `json:"server_process"`
	Generator   *generator       `json:"generator,omitempty"`

	spans []span // of each request, if options.trace
}

// serverProcess is what the server used while it was measured.
type serverProcess struct {
	PIDs          []int   `json:"pids,omitempty"`
	CPUS          float64 `json:"cpu_s"`
	CPUSPer1000   float64 `json:"cpu_s_per_1000_ops"`
	ResidentBytes int64   `json:"resident_bytes"`
	Omitted       string  `json:"omitted,omitempty"` // why the numbers are missing
}

// generator is what zkbench itself used while it measured.
type generator struct {
	CPUS       float64 `json:"cpu_s"`
	CPUUSPerOp float64 `json:"cpu_us_per_op"`
}

// bench is one load from the first connection to the last.
type bench struct {
	options
	tree    *tree
	wires   []*zkclient.Wire
	streams []*stream
	paced   []*paced // of an open loop, one for each stream
	rec     *recorder
	stop    atomic.Bool
}

// run prepares the tree, warms up, measures and cleans up.
func run(ctx context.Context, o options) (rep *report, err error) {
	b := &bench{options: o, rec: newRecorder(o.connections)}
	b.rec.traced = o.trace
	if len(b.serverPIDs) > 0 { // a wrong pid is better known before a long run than after it
		if _, _, err := sampleProcesses(b.serverPIDs); err != nil {
			return nil, fmt.Errorf("--server-pid: %w", err)
		}
	}
	if b.tree, err = openTree(ctx, &b.options); err != nil {
		return nil, err
	}
	defer func() {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		err = errors.Join(err, b.tree.close(cleanup))
	}()
	if err := b.tree.prepare(ctx); err != nil {
		return nil, err
	}
	defer b.hangUp()
	if err := b.dial(ctx); err != nil {
		return nil, err
	}
	return b.measure(ctx)
}

// dial opens the connections, spread over the servers.
func (b *bench) dial(ctx context.Context) error {
	b.wires = make([]*zkclient.Wire, b.connections)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range b.wires {
		g.Go(func() error {
			attempt, cancel := context.WithTimeout(gctx, 10*time.Second)
			defer cancel()
			w, err := zkclient.Dial(attempt, b.servers[i%len(b.servers)], zkclient.Handshake{Timeout: b.timeout, Secure: b.secure})
			if err != nil {
				return fmt.Errorf("connection %d of %d: %w", i+1, b.connections, err)
			}
			b.wires[i] = w
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, w := range b.wires {
		src := newSource(b, i)
		s := newStream(w, b.outstanding, &src.tmpl, b.size+100)
		s.next = src.next
		b.rec.attach(s, i, src.counts)
		b.streams = append(b.streams, s)
	}
	return nil
}

// hangUp closes the sessions of the load.
func (b *bench) hangUp() {
	for _, w := range b.wires {
		if w != nil {
			endSession(w)
		}
	}
}

// measure runs the streams and samples the processes at both ends of the measured time.
func (b *bench) measure(ctx context.Context) (*report, error) {
	g, gctx := errgroup.WithContext(ctx)
	for i, s := range b.streams {
		if b.rate == 0 {
			g.Go(func() error { return s.run(gctx) })
			continue
		}
		every := 1e9 / b.rate // the connections take turns
		p := newPaced(s, monotonic()+int64(every*float64(i+1)), every*float64(len(b.streams)))
		b.paced = append(b.paced, p)
		g.Go(func() error { return p.run(gctx) })
	}
	failed := make(chan struct{})
	var loadErr error
	go func() { loadErr = g.Wait(); close(failed) }()
	pause := func(d time.Duration) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-failed:
		}
	}

	pause(b.warmup)
	before := b.sample()
	b.rec.from.Store(monotonic())
	if b.count > 0 {
		<-failed
	} else {
		pause(b.duration)
		b.rec.to.Store(monotonic())
	}
	after := b.sample()
	b.stop.Store(true)
	<-failed
	if loadErr != nil {
		return nil, loadErr
	}
	return b.report(before, after), nil
}

// sampleProcesses is the sum of sampleProcess over several.
func sampleProcesses(pids []int) (cpu float64, rss int64, err error) {
	for _, pid := range pids {
		c, r, err := sampleProcess(pid)
		if err != nil {
			return 0, 0, err
		}
		cpu, rss = cpu+c, rss+r
	}
	return cpu, rss, nil
}

type sample struct {
	server, own float64
	rss         int64
	ownOK       bool
	err         error
}

func (b *bench) sample() (s sample) {
	s.own, s.ownOK = ownCPU()
	if len(b.serverPIDs) > 0 {
		s.server, s.rss, s.err = sampleProcesses(b.serverPIDs)
	}
	return s
}

func (b *bench) report(before, after sample) *report {
	r := &report{
		Tool: "zkbench", Preset: b.preset, Server: b.server, Mix: b.ops.String(), Connections: b.connections,
		Outstanding: b.outstanding, ValueBytes: b.size, Keys: b.keys, WarmupS: b.warmup.Seconds(),
	}
	r.PerOp, r.All, r.Errors, r.MeasuredS = b.rec.result()
	r.Ops, r.OpsPerS = r.All.Count, r.All.PerSecond
	if b.rate > 0 {
		lag := hdrhistogram.New(minLatency, maxLatency, latencyDigits)
		for _, p := range b.paced {
			lag.Merge(p.lag)
		}
		r.Outstanding, r.OfferedPerS, r.SendLagP99 = 0, b.rate, lag.ValueAtQuantile(99)
	}
	r.spans = b.rec.spans()
	for _, n := range r.Errors {
		r.ErrorCount += n
	}
	answered := float64(max(r.Ops+r.ErrorCount, 1))
	switch {
	case len(b.serverPIDs) == 0:
		r.ServerProc.Omitted = "no --server-pid given"
	case before.err != nil || after.err != nil:
		r.ServerProc = serverProcess{PIDs: b.serverPIDs, Omitted: errors.Join(before.err, after.err).Error()}
	default:
		cpu := after.server - before.server
		r.ServerProc = serverProcess{PIDs: b.serverPIDs, CPUS: cpu, CPUSPer1000: cpu / answered * 1000, ResidentBytes: after.rss}
	}
	if after.ownOK {
		r.Generator = &generator{CPUS: after.own - before.own, CPUUSPerOp: (after.own - before.own) / answered * 1e6}
	}
	return r
}

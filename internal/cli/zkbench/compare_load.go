package zkbench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
)

const (
	// clients is how many there are in the loops in which each waits for its answer, and in the open ones.
	clients = 16
	// maxRate is that of an open loop: far below what either server can do, so that latency is the server's, not a queue's.
	maxRate = 5000
	// loneRate is up to how many writes a second each is alone: no batch shares its costs, and all has gone cold before it.
	loneRate = 1000
)

// loadOptions is one of the two presets against to.
func (d *duel) loadOptions(to target, scenario string) options {
	o := presets[slices.IndexFunc(presets, func(p preset) bool { return p.name == scenario })].options
	o.preset, o.server, o.root, o.timeout, o.serverPIDs = scenario, strings.Join(to.addrs, ","), "/zkbench", 30*time.Second, to.pids
	o.duration, o.warmup = d.duration(), min(d.duration(), time.Second)
	return o
}

// openLoop makes an open loop of o.
func openLoop(o options, rate float64) options {
	o.connections, o.rate = clients, rate
	return o
}

// oneEach makes a loop of o in which each client waits for its answer before it goes on, as most programs do.
func oneEach(o options) options {
	o.connections, o.outstanding = clients, 1
	return o
}

// execute runs o, which must not have a failed request.
func execute(ctx context.Context, o options) (*report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if _, _, err := sampleProcesses(o.serverPIDs); err != nil { // not on this system
		o.serverPIDs = nil
	}
	r, err := run(ctx, o)
	if err == nil && r.ErrorCount > 0 {
		err = fmt.Errorf("%w: %v", errOps, r.Errors)
	}
	return r, err
}

// loads is the scenario reads or writes.
func (d *duel) loads(ctx context.Context, to target, side int, scenario string, say func(string, ...any)) error {
	closed := d.loadOptions(to, scenario)
	warm := closed
	warm.duration, warm.warmup = d.warm, 0
	r, err := execute(ctx, warm)
	if err != nil {
		return err
	}
	d.chooseRate(scenario, r.OpsPerS)
	if r, err = execute(ctx, closed); err != nil {
		return err
	}
	say("%s: %.0f per second", scenario, r.OpsPerS)
	d.table.add(side, scenario, "throughput, closed loop", unitPerSecond, r.OpsPerS)
	d.addLoad(side, scenario, "closed loop", r)
	if r, err = execute(ctx, oneEach(closed)); err != nil {
		return err
	}
	one := fmt.Sprintf("%d clients", clients)
	say("%s by %s that wait for each: %.0f per second", scenario, one, r.OpsPerS)
	d.table.add(side, scenario, "throughput, "+one, unitPerSecond, r.OpsPerS)
	d.addLoad(side, scenario, one, r)
	open := []struct {
		name string
		rate float64
	}{{"open loop", d.rate[scenario]}}
	if rate := d.loneRate(); scenario == "writes" && rate < d.rate[scenario] {
		open = append(open, struct {
			name string
			rate float64
		}{fmt.Sprintf("lone, %.0f/s", rate), rate})
	}
	for _, l := range open {
		if r, err = execute(ctx, openLoop(closed, l.rate)); err != nil {
			return err
		}
		say("%s at %.0f per second: p50 %s, p99 %s, max %s", scenario, r.OfferedPerS, micros(r.All.P50), micros(r.All.P99), micros(r.All.Max))
		d.addLoad(side, scenario, l.name, r)
	}
	return nil
}

// chooseRate decides the rate of an open loop, once for both servers, from what the first could do.
func (d *duel) chooseRate(scenario string, throughput float64) {
	if d.rate[scenario] == 0 {
		limit := float64(maxRate)
		if scenario == "writes" && d.servers > 1 { // all servers are on this machine
			limit = loneRate
		}
		d.rate[scenario] = max(min(float64(int(throughput/10)), limit), 10)
	}
}

// loneRate is the rate of lone writes.
func (d *duel) loneRate() float64 { return min(d.rate["writes"], loneRate) }

func (d *duel) addLoad(side int, scenario, loop string, r *report) {
	if r.ServerProc.Omitted == "" {
		d.table.add(side, scenario, "cpu per 1,000, "+loop, unitCPU, r.ServerProc.CPUSPer1000*1000)
	}
	for _, q := range []struct {
		name string
		v    int64
	}{{"p50", r.All.P50}, {"p99", r.All.P99}, {"p999", r.All.P999}, {"max", r.All.Max}} {
		d.table.add(side, scenario, q.name+", "+loop, unitMicros, float64(q.v))
	}
}

// sessionWorkers is how many sessions are opened or closed at once.
const sessionWorkers = 8

// sessions opens and closes sessions, one after the other by each worker.
func (d *duel) sessions(ctx context.Context, to target, side int, say func(string, ...any)) error {
	n := max(int(400*d.seconds), sessionWorkers)
	if err := openAndClose(ctx, to.addrs, n/2); err != nil { // warm-up
		return err
	}
	before, _, cpuErr := sampleProcesses(to.pids)
	begin := time.Now()
	if err := openAndClose(ctx, to.addrs, n); err != nil {
		return err
	}
	took := time.Since(begin)
	say("sessions: %.0f opened and closed per second", float64(n)/took.Seconds())
	d.table.add(side, "sessions", "opened and closed", unitPerSecond, float64(n)/took.Seconds())
	if after, _, err := sampleProcesses(to.pids); err == nil && cpuErr == nil {
		d.table.add(side, "sessions", "cpu per 1,000", unitCPU, (after-before)/float64(n)*1e6)
	}
	return nil
}

func openAndClose(ctx context.Context, addrs []string, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	g, gctx := errgroup.WithContext(ctx)
	for range sessionWorkers {
		g.Go(func() error {
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				attempt, cancel := context.WithTimeout(gctx, 30*time.Second)
				w, err := zkclient.Dial(attempt, addrs[int(i)%len(addrs)], zkclient.Handshake{})
				cancel()
				if err != nil {
					return err
				}
				endSession(w)
			}
			return nil
		})
	}
	return g.Wait()
}

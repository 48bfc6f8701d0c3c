package zkbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// runEnsembles lets two ensembles have their turns.
func (d *duel) runEnsembles(ctx context.Context) error {
	small := slices.ContainsFunc(ensembleScenarios, func(s string) bool { return s != "memory" && d.wants(s) })
	for round := range d.rounds {
		for side := range d.sides {
			if !small {
				continue
			}
			if err := d.ensembleTurn(ctx, round, side); err != nil {
				return fmt.Errorf("%s, round %d: %w", d.sides[side].name, round+1, err)
			}
		}
	}
	if d.wants("memory") {
		for side := range d.sides {
			if err := d.memoryTurn(ctx, side); err != nil {
				return fmt.Errorf("%s, memory: %w", d.sides[side].name, err)
			}
		}
	}
	return nil
}

// withEnsemble runs fn on a new ensemble.
func (d *duel) withEnsemble(ctx context.Context, side int, name string, fn func(e *ensemble, took time.Duration) error) (err error) {
	dir := filepath.Join(d.work, fmt.Sprintf("%s-%s", d.sides[side].name, name))
	e, took, err := d.sides[side].bootEnsemble(ctx, dir, d.servers)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		e.stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return fn(e, took)
}

// ensembleTurn is one ensemble's turn in one round: everything but the large tree.
func (d *duel) ensembleTurn(ctx context.Context, round, side int) error {
	say := func(format string, args ...any) {
		d.log("round %d of %d, %s x %d: %s", round+1, d.rounds, d.sides[side].name, d.servers, fmt.Sprintf(format, args...))
	}
	return d.withEnsemble(ctx, side, fmt.Sprint(round), func(e *ensemble, took time.Duration) error {
		if d.wants("start") {
			say("all answered %.0f ms after their start", float64(took)/1e6)
			d.table.add(side, "start", "until it answers, all, empty", unitMillis, float64(took)/1e6)
			if _, rss, err := sampleProcesses(e.target().pids); err == nil {
				d.table.add(side, "start", "resident then, all", unitBytes, float64(rss))
			}
		}
		for _, s := range []string{"reads", "writes"} {
			if d.wants(s) {
				if err := d.loads(ctx, e.target(), side, s, say); err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
			}
		}
		for _, s := range []struct {
			name string
			run  func() error
		}{
			{"sessions", func() error { return d.sessions(ctx, e.target(), side, say) }},
			{"failover", func() error { return d.failover(ctx, e, side, say) }},
			{"join", func() error { return d.join(ctx, e, side, say) }},
		} {
			if d.wants(s.name) {
				if err := s.run(); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
		return nil
	})
}

// join is the scenario: a follower that was away while others wrote.
func (d *duel) join(ctx context.Context, e *ensemble, side int, say func(string, ...any)) error {
	_, away, err := e.leader(ctx)
	if err != nil {
		return err
	}
	away.crash()
	o := d.loadOptions(e.target(), "writes")
	o.size, o.warmup, o.count = treeValue, 0, max(int(10_000*d.seconds), 1)
	if _, err := execute(ctx, o); err != nil {
		return err
	}
	took, err := e.restart(ctx, away)
	if err != nil {
		return err
	}
	say("join: a follower that is %d writes behind answers %.0f ms after its start", o.count, float64(took)/1e6)
	d.table.add(side, "join", fmt.Sprintf("serves again, %d writes behind", o.count), unitMillis, float64(took)/1e6)
	return nil
}

// memoryTurn is the scenario memory for one ensemble: a large tree, a server of it killed, and one with an empty disk.
func (d *duel) memoryTurn(ctx context.Context, side int) error {
	const scenario = "memory"
	say := func(format string, args ...any) {
		d.log("memory, %s x %d: %s", d.sides[side].name, d.servers, fmt.Sprintf(format, args...))
	}
	return d.withEnsemble(ctx, side, scenario, func(e *ensemble, _ time.Duration) error {
		leader, away, err := e.leader(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := d.plant(ctx, leader.addr); err != nil {
			return err
		}
		say("%d znodes created in %.1f s", d.znodes, time.Since(begin).Seconds())
		if err := newSleeper().until(ctx, monotonic()+int64(d.duration())); err != nil { // settle
			return err
		}
		if _, rss, err := sampleProcesses(e.target().pids); err == nil {
			say("%.0f MiB resident", float64(rss)/(1<<20))
			d.table.add(side, scenario, fmt.Sprintf("resident after creating %d znodes, all", d.znodes), unitBytes, float64(rss))
		}
		d.chooseRate("writes", 10*maxRate)
		for range d.rounds {
			away.crash()
			took, err := e.restart(ctx, away)
			if err != nil {
				return err
			}
			say("a killed server answered %.0f ms after its restart", float64(took)/1e6)
			d.table.add(side, scenario, "killed, until it answers again", unitMillis, float64(took)/1e6)
			if err := d.emptyDisk(ctx, e, side, say); err != nil {
				return err
			}
		}
		return nil
	})
}

// emptyDisk lets a follower lose its disk and join again while clients of the leader write.
func (d *duel) emptyDisk(ctx context.Context, e *ensemble, side int, say func(string, ...any)) error {
	const scenario = "memory"
	leader, away, err := e.leader(ctx)
	if err != nil {
		return err
	}
	away.crash()
	if err := os.RemoveAll(filepath.Join(away.dir, "data", "version-2")); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	o := openLoop(d.loadOptions(leader.target(), "writes"), d.loneRate())
	o.trace = true
	before, err := execute(ctx, o)
	if err != nil {
		return err
	}
	type joined struct {
		at  span
		err error
	}
	done := make(chan joined, 1)
	go func() {
		// The load is prepared first: it must be under way when the server comes.
		_ = newSleeper().until(ctx, monotonic()+int64(200*time.Millisecond)+int64(d.duration()/4)) // start looks at ctx, too
		from := monotonic()
		err := e.start(ctx, away)
		done <- joined{span{from, monotonic()}, err}
	}()
	o.warmup = 0
	var spans []span
	for {
		r, err := execute(ctx, o)
		if err != nil {
			<-done
			return err
		}
		spans = append(spans, r.spans...)
		select {
		case j := <-done:
			if j.err != nil {
				return j.err
			}
			_, during := split(spans, []span{j.at})
			calm, _ := split(before.spans, nil)
			took := float64(j.at.to-j.at.from) / 1e6
			p99, stalled := quantile(calm, 0.99), quantile(during, 0.99)
			say("a server with an empty disk answered after %.0f ms; writes at the leader: p99 %s before, %s meanwhile", took,
				micros(int64(p99)), micros(int64(stalled)))
			d.table.add(side, scenario, "empty disk, until it answers", unitMillis, took)
			if len(calm) == 0 || len(during) == 0 { // a try-out
				return nil
			}
			d.table.add(side, scenario, "write p99 without a join", unitMicros, p99)
			d.table.add(side, scenario, "write p99 during a join", unitMicros, stalled)
			d.table.add(side, scenario, "p99 during a join / without", unitFactor, stalled/max(p99, 1))
			return nil
		default:
		}
	}
}

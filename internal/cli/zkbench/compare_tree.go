package zkbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// The tree: znodes of treeValue bytes, treeFan below each directory. loaders create them at once.
const (
	treeValue = 100
	treeFan   = 1000
	loaders   = 4
)

// never is a snapCount that is not reached.
const never = 1 << 30

// treeTurn is the scenario tree for one server. It alternates restarts and write loads without and with snapshots, rounds
// times, on one tree.
func (d *duel) treeTurn(ctx context.Context, side int) (err error) {
	c := d.sides[side]
	say := func(format string, args ...any) { d.log("tree, %s: %s", c.name, fmt.Sprintf(format, args...)) }
	dir := filepath.Join(d.work, c.name+"-tree")
	in, _, err := c.boot(ctx, dir, defaultSnapCount)
	if err != nil {
		return err
	}
	defer func() {
		if in != nil {
			in.stop()
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	begin := time.Now()
	if err := d.plant(ctx, in.addr); err != nil {
		return err
	}
	say("%d znodes created in %.1f s", d.znodes, time.Since(begin).Seconds())
	if err := newSleeper().until(ctx, monotonic()+int64(d.duration())); err != nil { // settle
		return err
	}
	scenario := "tree"
	if _, rss, err := sampleProcess(in.pid()); err == nil {
		say("%.0f MiB resident", float64(rss)/(1<<20))
		d.table.add(side, scenario, fmt.Sprintf("resident after creating %d znodes", d.znodes), unitBytes, float64(rss))
	}
	restart := func(snapCount int) error {
		in.stop()
		again, took, err := c.boot(ctx, dir, snapCount)
		if in = again; err != nil {
			return err
		}
		say("answered %.0f ms after its restart", float64(took)/1e6)
		d.table.add(side, scenario, "restart until it answers", unitMillis, float64(took)/1e6)
		return nil
	}
	d.chooseRate("writes", 10*maxRate)
	for range d.rounds {
		if err := restart(never); err != nil {
			return err
		}
		calm, _, err := d.treeLoad(ctx, in)
		if err != nil {
			return err
		}
		if _, rss, err := sampleProcess(in.pid()); err == nil {
			d.table.add(side, scenario, "resident after a restart and the load", unitBytes, float64(rss))
		}
		writes := d.loneRate() * d.treeOptions(in).duration.Seconds()
		if err := restart(max(int(writes/3), 10)); err != nil { // a snapshot every writes/6 to writes/3
			return err
		}
		var during []float64
		for loads := 0; len(during) == 0; loads++ { // on a busy machine one load may be too few writes, or meet no snapshot
			if loads == mostTreeLoads {
				return errors.New("no snapshot was written under load: use more --seconds or more --znodes")
			}
			if _, during, err = d.treeLoad(ctx, in); err != nil {
				return err
			}
		}
		before, stalled := quantile(calm, 0.99), quantile(during, 0.99)
		say("writes: p99 %s without a snapshot, %s during one", micros(int64(before)), micros(int64(stalled)))
		d.table.add(side, scenario, "write p99 without a snapshot", unitMicros, before)
		d.table.add(side, scenario, "write p99 during a snapshot", unitMicros, stalled)
		d.table.add(side, scenario, "write max during a snapshot", unitMicros, quantile(during, 1))
		d.table.add(side, scenario, "p99 during a snapshot / without", unitFactor, stalled/max(before, 1))
	}
	return nil
}

// mostTreeLoads is how often the load is repeated until a snapshot is written meanwhile.
const mostTreeLoads = 10

// plant creates the tree.
func (d *duel) plant(ctx context.Context, addr string) (err error) {
	o := options{servers: []string{addr}, root: "/zkbench-tree", size: treeValue, timeout: 30 * time.Second, keep: true}
	t, err := openTree(ctx, &o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close(ctx)) }()
	if _, err := t.client.Create(ctx, t.path, nil, zkproto.WorldAll(), zkproto.ModePersistent, 0); err != nil {
		return err
	}
	dirs := (d.znodes + treeFan - 1) / treeFan
	if err := t.bulk(ctx, opCreate, t.path+"/", 0, uint64(dirs)); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for l := range loaders {
		g.Go(func() error {
			for i := l; i < dirs; i += loaders {
				n := min(d.znodes-i*treeFan, treeFan)
				if err := t.bulk(gctx, opCreate, fmt.Sprintf("%s/%010d/", t.path, i), 0, uint64(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// treeLoad is an open loop of writes. It returns the latencies in microseconds of the requests that no snapshot touched, and
// of those under way while one was written.
func (d *duel) treeLoad(ctx context.Context, in *instance) (calm, during []float64, err error) {
	o := d.treeOptions(in)
	w := watchSnapshots(filepath.Join(in.dataDir(), "version-2"))
	r, err := execute(ctx, o)
	written := w.stop()
	if err != nil {
		return nil, nil, err
	}
	calm, during = split(r.spans, written)
	return calm, during, nil
}

// treeOptions is the load of treeLoad.
func (d *duel) treeOptions(in *instance) options {
	o := openLoop(d.loadOptions(in.target(), "writes"), d.loneRate())
	o.warmup, o.trace = d.warm, true
	o.duration = max(o.duration, 5*time.Second)
	if d.seconds < 1 { // a try-out
		o.duration = 10 * d.duration()
	}
	return o
}

// split sorts the requests by whether they overlap one of the intervals. Latencies in microseconds.
func split(requests, intervals []span) (calm, during []float64) {
	for _, r := range requests {
		us := float64(r.to-r.from) / 1e3
		if slices.ContainsFunc(intervals, func(i span) bool { return r.from <= i.to && r.to >= i.from }) {
			during = append(during, us)
		} else {
			calm = append(calm, us)
		}
	}
	return calm, during
}

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// snapshotWatch notes when snapshots are written, by what changes in a directory: both servers begin a new log file with
// a snapshot, and all files but the logs are snapshots, whole or in the making.
type snapshotWatch struct {
	dir    string
	now    func() int64
	before map[string]int64 // name -> size; logs have size 0 here
	spans  []span
	quit   chan struct{}
	wg     sync.WaitGroup
}

// A change is noticed at most snapshotPoll late. Changes less than snapshotGap apart belong to one snapshot.
const (
	snapshotPoll = 5 * time.Millisecond
	snapshotGap  = 250 * time.Millisecond
)

func watchSnapshots(dir string) *snapshotWatch {
	w := &snapshotWatch{dir: dir, now: monotonic, before: sizes(dir), quit: make(chan struct{})}
	w.wg.Go(func() {
		t := time.NewTicker(snapshotPoll)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				w.look(sizes(dir))
			case <-w.quit:
				return
			}
		}
	})
	return w
}

// stop returns the times at which snapshots were written.
func (w *snapshotWatch) stop() []span {
	close(w.quit)
	w.wg.Wait()
	return w.spans
}

// look compares the directory with what it was before.
func (w *snapshotWatch) look(files map[string]int64) {
	changed := false
	for name, size := range files {
		if was, ok := w.before[name]; !ok || was != size {
			changed = true
		}
	}
	w.before = files
	if !changed {
		return
	}
	at := w.now()
	if n := len(w.spans); n > 0 && at-w.spans[n-1].to < int64(snapshotGap) {
		w.spans[n-1].to = at
		return
	}
	w.spans = append(w.spans, span{at - int64(snapshotPoll), at})
}

// sizes are the files of a data directory.
func sizes(dir string) map[string]int64 {
	files := map[string]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil { // not there yet
		return files
	}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil: // renamed or removed since
		case strings.HasPrefix(e.Name(), "log."):
			files[e.Name()] = 0
		default:
			files[e.Name()] = info.Size()
		}
	}
	return files
}

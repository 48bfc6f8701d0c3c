// Package pathstats tells which paths clients ask for most, from a sample of their requests: the original's request path
// statistics (RequestPathMetricsCollector, zookeeper.pathStats.*).
//
// Time is cut into slots, of which the last few are kept. In a slot each request counts for its operation and its path, cut to a
// depth. Clients choose the paths, so a slot has room for a fixed number of them; when it is full the rarest are put together
// under their parent, "/a/b" and its like as "/a/*", and so on up to "/*". No request is lost by that, only detail, and what
// is asked for most keeps its own line. (The original keeps every path.)
//
// Nothing here runs by itself: a slot ends when somebody comes after its time.
package pathstats

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// Options are the settings.
type Options struct {
	SlotDuration time.Duration // more than 0
	Slots        int           // that are kept besides the one that is being filled; 1 at least
	Depth        int           // how many parts of a path count; 1 at least
	SampleRate   float64       // the share of requests that is counted
}

// Collector counts. It may be used by several goroutines at once.
type Collector struct {
	opts Options
	room int // paths of one slot, for reads and for writes each

	mu    sync.Mutex
	slots []*slot // a ring, by number; nil where there was none yet
	last  int64   // the number of the newest
	begin time.Time
}

// slot is what was counted in one stretch of time. Only the newest one changes.
type slot struct {
	number int64
	sides  [2]counts // of reads, of writes
}

const (
	// window is how many paths all slots together have room for.
	window = 1 << 16
	// leastRoom is how many a slot has room for however many slots there are, for reads and for writes each.
	leastRoom = 64
)

// New makes a collector whose first slot begins now.
func New(o Options, now time.Time) *Collector {
	slots := o.Slots + 1
	return &Collector{opts: o, room: max(leastRoom, window/2/slots), slots: make([]*slot, slots), begin: now}
}

// Sampled tells whether a request is one of those that count. It is asked for each, so it is cheap.
func (c *Collector) Sampled() bool { return rand.Float64() < c.opts.SampleRate }

// Add counts a request that was sampled.
func (c *Collector) Add(op zkproto.OpCode, path string, now time.Time) {
	path = cut(path, c.opts.Depth)
	side := 0
	if IsWrite(op) {
		side = 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slot(now).sides[side].add(key{op, path}, c.room)
}

// slot is the one of that moment.
func (c *Collector) slot(now time.Time) *slot {
	c.reach(now)
	at := &c.slots[c.last%int64(len(c.slots))]
	if *at == nil || (*at).number != c.last {
		*at = &slot{number: c.last}
	}
	return *at
}

// reach ends slots whose time is over. Who was overtaken on the way here counts for the newest one.
func (c *Collector) reach(now time.Time) {
	c.last = max(c.last, int64(now.Sub(c.begin)/c.opts.SlotDuration))
}

// Count is a path and how many of the sampled requests were for it. One that ends in "/*" stands for paths below that were too
// many to be told apart.
type Count struct {
	Path     string
	Requests int64
}

// Top are the paths with the most requests of some operations in the slots that are kept, at most so many, cut to depth.
func (c *Collector) Top(of func(zkproto.OpCode) bool, depth, most int, now time.Time) []Count {
	sums := map[string]int64{}
	for _, s := range c.kept(now) {
		for side := range s.sides {
			for k, n := range s.sides[side].of {
				if of(k.op) {
					sums[cut(k.path, depth)] += n
				}
			}
		}
	}
	all := make([]Count, 0, len(sums))
	for path, n := range sums {
		all = append(all, Count{path, n})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Path, b.Path))
	})
	return all[:min(len(all), most)]
}

// kept are the slots that are not too old. The newest is copied, so that they can be read while requests are counted.
func (c *Collector) kept(now time.Time) (out []*slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reach(now)
	for _, s := range c.slots {
		switch {
		case s == nil || s.number <= c.last-int64(len(c.slots)):
		case s.number == c.last:
			out = append(out, &slot{number: s.number, sides: [2]counts{s.sides[0].clone(), s.sides[1].clone()}})
		default:
			out = append(out, s)
		}
	}
	return out
}

// IsWrite tells what counts as a write: as with the original, a sync does.
func IsWrite(op zkproto.OpCode) bool { return op.IsWrite() || op == zkproto.OpSync }

package pathstats

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

var begin = time.Unix(1_700_000_000, 0)

// all is every operation, and options those that count everything.
func all(zkproto.OpCode) bool { return true }

func options() Options {
	return Options{SlotDuration: 15 * time.Second, Slots: 60, Depth: 6, SampleRate: 1}
}

func reads(op zkproto.OpCode) bool { return !IsWrite(op) }

func TestTopPaths(t *testing.T) {
	c := New(options(), begin)
	add := func(op zkproto.OpCode, path string, n int) {
		for range n {
			require.True(t, c.Sampled())
			c.Add(op, path, begin)
		}
	}
	add(zkproto.OpGetData, "/a/b/c/d/e/f/g", 5)
	add(zkproto.OpGetData, "/a/b/c/d/e/f/h", 2)
	add(zkproto.OpExists, "/a/b/c/d/x", 3)
	add(zkproto.OpGetChildren2, "/", 1)
	add(zkproto.OpSetData, "/w", 4)
	add(zkproto.OpSync, "/w", 1)
	add(zkproto.OpCreateTTL, "/ttl", 2)

	require.Equal(t, []Count{{"/a/b/c/d/e/f", 7}, {"/a/b/c/d/x", 3}, {"/", 1}}, c.Top(reads, 9, 9, begin))
	require.Equal(t, []Count{{"/a/b/c/d", 10}, {"/", 1}}, c.Top(reads, 4, 9, begin))
	require.Equal(t, []Count{{"/w", 5}, {"/ttl", 2}}, c.Top(IsWrite, 4, 9, begin))
	require.Equal(t, []Count{{"/w", 5}}, c.Top(IsWrite, 4, 1, begin))
	require.Equal(t, []Count{{"/w", 1}}, c.Top(func(op zkproto.OpCode) bool { return op == zkproto.OpSync }, 1, 9, begin))
}

// What is older than all slots is forgotten, slot by slot, whether or not requests come.
func TestOldSlotsAreForgotten(t *testing.T) {
	o := options()
	o.Slots = 2
	c := New(o, begin)
	at := func(slots int) time.Time { return begin.Add(time.Duration(slots) * o.SlotDuration) }
	for slot := range 4 {
		c.Add(zkproto.OpExists, fmt.Sprintf("/%d", slot), at(slot))
	}
	require.Equal(t, []Count{{"/1", 1}, {"/2", 1}, {"/3", 1}}, c.Top(all, 1, 9, at(4).Add(-1)))
	require.Equal(t, []Count{{"/2", 1}, {"/3", 1}}, c.Top(all, 1, 9, at(4)))
	c.Add(zkproto.OpExists, "/late", at(2)) // it was overtaken, and counts for the newest
	require.Equal(t, []Count{{"/late", 1}}, c.Top(all, 1, 9, at(6)))
	c.Add(zkproto.OpExists, "/new", at(100))
	require.Equal(t, []Count{{"/new", 1}}, c.Top(all, 1, 9, at(100)))
	require.Empty(t, c.Top(all, 1, 9, at(1000)))
}

func TestSampleRate(t *testing.T) {
	for _, rate := range []float64{0, 0.25, 1} {
		c := New(Options{SlotDuration: time.Second, Slots: 1, Depth: 1, SampleRate: rate}, begin)
		n := 0
		for range 10_000 {
			if c.Sampled() {
				n++
			}
		}
		require.InDelta(t, rate*10_000, n, 2_000*rate*(1-rate)) // eight standard deviations and more
	}
}

// Whatever paths clients choose, a slot has room for so many; none is lost, and what is asked for most keeps its line.
func TestManyPathsAreFoldedIntoTheirParents(t *testing.T) {
	c := New(options(), begin)
	const each, hot = 60_000, 6_000
	for i := range each {
		c.Add(zkproto.OpGetData, fmt.Sprintf("/app/users/%d/%d", i%1000, i), begin)
		if i%(each/hot) == 0 {
			c.Add(zkproto.OpGetData, "/app/config", begin)
		}
		if side := &c.slots[0].sides[0]; len(side.of) > c.room || side.text > c.room*pathBytes {
			require.FailNow(t, "more than there is room for")
		}
	}
	top := c.Top(reads, 4, 1<<20, begin)
	require.Contains(t, top[:3], Count{"/app/config", hot})
	require.Contains(t, c.Top(reads, 1, 9, begin), Count{"/app", each + hot}, "none is lost")
	sum, folded := int64(0), int64(0)
	for _, n := range top {
		if sum += n.Requests; strings.HasSuffix(n.Path, "/*") {
			require.True(t, strings.HasPrefix(n.Path, "/app/users/"), n.Path)
			folded += n.Requests
		}
	}
	require.Equal(t, int64(each+hot), sum)
	require.Greater(t, folded, int64(each/2))
}

// Paths that have nothing in common, and very long ones, too.
func TestHostilePathsStayWithinBounds(t *testing.T) {
	o := options()
	o.Slots = 999
	c := New(o, begin)
	require.Equal(t, leastRoom, c.room)
	ops := []zkproto.OpCode{
		zkproto.OpGetData, zkproto.OpExists, zkproto.OpGetACL, zkproto.OpGetChildren, zkproto.OpGetChildren2,
		zkproto.OpGetAllChildrenNumber, zkproto.OpCheckWatches, zkproto.OpRemoveWatches,
	}
	long := strings.Repeat("x", 1<<20)
	n := 0
	for i := range 5000 {
		for _, path := range []string{
			fmt.Sprintf("/%d", i), fmt.Sprintf("/%d/%s", i, long[:900]), fmt.Sprintf("/%d/a/%s", i, long[:i%2000]), "/" + long[:i%1100] + "/a",
			fmt.Sprintf("%d//%s/", i, long[:i%300]), "", "//",
		} {
			c.Add(ops[n%len(ops)], path, begin)
			n++
		}
		side, text, most := &c.slots[0].sides[0], 0, 0
		for k := range side.of {
			text, most = text+len(k.path), max(most, len(k.path))
		}
		if len(side.of) > c.room || text > c.room*pathBytes || text != side.text || most > longest {
			require.FailNow(t, "more than there is room for")
		}
	}
	sum := int64(0)
	for _, count := range c.Top(all, 6, 1<<20, begin) {
		sum += count.Requests
	}
	require.Equal(t, int64(n), sum)
	c.Add(zkproto.OpSetData, "/"+long, begin)
	require.Equal(t, []Count{{"/*", 1}}, c.Top(IsWrite, 6, 9, begin))
}

// The pieces that are kept hold nothing long in memory, and a path that is known costs none.
func TestCountingAKnownPathCostsNoMemory(t *testing.T) {
	c := New(options(), begin)
	c.Add(zkproto.OpGetData, "/a/b/c/d/e/f/g/h", begin)
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Add(zkproto.OpGetData, "/a/b/c/d/e/f/g/h", begin) }))
}

func TestCountingAndAskingAtOnce(t *testing.T) {
	c := New(Options{SlotDuration: time.Millisecond, Slots: 3, Depth: 2, SampleRate: 1}, begin)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 2000 {
				c.Add(zkproto.OpGetData, fmt.Sprintf("/%d/%d", g, i), begin.Add(time.Duration(i)*10*time.Microsecond))
			}
		})
	}
	for i := range 40 {
		c.Top(all, 2, 5, begin.Add(time.Duration(i)*time.Millisecond/2))
	}
	group.Wait()
	require.NotEmpty(t, c.Top(all, 2, 5, begin))
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		path  string
		depth int
		want  string
	}{
		{"/p1/p2/p3", 1, "/p1"},
		{"/p1/p2/p3", 2, "/p1/p2"},
		{"/p1/p2/p3", 3, "/p1/p2/p3"},
		{"/p1/p2/p3", 4, "/p1/p2/p3"},
		{"//p1 next/p2.index/p3:next", 2, "/p1 next/p2.index"},
		{"//p1 next/p2.index/p3:next", 6, "/p1 next/p2.index/p3:next"},
		{"/", 3, "/"},
		{"", 3, "/"},
		{"a/b/", 1, "/a"},
		{"/a/*", 1, "/a"},
	} {
		require.Equal(t, c.want, cut(c.path, c.depth), "%s %d", c.path, c.depth)
	}
}

func TestParent(t *testing.T) {
	for path, want := range map[string]string{"/a/b": "/a/*", "/a/b/*": "/a/*", "/a": "/*", "/a/*": "/*", "/*": "/*", "/": "/*"} {
		require.Equal(t, want, parent(path), path)
	}
}

func TestPrintable(t *testing.T) {
	for path, want := range map[string]string{
		"/a b/\u00e4\"\\": "/a b/\u00e4\"\\", "/a\nb": `/a\nb`, "/\xff": `/\xff`, "/\u202e": `/\u202e`, "": "",
	} {
		require.Equal(t, want, Printable(path), "%q", path)
	}
}

// A new path each time is the worst that clients can do: every so often a slot is folded.
func BenchmarkAddNewPaths(b *testing.B) {
	c, paths := New(options(), begin), make([]string, 1<<16)
	for i := range paths {
		paths[i] = fmt.Sprintf("/app/users/%d/%d", i%1000, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Add(zkproto.OpGetData, paths[i%len(paths)], begin)
	}
}

func BenchmarkAddKnownPath(b *testing.B) {
	c := New(options(), begin)
	b.ReportAllocs()
	for b.Loop() {
		c.Add(zkproto.OpGetData, "/app/users/1/2", begin)
	}
}

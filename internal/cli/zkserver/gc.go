package zkserver

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// tuneGC trades memory for processor time, but not much memory: the garbage of requests is short-lived, and most of the
// heap is the tree. After each collection the next is set for when 64 MiB, or two fifths of what lives if that is more, have
// been allocated, yet not more than four times what lives. So a million znodes need no gigabyte, and a small server
// collects seldom. What the operator says by GOGC or GOMEMLIMIT counts more.
func tuneGC() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(mostPercent)
	afterEachGC(mostPercent)
}

const mostPercent = 400

// gcPercent is the percentage for a heap of which live bytes are in use.
func gcPercent(live uint64) int {
	room := max(64<<20, live/5*2)
	return int(min(mostPercent, room*100/max(live, 1)))
}

// afterEachGC sets the percentage anew when the collector has found this function's mark unused, which it does each time.
func afterEachGC(now int) {
	mark := new([64]byte)
	runtime.SetFinalizer(mark, func(*[64]byte) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if p := gcPercent(live[0].Value.Uint64()); p*10 > now*11 || p*10 < now*9 {
			debug.SetGCPercent(p)
			now = p
		}
		afterEachGC(now)
	})
}

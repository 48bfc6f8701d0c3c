package snapshot

import (
	"runtime/debug"
	"sync"
)

// quiet counts those who load. It guards the setting of the whole process, which is given back by the last of them.
var quiet struct {
	sync.Mutex
	n       int
	percent int
}

// WithoutGC switches the garbage collector off until its answer is called, by all who have called it; more calls do nothing.
// Almost all that is allocated while a snapshot is loaded becomes part of the tree: to mark it again and again would take a
// third of the time and free nothing. A memory limit (GOMEMLIMIT) still holds.
func WithoutGC() (restore func()) {
	quiet.Lock()
	defer quiet.Unlock()
	if quiet.n++; quiet.n == 1 {
		quiet.percent = debug.SetGCPercent(-1)
	}
	return sync.OnceFunc(func() {
		quiet.Lock()
		defer quiet.Unlock()
		if quiet.n--; quiet.n > 0 {
			return
		}
		if meanwhile := debug.SetGCPercent(quiet.percent); meanwhile >= 0 {
			debug.SetGCPercent(meanwhile) // somebody has set it anew, and knows better
		}
	})
}

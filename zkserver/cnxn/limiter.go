package cnxn

import (
	"sync"
	"time"
)

// linesPerSecond is how many warnings about connections are logged in a second.
const linesPerSecond = 20

// limiter lets so many through in each second.
type limiter struct {
	mu      sync.Mutex
	second  int64
	passed  int
	skipped int
}

// allow tells whether one more may pass, and how many did not since the last one that did.
func (l *limiter) allow(now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := now.Unix(); s != l.second {
		l.second, l.passed = s, 0
	}
	if l.passed >= linesPerSecond {
		l.skipped++
		return 0, false
	}
	l.passed++
	skipped, l.skipped = l.skipped, 0
	return skipped, true
}

package zkbench

import "time"

// How long a test waits for what must come, and how often it looks.
const (
	testTimeout = 10 * time.Second
	testTick    = time.Millisecond
)

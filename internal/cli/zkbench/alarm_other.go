//go:build !linux

package zkbench

import "context"

// alarm waits for moments as exactly as Go's timers do: up to a millisecond late on some systems. One goroutine waits.
type alarm struct{ sleeper }

func newAlarm(context.Context) (*alarm, error) { return &alarm{}, nil }

func (*alarm) close() {}

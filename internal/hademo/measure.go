package hademo

import "time"

// measure works out the phases of a failover from the fault at t0, the events of both controllers since then, and the
// acknowledged writes since then. to is the node that took over.
func measure(r *Result, t0 time.Time, evs []event, acks []ack, to string) {
	var detected, locked, fenceStart, fenceDone, promoteStart, promoted time.Time
	first := func(t *time.Time, at time.Time) {
		if t.IsZero() || at.Before(*t) {
			*t = at
		}
	}
	for _, e := range evs {
		if e.Time.Before(t0) {
			continue
		}
		if e.isDetection() {
			first(&detected, e.Time)
		}
		if e.Node != to {
			continue
		}
		switch e.Event {
		case "lock-acquired":
			first(&locked, e.Time)
		case "fence-start":
			first(&fenceStart, e.Time)
		case "fence-done":
			first(&fenceDone, e.Time)
		case "promote-start":
			first(&promoteStart, e.Time)
		case "promote-done":
			first(&promoted, e.Time)
		}
	}
	between := func(a, b time.Time) time.Duration {
		if a.IsZero() || b.IsZero() || b.Before(a) {
			return 0
		}
		return b.Sub(a)
	}
	if detected.IsZero() || (!locked.IsZero() && locked.Before(detected)) {
		detected = locked
	}
	r.Detect = between(t0, detected)
	r.Lock = between(detected, locked)
	r.Fence = between(fenceStart, fenceDone)
	r.Promote = between(promoteStart, promoted)
	r.Takeover = between(t0, promoted)
	for _, a := range acks {
		if a.node == to && a.at.After(t0) {
			r.FirstWrite = between(promoted, a.at)
			r.Total = between(t0, a.at)
			break
		}
	}
	r.Gap = longestGap(acks)
}

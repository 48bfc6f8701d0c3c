package replica

import "github.com/holdfast-ha/holdfast/zkserver/zab"

// maxSleep bounds, in milliseconds, how far away a deadline is: a server that was suspended meanwhile notices it.
const maxSleep = 250

// Deadline is the Time.Mono at which something is due by time alone: zab's ticks, the expiry of a session, the end of a grace
// time. A driver may sleep until then, instead of calling Tick every TickMillis, if it calls Pass before its inputs. An input
// may bring the deadline nearer, so ask again after each.
func (r *Replica) Deadline() int64 {
	tick := r.cfg.TickMillis
	due := r.lastTick + max(tick, min(maxSleep, int64(r.node.NextTick())*tick))
	if r.role == roleLeader {
		due = min(due, r.sessions.NextDue())
	}
	if r.local != nil {
		due = min(due, r.local.NextDue())
	}
	if r.role == roleNone {
		switch {
		case r.mode == ModeHeld:
			due = min(due, r.lostAt+r.cfg.RejoinGrace)
		case r.mode == ModeDown && r.cfg.ReadOnly && r.node.Status().Role == zab.Looking:
			due = min(due, r.lostAt+r.cfg.ReadOnlyAfter)
		}
	}
	ticks := max(1, (due-r.lastTick+tick-1)/tick)
	return r.lastTick + ticks*tick
}

// Pass tells the time like At, and counts the ticks that have passed; what is due by now is done as by Tick. It is for
// drivers that sleep until Deadline, and they do not call Tick.
func (r *Replica) Pass(now Time) {
	deadline := r.Deadline()
	if now.Mono >= deadline {
		r.skip(deadline - r.cfg.TickMillis)
		r.Tick(now)
		return
	}
	r.now = now
	r.skip(now.Mono)
}

// skip counts the ticks up to a moment before the deadline.
func (r *Replica) skip(until int64) {
	if k := (until - r.lastTick) / r.cfg.TickMillis; k > 0 {
		r.node.Skip(int(k))
		r.lastTick += k * r.cfg.TickMillis
	}
}

package sim

import "github.com/holdfast-ha/holdfast/zkserver/zab"

// faultKind is something that goes wrong.
type faultKind int

// The faults. See nemesis for what each does.
const (
	faultKill      faultKind = iota // a process dies, at any point
	faultPower                      // a machine loses its power: what was not synced is gone, or a part of it
	faultBlackout                   // all machines lose their power at about the same time, and come back at different ones
	faultCut                        // two servers do not hear each other
	faultOneWay                     // one does not hear another
	faultIsolate                    // a server is cut off from all others
	faultBridge                     // two halves, with one server that both hear
	faultSplit                      // two parts
	faultReset                      // a connection breaks
	faultSlowLink                   // one direction gets slow
	faultSlowDisk                   // a disk gets slow
	faultDiskError                  // a write or a sync fails
	faultPause                      // a process is stopped, and goes on later
	faultLeader                     // whoever leads is killed, loses power or is cut off
	faultEpoch                      // a machine loses its power just before or after it writes an epoch file
	faultHangUp                     // a client closes its connection
	faultMute                       // a client is stopped, perhaps for longer than its timeout
	faultKinds
)

func (k faultKind) String() string {
	return [...]string{
		"kill", "power", "blackout", "cut", "one-way", "isolate", "bridge", "split", "reset", "slow link", "slow disk",
		"disk error", "pause", "leader", "epoch", "hang up", "mute",
	}[k]
}

// nemesis does harm, as the plan has it, until the world is calm.
type nemesis struct {
	w    *World
	slow []int64 // additional time of a sync, by server
}

func (n *nemesis) init(w *World) {
	n.w, n.slow = w, make([]int64, len(w.servers))
	for k, rate := range w.plan.rates {
		if rate > 0 {
			n.next(faultKind(k), rate)
		}
	}
}

func (n *nemesis) next(k faultKind, rate int64) {
	n.w.after(n.w.between(rate/4, 2*rate), func() {
		if n.w.calm {
			return
		}
		n.strike(k)
		n.next(k, rate)
	})
}

func (n *nemesis) pick() *server { return n.w.servers[n.w.rng.IntN(len(n.w.servers))] }

func (n *nemesis) strike(k faultKind) {
	w := n.w
	s := n.pick()
	other := n.pick()
	switch k {
	case faultKill:
		n.death(s, false)
	case faultPower:
		n.death(s, true)
	case faultBlackout:
		n.blackout()
	case faultCut:
		n.cut(s, other, true)
	case faultOneWay:
		n.cut(s, other, false)
	case faultIsolate:
		w.fault("%s is cut off", s)
		n.apart(func(x *server) int { return btoi(x == s) }, nil)
	case faultBridge:
		w.fault("two halves, %s hears both", s)
		n.apart(func(x *server) int { return x.place % 2 }, s)
	case faultSplit:
		var side []int
		for range w.servers {
			side = append(side, w.rng.IntN(2))
		}
		w.fault("split %v", side)
		n.apart(func(x *server) int { return side[x.place] }, nil)
	case faultReset:
		n.reset()
	case faultSlowLink:
		if s != other {
			d := w.between(5, 150) * millisecond
			w.fault("%s to %s takes %d ms more", s, other, d/millisecond)
			w.net.extra[s.place][other.place] = d
			n.later(func() { w.net.extra[s.place][other.place] = 0 })
		}
	case faultSlowDisk:
		n.slow[s.place] = w.between(10, 300) * millisecond
		w.fault("%s: syncs take %d ms more", s, n.slow[s.place]/millisecond)
		n.later(func() { n.slow[s.place] = 0 })
	case faultDiskError:
		if s.up && !w.enoughDead() {
			s.disk.fail = 1 + w.rng.IntN(12)
			w.fault("%s: the %d. change of its disk will fail", s, s.disk.fail)
		}
	case faultPause:
		n.pause(s, w.between(20, 600)*millisecond)
	case faultLeader:
		if l := w.leader(); l != nil {
			switch w.rng.IntN(4) {
			case 0:
				n.death(l, true)
			case 1:
				n.pause(l, w.between(50, 600)*millisecond)
			case 2:
				w.fault("leader %s is cut off", l)
				n.apart(func(x *server) int { return btoi(x == l) }, nil)
			default:
				n.death(l, false)
			}
		}
	case faultEpoch:
		if !s.up {
			return
		}
		s.atEpoch = true
		if l := w.leader(); l != nil && other != s && w.rng.IntN(2) == 0 {
			w.fault("%s is cut off", other)
			n.apart(func(x *server) int { return btoi(x == other) }, nil)
			n.death(l, false)
		}
	case faultHangUp:
		if len(w.clients) > 0 {
			c := w.clients[w.rng.IntN(len(w.clients))]
			w.fault("%s closes its connection", c)
			c.hangUp()
		}
	case faultMute:
		if len(w.clients) > 0 {
			c := w.clients[w.rng.IntN(len(w.clients))]
			d := w.between(10, 2*int64(c.timeout)) * millisecond
			w.fault("%s is stopped for %d ms", c, d/millisecond)
			c.mute = true
			w.after(d, func() { c.mute = false })
		}
	case faultKinds:
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// later undoes something after a while, or when the world becomes calm (see World.heal).
func (n *nemesis) later(undo func()) { n.w.after(n.w.between(20, 500)*millisecond, undo) }

// death ends a process now or at one of the next points within its duties.
func (n *nemesis) death(s *server, power bool) {
	w := n.w
	if !s.up {
		return
	}
	how := "is killed"
	if power {
		how = "loses its power"
	}
	if s.paused || w.rng.IntN(3) == 0 {
		w.fault("%s %s", s, how)
		s.kill(power)
		w.restartLater(s)
		return
	}
	n.arm(s, 1+w.rng.IntN(60), how, power)
}

// epoch lets a server lose its power about the time when it writes an epoch file, and perhaps cuts its leader off: who is
// left must not repeat what the two have agreed on.
func (n *nemesis) epoch(s *server, leader zab.Sid) {
	n.arm(s, 1+n.w.rng.IntN(10), "loses its power at an epoch", true)
	l := n.w.server(leader)
	if l == nil || n.w.rng.IntN(2) == 0 {
		return
	}
	n.w.after(n.w.between(0, 3*n.w.plan.latency[1]), func() {
		if !n.w.calm {
			n.w.fault("%s is cut off, which was to lead it", l)
			n.w.net.heal()
			n.apart(func(x *server) int { return btoi(x == l) }, nil)
		}
	})
}

// arm lets the process die at one of the next points.
func (n *nemesis) arm(s *server, points int, how string, power bool) {
	w := n.w
	s.armed = points
	s.onDeath = func() {
		w.fault("%s %s in the middle of its duties", s, how)
		s.kill(power)
		w.restartLater(s)
	}
}

// blackout is the hard case for what was acknowledged too early: perhaps one disk is quick and all others slow, then the
// power fails for all, and those with the slow disks come back first.
func (n *nemesis) blackout() {
	w := n.w
	quick := n.pick()
	for _, s := range w.servers {
		if s != quick {
			n.slow[s.place] = 200 * millisecond
		}
	}
	w.fault("all but %s have slow disks; the power will fail", quick)
	at := w.between(2, 60) * millisecond
	for _, s := range w.servers {
		w.after(at+w.between(0, 500), func() {
			n.slow[s.place] = 0
			if w.calm || !s.up {
				return
			}
			w.fault("%s loses its power", s)
			s.kill(true)
			d := w.between(10, 80) * millisecond
			if s == quick {
				d += 300 * millisecond
			}
			w.after(d, s.start)
		})
	}
}

func (n *nemesis) cut(a, b *server, both bool) {
	if a == b {
		return
	}
	w := n.w
	w.fault("%s does not reach %s (both ways: %t)", a, b, both)
	w.net.set(a.place, b.place, true)
	if both {
		w.net.set(b.place, a.place, true)
	}
	n.later(func() {
		w.net.set(a.place, b.place, false)
		if both {
			w.net.set(b.place, a.place, false)
		}
	})
}

// apart cuts all links between servers on different sides, but for those of the bridge.
func (n *nemesis) apart(side func(*server) int, bridge *server) {
	w := n.w
	for _, a := range w.servers {
		for _, b := range w.servers {
			if a != bridge && b != bridge && side(a) != side(b) {
				w.net.set(a.place, b.place, true)
			}
		}
	}
	n.later(w.net.heal)
}

func (n *nemesis) reset() {
	w := n.w
	var open []*conn
	for _, c := range w.net.conns {
		if c.alive(0) && c.alive(1) {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return
	}
	c := open[w.rng.IntN(len(open))]
	w.fault("the connection of %s to %s breaks", c.ends[0].s, c.ends[1].s)
	for i := range c.ends {
		c.pipes[i].q = c.pipes[i].q[:w.rng.IntN(len(c.pipes[i].q)+1)]
		w.net.send(c, i, wire{closes: true})
	}
}

func (n *nemesis) pause(s *server, d int64) {
	if !s.up || s.paused {
		return
	}
	w := n.w
	w.fault("%s is stopped for %d ms", s, d/millisecond)
	s.paused = true
	life := s.life
	w.after(d, func() { w.resume(s, life) })
}

// resume lets a stopped process go on with all that came meanwhile.
func (w *World) resume(s *server, life int) {
	if s.life != life || !s.up || !s.paused {
		return
	}
	s.paused = false
	if w.tracing {
		w.tracef("%s goes on", s)
	}
	backlog := s.backlog
	s.backlog = nil
	for i, fn := range backlog {
		if s.life != life || !s.up {
			return
		}
		if s.paused { // stopped again
			s.backlog = append(s.backlog, backlog[i:]...)
			return
		}
		s.do(fn)
	}
}

// restartLater starts a dead server again after a while.
func (w *World) restartLater(s *server) {
	life := s.life
	w.after(w.between(5, 400)*millisecond, func() {
		if s.life == life {
			s.start()
		}
	})
}

// enoughDead keeps disk errors from taking the last servers.
func (w *World) enoughDead() bool {
	n := 0
	for _, s := range w.servers {
		n += btoi(!s.up)
	}
	return n > len(w.servers)/2
}

// leader is the established leader of the newest epoch, nil if there is none.
func (w *World) leader() *server {
	var best *server
	epoch := uint32(0)
	for _, s := range w.servers {
		if !s.up {
			continue
		}
		if st := s.machine.node().Status(); st.Role == zab.Leading && st.Serving() && st.Epoch >= epoch {
			best, epoch = s, st.Epoch
		}
	}
	return best
}

// heal ends all faults: what is dead starts, what is cut is joined, what is stopped goes on.
func (w *World) heal() {
	w.calm = true
	w.fault("everything is repaired")
	w.net.heal()
	clear(w.nemesis.slow)
	for _, c := range w.clients {
		c.mute = false
	}
	for _, s := range w.servers {
		s.armed, s.onDeath, s.atEpoch, s.disk.fail = 0, nil, false, 0
		if s.paused {
			w.resume(s, s.life)
		}
		s.start()
	}
	w.arbiter.bury()
}

package sim

import "github.com/holdfast-ha/holdfast/zkserver/zab"

// arbiter is what the key oraclePath stands for: of two servers it tells one that it may go on alone. (The simulator has an
// oracle of its own, which knows everything.) It keeps the contract in zab/oracle.go: never both, and the next one only when
// that one was in sync with all that the former has decided alone.
type arbiter struct {
	w    *World
	says []bool // what each server's file says
	read []bool // what the process there has read
}

func (a *arbiter) init(w *World) {
	a.w, a.says, a.read = w, make([]bool, len(w.servers)), make([]bool, len(w.servers))
	if w.opt.Oracle {
		w.after(w.between(0, 100*millisecond), a.turn)
	}
}

// watch lets a process read its file again and again.
func (a *arbiter) watch(s *server, life int) {
	if !a.w.opt.Oracle || s.observer || s.life != life || !s.up {
		return
	}
	s.do(func() {
		a.read[s.place] = a.says[s.place]
		s.machine.oracle(a.read[s.place])
	})
	a.w.after(a.w.between(5*millisecond, 40*millisecond), func() { a.watch(s, life) })
}

// turn changes its mind, now and then.
func (a *arbiter) turn() {
	w := a.w
	if w.calm {
		return
	}
	w.after(w.between(10*millisecond, 80*millisecond), a.turn)
	for i := range w.plan.voters {
		if s := w.servers[i]; a.says[i] || s.up && a.read[i] {
			if a.says[i] && w.chance(4) {
				w.fault("the oracle takes its word back from %s", s)
				a.says[i] = false
			}
			return
		}
	}
	if s := w.servers[w.rng.IntN(w.plan.voters)]; a.may(s) {
		w.fault("the oracle lets %s go on alone", s)
		a.says[s.place] = true
	}
}

// may tells whether a server can be let alone: it has promised itself to every epoch that the other has, and everything that is
// committed is on its disk.
func (a *arbiter) may(s *server) bool {
	o := &a.w.oracle
	for i := range a.w.plan.voters {
		if o.marks[i].promised > o.marks[s.place].promised {
			return false
		}
	}
	return s.up && s.synced >= o.last() && o.holds(s, o.last())
}

// holds tells whether an entry is in a server's log.
func (o *oracle) holds(s *server, z zab.Zxid) bool {
	at := o.marks[s.place].logged
	for at > z {
		e, ok := o.entries[at]
		if !ok {
			return false
		}
		at = e.prev
	}
	return at == z
}

// bury leaves, when all faults are over, one of the two servers dead for good, sometimes: the other must go on by the oracle's word.
func (a *arbiter) bury() {
	w := a.w
	if !w.opt.Oracle || w.rng.IntN(2) == 0 {
		return
	}
	for i := range w.plan.voters {
		s, other := w.servers[i], w.servers[1-i]
		if !a.may(s) {
			continue
		}
		w.fault("%s is dead for good; the oracle lets %s go on alone", other, s)
		other.kill(false)
		other.buried = true
		a.says[other.place], a.read[other.place], a.says[i] = false, false, true
		return
	}
}

package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/history"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/snapshot"
	"github.com/holdfast-ha/holdfast/zkserver/store"
	"github.com/holdfast-ha/holdfast/zkserver/tree"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// Options say what to run.
type Options struct {
	Seed uint64
	// Bare runs zab, the log, the snapshots and the tree without sessions and clients.
	Bare bool
	// Members changes the membership while the run goes on.
	Members bool
	// Groups makes the quorums of these memberships hierarchical.
	Groups bool
	// Oracle lets two servers vote, with an oracle that tells one of them to go on alone, now and then.
	Oracle bool
	// Servers is the number of voters; 0: the seed decides, from 1 to 7.
	Servers int
	// Broken makes all servers neglect a duty.
	Broken Broken
	// Log gets each line of the trace. A run that is not logged is not traced either, which is ten times faster; Run runs
	// a seed that fails a second time, with a trace.
	Log func(line string)
}

// Result says what a run did.
type Result struct {
	Steps     int // events
	Committed int
	Acked     int
	Epochs    int // that had a leader
	Faults    int
	Time      int64 // microseconds of the simulation
	Asked     int   // requests in the history
	Judged    int   // histories of a key that were small enough for porcupine
	// Fingerprint is of everything that was committed, when: two runs of one seed have the same.
	Fingerprint uint64
}

// Run runs one seed. A *Failure tells what is wrong, with the faults and the last events.
func Run(opt Options) (Result, error) {
	res, failure := run(opt, opt.Log != nil)
	if failure == nil {
		return res, nil
	}
	if len(failure.Trace) == 0 {
		if _, again := run(opt, true); again != nil && again.What == failure.What {
			failure = again
		}
	}
	return res, failure
}

func run(opt Options, tracing bool) (res Result, failure *Failure) {
	w := &World{opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 0x5eed)), tracing: tracing, broken: opt.Broken, sent: map[int]request{}}
	defer func() {
		res = w.result()
		if r := recover(); r != nil {
			f, ok := r.(*Failure)
			if !ok {
				panic(r)
			}
			failure = f
		}
	}()
	w.build()
	w.runUntil(w.plan.duration, nil)
	w.heal()
	w.settle()
	w.judge()
	return res, nil
}

// build makes the servers and what they begin with.
func (w *World) build() {
	w.makePlan()
	n := w.plan.voters + w.plan.observers
	w.net.init(w, n)
	w.oracle.init(w, n, w.plan.first)
	for i := range n {
		s := &server{w: w, id: zab.Sid(i + 1), place: i, observer: i >= w.plan.voters, drift: w.plan.tick, offset: w.between(-second, second)}
		if w.plan.drift {
			s.drift = w.between(w.plan.tick*8/10, w.plan.tick*12/10)
		}
		s.disk = disk{s: s, mem: vfs.NewMem()}
		w.servers = append(w.servers, s)
		w.prepare(s)
	}
	w.nemesis.init(w)
	w.arbiter.init(w)
	for _, s := range w.servers {
		w.after(w.between(0, 30*millisecond), s.start)
	}
	if w.opt.Bare {
		w.load()
		return
	}
	for i := range w.plan.clients {
		w.addClient(i + 1)
	}
}

// prepare gives a server a disk whose history ends at the first zxid of the plan.
func (w *World) prepare(s *server) {
	if w.plan.first == 0 {
		return
	}
	s.disk.attach()
	l := tree.NewLoader()
	err := s.disk.fs.MkdirAll(dir)
	for _, n := range []string{"", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		if err == nil {
			err = l.AddNode(n, nil, -1, zkproto.StatPersisted{})
		}
	}
	var t *tree.Tree
	if err == nil {
		t, err = l.Finish(w.plan.first)
	}
	if err == nil {
		_, err = snapshot.Write(s.disk.fs, dir, w.plan.first, wholeBody(s, &store.State{Tree: t}))
	}
	if err != nil {
		w.failf("prepare %s: %v", s, err)
	}
}

func (w *World) newMachine(s *server, cfg zab.Config) (machine, error) {
	if w.opt.Bare {
		return newBare(s, cfg)
	}
	return newFull(s, cfg)
}

// load writes.
func (w *World) load() {
	var number uint64
	var next func()
	next = func() {
		if w.quiet {
			return
		}
		number++
		s := w.servers[w.rng.IntN(len(w.servers))]
		if l := w.leader(); l != nil && w.rng.IntN(4) > 0 {
			s = l
		}
		if s.up {
			s.do(func() { s.machine.(*bare).propose(number) })
		}
		w.after(w.between(0, 2*w.plan.write), next)
	}
	w.after(0, next)
}

// Limits of what comes after the faults.
const (
	recoveryTime = 8 * second
	settleTime   = 3 * second
)

// settle lets the repaired ensemble come to rest: it must elect a leader and take writes; when there are no more, all servers
// must come to the same state.
func (w *World) settle() {
	before, end := w.oracle.acked, w.now+recoveryTime
	if !w.runUntil(end, func() bool { return w.oracle.acked > before+10 && w.oracle.allServe() }) {
		w.failf("the ensemble does not come back within %s after all faults are over; %d writes acknowledged since%s",
			clockText(recoveryTime), w.oracle.acked-before, w.standing())
	}
	w.quiet = true
	for _, c := range w.clients {
		c.leave()
	}
	if !w.opt.Bare && !w.runUntil(w.now+recoveryTime, w.allGone) {
		w.failf("sessions do not end within %s after their clients have gone%s", clockText(recoveryTime), w.standing())
	}
	if !w.runUntil(w.now+settleTime, w.oracle.converged) {
		w.failf("the servers do not come to the same state within %s after the last write%s", clockText(settleTime), w.standing())
	}
}

// allGone tells whether the clients have left and their sessions are over.
func (w *World) allGone() bool {
	for _, c := range w.clients {
		if !c.done {
			if c.ready && !c.closing {
				c.leave()
			}
			return false
		}
	}
	return w.oracle.noSessions()
}

// judge judges what the clients were told, as a whole: by the order of the transactions, and where the history is small
// enough also without knowing it.
func (w *World) judge() {
	ops := w.history.Ops()
	if err := history.Sessions(ops); err != nil {
		w.failf("%v", err)
	}
	places := make([]int64, len(ops))
	for i := range ops {
		places[i] = w.place(i, &ops[i])
	}
	if err := history.Explain(ops, places); err != nil {
		w.failf("%v", err)
	}
	count, open := map[string]int{}, map[string]int{}
	for i := range ops {
		if ops[i].Kind != history.Sync {
			count[ops[i].Key]++
			open[ops[i].Key] += btoi(ops[i].Outcome == history.Unknown)
		}
	}
	ops = slices.DeleteFunc(ops, func(o history.Op) bool {
		return o.Kind != history.Sync && (count[o.Key] > mostOps || open[o.Key] > mostOpen)
	})
	for _, key := range keys {
		w.judged += btoi(count[key] > 0 && count[key] <= mostOps && open[key] <= mostOpen)
	}
	if err := history.Writes(ops, judgeTime); err != nil && !errors.Is(err, history.ErrUndecided) {
		w.failf("%v", err)
	}
}

// Limits of a history of one key that porcupine is given. Its search doubles with each operation that has no answer, and
// requests of one session under way at the same time are as bad.
const mostOps, mostOpen = 40, 2

// judgeTime bounds the search, by the real clock: what is not decided by then was judged by its order already.
const judgeTime = 2 * time.Second

// place is where an operation took effect.
func (w *World) place(number int, o *history.Op) int64 {
	switch {
	case o.Kind != history.Read && o.Kind != history.Sync:
		if o.Outcome == history.Unknown && w.oracle.refused[w.sent[number]] {
			return 0 // refused, perhaps for a reason that a register does not know
		}
		return int64(w.oracle.done[w.sent[number]])
	case o.Outcome == history.OK:
		return o.Seen
	}
	return 0
}

// standing is where each server is, for a report.
func (w *World) standing() string {
	text := "; committed up to " + w.oracle.last().String()
	for _, s := range w.servers {
		if s.up {
			text += fmt.Sprintf("\n    %s is %s at %s", s, s.machine.node().Status(), s.state.Tree.LastZxid())
		} else {
			text += fmt.Sprintf("\n    %s is down", s)
		}
	}
	return text
}

func (w *World) result() Result {
	r := Result{
		Steps: w.steps, Committed: len(w.oracle.line) - 1, Acked: w.oracle.acked, Epochs: len(w.oracle.leaders), Faults: len(w.faults), Time: w.now,
		Asked: w.history.Len(), Judged: w.judged,
	}
	h := uint64(14695981039346656037)
	for _, p := range w.oracle.line {
		h = (h ^ uint64(p.zxid)) * 1099511628211
		h = (h ^ uint64(p.digest)) * 1099511628211
	}
	r.Fingerprint = (h ^ uint64(w.steps)) * 1099511628211
	return r
}

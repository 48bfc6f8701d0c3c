package sim

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// plan is what a seed means: how many servers, how fast everything is, and which faults come how often. Each seed has
// some faults only: a run in which everything fails at once explores less than many runs in which little does.
type plan struct {
	voters, observers int
	quorum            quorum.Verifier
	members           *quorum.Membership // nil: they never change
	duration          int64
	tick              int64
	initTicks         int
	syncTicks         int
	pingTicks         int
	keep              int
	latency, syncTime [2]int64
	spike             int // one message in so many is late
	loseVote          int // one notification in so many is lost
	strayVote         int // one in so many comes again, late
	oneByOne          int // duties after each message, once in so many
	snapCount         int
	prealloc, segment int64
	noFloor           bool
	first             zab.Zxid // where the ensemble's history begins
	drift             bool
	write             int64 // mean time between writes (bare)
	think             int64 // mean time between a client's requests
	clients, keys     int
	local             bool // sessions are local until they create an ephemeral
	leaderServesNot   bool
	masters           bool  // followers serve observers
	returns           int   // ticks after which an observer looks for a follower again; 0: never
	weighted          bool  // the quorum has weights, perhaps groups
	grace             int64 // milliseconds for which clients are held
	rates             [faultKinds]int64
}

func (p *plan) String() string {
	s := fmt.Sprintf("%d voters, %d observers, latency %d-%d us, sync %d-%d us, snapshot after %d, keep %d, first zxid %s, %d clients, grace %d ms",
		p.voters, p.observers, p.latency[0], p.latency[1], p.syncTime[0], p.syncTime[1], p.snapCount, p.keep, p.first, p.clients, p.grace)
	if p.local {
		s += ", local sessions"
	}
	if p.leaderServesNot {
		s += ", leaderServes=no"
	}
	if p.masters {
		s += fmt.Sprintf(", followers serve observers, which come back after %d ticks", p.returns)
	}
	if p.weighted {
		s += ", weighted"
	}
	if p.members != nil {
		s += ", membership changes"
	}
	for k, r := range p.rates {
		if r > 0 {
			s += fmt.Sprintf(", %s every %d ms", faultKind(k), r/millisecond)
		}
	}
	return s
}

// makeQuorum chooses the rule by which the voters decide: mostly the majority, sometimes weights or groups.
func (p *plan) makeQuorum(w *World) {
	r := w.rng
	groups, weights := []quorum.Group{{ID: 1}}, map[quorum.Sid]int64{}
	kind := r.IntN(12)
	if kind == 1 {
		groups = []quorum.Group{{ID: 1}, {ID: 2}, {ID: 3}}
	}
	sids := make([]quorum.Sid, p.voters)
	for i := range sids {
		sids[i] = quorum.Sid(i + 1)
		g := &groups[i%len(groups)]
		g.Members = append(g.Members, sids[i])
		weights[sids[i]] = 1
		if i > 0 {
			weights[sids[i]] = r.Int64N(4)
		}
	}
	var err error
	if kind > 1 || p.voters < len(groups) || w.opt.Members || w.opt.Oracle || w.broken == MinorityCommits {
		p.quorum, err = quorum.NewMajority(sids...)
	} else {
		p.weighted = true
		p.quorum, err = quorum.NewHierarchical(groups, weights)
	}
	if err != nil {
		w.failf("%v", err)
	}
}

func (w *World) makePlan() {
	r := w.rng
	p := &w.plan
	p.voters = []int{3, 3, 3, 5, 5, 7, 1, 2, 4}[r.IntN(9)]
	if w.opt.Oracle {
		p.voters = 2
	}
	if w.opt.Servers > 0 {
		p.voters = w.opt.Servers
	}
	p.observers = max(0, r.IntN(4)-2)
	p.masters = r.IntN(2) == 0
	if p.masters && p.observers == 0 {
		p.observers = r.IntN(3)
	}
	p.makeQuorum(w)
	if w.broken == MinorityCommits {
		p.quorum = minority{p.quorum}
	}
	if w.opt.Members {
		w.makeMembers()
	}
	p.duration = w.between(500, 2500) * millisecond
	p.tick = 10 * millisecond
	p.initTicks, p.syncTicks, p.pingTicks = 40, 15+r.IntN(10), 4
	p.keep = []int{-1, 2, 8, 100}[r.IntN(4)]
	switch r.IntN(3) {
	case 0:
		p.latency = [2]int64{50, 300}
	case 1:
		p.latency = [2]int64{100, 3000}
	default:
		p.latency = [2]int64{1000, 12000}
	}
	switch r.IntN(4) {
	case 0:
		p.syncTime = [2]int64{20, 100}
	case 1:
		p.syncTime = [2]int64{100, 4000}
	case 2:
		p.syncTime = [2]int64{2000, 15000}
	default:
		p.syncTime = [2]int64{50, 40000}
	}
	if r.IntN(2) == 0 {
		p.spike = 20 + r.IntN(200)
	}
	if r.IntN(2) == 0 {
		p.loseVote = 3 + r.IntN(60)
	}
	if r.IntN(3) == 0 {
		p.strayVote = 3 + r.IntN(60)
	}
	p.oneByOne = []int{0, 1, 3}[r.IntN(3)]
	p.snapCount = []int{10, 40, 1000}[r.IntN(3)]
	p.prealloc = []int64{-1, 4096}[r.IntN(2)]
	p.segment = []int64{0, 1024}[r.IntN(2)]
	p.noFloor = r.IntN(4) == 0
	p.drift = r.IntN(3) == 0
	if r.IntN(10) == 0 {
		p.first = zkproto.MakeZxid(1, 0xfffffffe-uint32(r.IntN(60)))
	}
	p.write = w.between(300, 6000)
	p.think = w.between(1, 25) * millisecond
	p.clients, p.keys = 2+r.IntN(6), 1+r.IntN(len(keys))
	p.local, p.leaderServesNot = r.IntN(6) == 0, r.IntN(10) == 0 && p.voters > 1 && !w.opt.Oracle
	p.grace = []int64{-1, 100, 1000}[r.IntN(3)]
	for k := range p.rates {
		if r.IntN(3) == 0 {
			p.rates[k] = w.between(40, 600) * millisecond
		}
	}
	if r.IntN(4) == 0 { // one leader after another
		p.rates[faultLeader] = w.between(60, 150) * millisecond
		p.rates[faultEpoch] = w.between(20, 60) * millisecond
	}
	if p.masters && p.observers > 0 && r.IntN(3) > 0 {
		p.returns = 1 + r.IntN(40)
	}
}

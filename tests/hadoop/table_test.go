//go:build hadoop && unix

package hadoop

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// figure is one measured value. Its name is the line of the table that it belongs to.
type figure struct {
	name  string
	value float64
}

// measurement is something that is done to a pair of one maker, several times.
type measurement struct {
	name   string
	keys   map[string]string // what differs from Hadoop's defaults
	rounds int               // 0: as asked for by HOLDFAST_HADOOP_ROUNDS
	do     func(p *pair) []figure
}

// measurements are the lines of the table. Those with the same keys stand together: they share their controllers.
var measurements = []measurement{
	{name: "haadmin", do: (*pair).measureHaadmin},
	{name: "failover", do: (*pair).measureFailover},
	{name: "start", do: (*pair).measureStart},
	{name: "kill -9 NameNode", do: (*pair).measureKill},
	{name: "kill -9 both", do: (*pair).measureKillBoth},
	{name: "restart", do: (*pair).measureRestart},
	{name: "memory", rounds: 1, do: (*pair).measureMemory},
	{name: "SIGSTOP, default keys", rounds: 1, do: (*pair).measureStop},
	{name: "SIGCONT", keys: map[string]string{"ha.health-monitor.rpc-timeout.ms": "1000", "dfs.ha.fencing.methods": noFencing}, do: (*pair).measureZombie},
	{name: "SIGSTOP, key at 1 s", keys: map[string]string{"ha.health-monitor.rpc-timeout.ms": "1000"}, do: (*pair).measureStopKey},
}

// noFencing is what some configure: it says that it fenced, and does nothing.
const noFencing = "shell(/bin/true)"

// table collects figures by line and maker.
type table struct {
	lines  []string
	values map[string]map[maker][]float64
}

func (tb *table) add(by maker, f figure) {
	if tb.values[f.name] == nil {
		tb.lines = append(tb.lines, f.name)
		tb.values[f.name] = map[maker][]float64{}
	}
	tb.values[f.name][by] = append(tb.values[f.name][by], f.value)
}

func (tb *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-68s %28s %28s\n", "median (least to most, times measured)", "original", "ours")
	for _, line := range tb.lines {
		fmt.Fprintf(&b, "%-68s", line)
		for _, by := range []maker{original, ours} {
			cell := "-"
			if v := slices.Sorted(slices.Values(tb.values[line][by])); len(v) > 0 {
				cell = fmt.Sprintf("%.3g (%.3g to %.3g, %d)", (v[(len(v)-1)/2]+v[len(v)/2])/2, v[0], v[len(v)-1], len(v))
			}
			fmt.Fprintf(&b, " %28s", cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestTable measures the originals and ours in one run, on the same NameNodes and an original ZooKeeper.
// HOLDFAST_HADOOP_LINES chooses measurements by a regular expression.
func TestTable(t *testing.T) {
	if os.Getenv("HOLDFAST_HADOOP") != "table" {
		t.Log("HOLDFAST_HADOOP=table runs it")
		return
	}
	wanted := regexp.MustCompile(os.Getenv("HOLDFAST_HADOOP_LINES"))
	rounds, err := strconv.Atoi(os.Getenv("HOLDFAST_HADOOP_ROUNDS"))
	if err != nil {
		rounds = 3
	}
	tb := &table{values: map[string]map[maker][]float64{}}
	defer func() { fmt.Fprint(os.Stdout, "\n"+tb.String()) }()
	var chosen []measurement
	for _, m := range measurements {
		if wanted.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	for len(chosen) > 0 {
		same := slices.IndexFunc(chosen, func(m measurement) bool { return fmt.Sprint(m.keys) != fmt.Sprint(chosen[0].keys) })
		if same < 0 {
			same = len(chosen)
		}
		for _, by := range []maker{original, ours} {
			tb.measure(t, by, rounds, chosen[:same])
		}
		chosen = chosen[same:]
	}
}

func (tb *table) measure(t *testing.T, by maker, rounds int, all []measurement) {
	t.Helper()
	p := newPair(t, setting{zookeeper: original, zkfc: [2]maker{by, by}, keys: all[0].keys, measured: true})
	defer p.stop()
	for _, m := range all {
		n := m.rounds
		if n == 0 {
			n = rounds
		}
		for i := range n {
			p.wait(time.Duration(1000+137*i) * time.Millisecond) // not always at the same moment between two checks of health
			for _, f := range m.do(p) {
				t.Logf("%-8s %-68s %.3f", by, f.name, f.value)
				tb.add(by, f)
			}
		}
	}
	if all[0].keys["dfs.ha.fencing.methods"] != noFencing {
		require.Empty(t, p.watch.both())
	}
}

// wait lets time pass; measurements have to begin in quiet.
func (p *pair) wait(d time.Duration) { <-time.After(d) }

// takenOver waits until the other node is seen active, and returns how long that took and how much of it was the NameNode's own
// time in transitionToActive.
func (p *pair) takenOver(b int, from time.Time) (whole, nameNode float64) {
	p.t.Helper()
	var at time.Time
	eventually(p.t, p.nn[b].name+" is active", func() (ok bool) {
		at, ok = p.watch.activeSince(b, from)
		return ok
	})
	eventually(p.t, p.zkfc[b].name+" says so", func() bool { return p.zkfc[b].said(isActiveNow) })
	asked, answered := p.zkfc[b].when(askedToBeActive), p.zkfc[b].when(isActiveNow)
	return at.Sub(from).Seconds(), answered.Sub(asked).Seconds()
}

var (
	askedToBeActive = regexp.MustCompile(`(?m)^(\S+ \S+) .*Trying to make NameNode at \S+ active`)
	isActiveNow     = regexp.MustCompile(`(?m)^(\S+ \S+) .*Successfully transitioned NameNode at \S+ to active state`)
)

func (p *pair) measureKill() []figure {
	a, from := p.faultAt()
	p.nn[a].kill()
	whole, nameNode := p.takenOver(1-a, from)
	p.repair(a)
	return []figure{
		{"kill -9 of the NameNode: s to active", whole},
		{"    s in transitionToActive of the NameNode, after the kill", nameNode},
	}
}

func (p *pair) measureKillBoth() []figure {
	a, from := p.faultAt()
	p.zkfc[a].kill()
	p.nn[a].kill()
	whole, _ := p.takenOver(1-a, from)
	p.repair(a)
	return []figure{{"kill -9 of NameNode and zkfc: s to active", whole}}
}

func (p *pair) measureStop() []figure {
	return []figure{{"SIGSTOP of the NameNode: s to active", p.stopped()}}
}

func (p *pair) measureStopKey() []figure {
	return []figure{{"SIGSTOP of the NameNode, ha.health-monitor.rpc-timeout.ms=1000: s", p.stopped()}}
}

func (p *pair) stopped() float64 {
	a, from := p.faultAt()
	require.NoError(p.t, p.nn[a].signal(syscall.SIGSTOP))
	whole, _ := p.takenOver(1-a, from)
	p.repair(a)
	return whole
}

// measureZombie wakes up a NameNode that hung, was replaced, and was not really fenced: for how long do two say that they are
// active? (Only one of them can write: the JournalNodes see to that.)
func (p *pair) measureZombie() []figure {
	a, from := p.faultAt()
	require.NoError(p.t, p.nn[a].signal(syscall.SIGSTOP))
	p.takenOver(1-a, from)
	p.wait(time.Second)
	before := len(p.watch.both())
	require.NoError(p.t, p.nn[a].signal(syscall.SIGCONT))
	p.wait(5 * time.Second)
	two := time.Duration(0)
	for _, s := range p.watch.both()[before:] {
		two += s.to.Sub(s.from)
	}
	exited := 0.0
	if !p.nn[a].alive() {
		exited = 1
	}
	p.repair(a)
	return []figure{
		{"SIGCONT of one that hung, shell(/bin/true): s with two active", two.Seconds()},
		{"    of which ended by the JournalNodes' refusal", exited},
	}
}

// faultAt is the node that is active, and the time just before something happens to it.
func (p *pair) faultAt() (int, time.Time) {
	p.t.Helper()
	a := p.active()
	p.zkfc[0].forget()
	p.zkfc[1].forget()
	return a, time.Now()
}

// repair starts what is gone of node a and waits until all is as it was, with the other node active.
func (p *pair) repair(a int) {
	p.t.Helper()
	if p.nn[a].alive() {
		require.NoError(p.t, p.nn[a].signal(syscall.SIGCONT))
	} else {
		p.comesBack(a)
		p.serving(p.t, a)
	}
	if !p.zkfc[a].alive() {
		p.startZKFC(a)
	}
	p.settled(1 - a)
}

func (p *pair) measureFailover() []figure {
	a, from := p.faultAt()
	code, _, errs := run(p.t, p.haadmin(p.setting.zkfc[0], "-failover", fmt.Sprintf("nn%d", a+1), fmt.Sprintf("nn%d", 2-a)))
	done := time.Since(from).Seconds()
	require.Zero(p.t, code, errs)
	whole, nameNode := p.takenOver(1-a, from)
	gap := p.watch.nobody(from, time.Now())
	p.settled(1 - a)
	return []figure{
		{"haadmin -failover: s to active", whole},
		{"    s until haadmin returns", done},
		{"    s without an active", gap.Seconds()},
		{"    s in transitionToActive of the NameNode, ordered", nameNode},
	}
}

// measureRestart restarts the active's zkfc as a service manager does (ours with RestartKillSignal=SIGUSR1), and looks for longer
// than a session lasts.
func (p *pair) measureRestart() []figure {
	a, from := p.active(), time.Now()
	end := syscall.SIGTERM
	if p.setting.zkfc[a] == ours {
		end = syscall.SIGUSR1
	}
	require.NoError(p.t, p.zkfc[a].signal(end))
	<-p.zkfc[a].ended()
	p.startZKFC(a)
	p.joined(a)
	p.wait(15 * time.Second)
	now := p.active()
	eventually(p.t, "the other one stands by", func() bool { return p.state(1-now) == "standby" }) // it may have had nothing to say
	changed := 0.0
	if now != a || p.watch.changes(1-a, from) > 0 {
		changed = 1
	}
	return []figure{
		{"restart of the active's zkfc: s without an active", p.watch.nobody(from, time.Now()).Seconds()},
		{"    failovers", changed},
	}
}

func (p *pair) measureStart() []figure {
	b := 1 - p.active()
	require.NoError(p.t, p.zkfc[b].signal(syscall.SIGTERM))
	<-p.zkfc[b].ended()
	p.wait(time.Second)
	from := time.Now()
	p.startZKFC(b)
	p.joined(b)
	return []figure{{"zkfc: s from start to standing by", time.Since(from).Seconds()}}
}

func (p *pair) measureMemory() []figure {
	p.wait(5 * time.Second)
	a := p.active()
	return []figure{
		{"zkfc of the active: MB resident", p.zkfc[a].resident(p.t)},
		{"zkfc of the standby: MB resident", p.zkfc[1-a].resident(p.t)},
	}
}

func (p *pair) measureHaadmin() []figure {
	cmd := p.haadmin(p.setting.zkfc[0], "-getServiceState", "nn1")
	from := time.Now()
	code, _, errs := run(p.t, cmd)
	took := time.Since(from).Seconds()
	require.Zero(p.t, code, errs)
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	require.True(p.t, ok)
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1 << 20
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return []figure{
		{"haadmin -getServiceState: s", took},
		{"    s of processor time", cpu.Seconds()},
		{"    MB at most", float64(used.Maxrss) / unit},
	}
}

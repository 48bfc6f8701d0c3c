//go:build hadoop && unix

package hadoop

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is something that happens to a pair. Each ends with one node active, the other standing by, both controllers in the
// election, and files being written.
type fault struct {
	name string
	do   func(p *pair)
}

// faults are those that the active node's makers should both stand.
var faults = []fault{
	{"kill -9 of the NameNode", (*pair).killNameNode},
	{"kill -9 of zkfc", (*pair).killZKFC},
	{"kill -9 of both", (*pair).killBoth},
	{"SIGSTOP of the NameNode", (*pair).stopNameNode},
	{"SIGSTOP and SIGCONT of zkfc", (*pair).stopZKFC},
	{"SIGTERM of zkfc", (*pair).terminateZKFC},
	{"restart of zkfc", (*pair).restartZKFC},
	{"kill -9 and start of zkfc", (*pair).crashZKFC},
	{"SIGTERM of the NameNode", (*pair).terminateNameNode},
}

// suffer lets a fault happen to the node that is active.
func (p *pair) suffer(f fault) {
	p.t.Helper()
	a, began := p.active(), time.Now()
	f.do(p)
	p.progress()
	p.t.Logf("%-28s nn%d (%s), %.1f s with its repair", f.name, a+1, p.setting.zkfc[a], time.Since(began).Seconds())
}

// killNameNode is the death of the active NameNode: the other one takes over, and the dead one comes back to stand by.
func (p *pair) killNameNode() {
	p.t.Helper()
	p.nameNodeGoes((*process).kill)
}

// terminateNameNode is its orderly end.
func (p *pair) terminateNameNode() {
	p.t.Helper()
	p.nameNodeGoes(func(nn *process) {
		require.NoError(p.t, nn.signal(syscall.SIGTERM))
		<-nn.ended()
	})
}

func (p *pair) nameNodeGoes(end func(*process)) {
	p.t.Helper()
	a := p.active()
	end(p.nn[a])
	p.waitActive(1 - a)
	p.comesBack(a)
	p.settled(1 - a)
}

// comesBack starts a NameNode that has died, when its death is forgotten.
func (p *pair) comesBack(nn int) {
	p.t.Helper()
	p.forgotten(nn)
	p.zkfc[nn].forget()
	p.revive(p.t, nn)
}

// forgotten waits until nobody holds a connection any more that a NameNode's death has left. The original's RPC client does not
// see its end: for ten seconds after the last call it would send the next one there. Then a failover fails, and its zkfc that
// makes a NameNode stand by which is back within that time gets an EOFException, says "Couldn't transition", never tries again and
// takes part in the election all the same: there would be nothing to wait for. A NameNode that is quick to start is back by then.
func (p *pair) forgotten(nn int) {
	p.t.Helper()
	left := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: \S+ [0-9A-F]+:%04X 08 `, p.port(portRPC, nn))) // CLOSE_WAIT
	eventually(p.t, "the dead NameNode's connections are forgotten", func() bool {
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			b, err := os.ReadFile(table)
			if errors.Is(err, os.ErrNotExist) {
				continue // no IPv6, or no Linux
			}
			require.NoError(p.t, err)
			if left.Match(b) {
				return false
			}
		}
		return true
	})
}

// killZKFC is the death of the active's controller: when its session has ended the other node takes over, and the NameNode,
// which is well, is asked to stand by.
func (p *pair) killZKFC() {
	p.t.Helper()
	a := p.active()
	p.zkfc[a].kill()
	p.waitActive(1 - a)
	p.startZKFC(a)
	p.settled(1 - a)
}

// killBoth is the death of the active's machine.
func (p *pair) killBoth() {
	p.t.Helper()
	a := p.active()
	p.zkfc[a].kill()
	p.nn[a].kill()
	p.waitActive(1 - a)
	p.comesBack(a)
	p.startZKFC(a)
	p.settled(1 - a)
}

// stopNameNode is a NameNode that hangs: it has to be fenced, which is its end here.
func (p *pair) stopNameNode() {
	p.t.Helper()
	a := p.active()
	p.zkfc[a].forget()
	require.NoError(p.t, p.nn[a].signal(syscall.SIGSTOP))
	p.waitActive(1 - a)
	eventually(p.t, "the one that hangs is fenced", func() bool { return !p.nn[a].alive() }) // a large process takes a while to end
	p.comesBack(a)
	p.settled(1 - a)
}

// stopZKFC is a controller that hangs for longer than its session: its NameNode is well and is asked to stand by, and when it
// wakes up it has to see that it has lost.
func (p *pair) stopZKFC() {
	p.t.Helper()
	a := p.active()
	p.zkfc[a].forget()
	require.NoError(p.t, p.zkfc[a].signal(syscall.SIGSTOP))
	p.waitActive(1 - a)
	require.NoError(p.t, p.zkfc[a].signal(syscall.SIGCONT))
	p.settled(1 - a)
}

// terminateZKFC is the orderly end of the active's controller, and a new start. Who is active afterwards is left to its maker.
func (p *pair) terminateZKFC() {
	p.t.Helper()
	a := p.active()
	require.NoError(p.t, p.zkfc[a].signal(syscall.SIGTERM))
	select {
	case <-p.zkfc[a].ended():
	case <-time.After(patience):
		require.FailNow(p.t, p.zkfc[a].name+" does not end at SIGTERM")
	}
	require.Equal(p.t, 143, p.zkfc[a].exitCode(), p.zkfc[a].tail(2000))
	p.startZKFC(a)
	p.joined(a)
	p.settled(p.active())
}

// restartZKFC is a restart for an upgrade as ours has it, SIGUSR1 and a new start: nothing happens to the NameNode. The
// original has none, and is left alone.
func (p *pair) restartZKFC() {
	p.t.Helper()
	a := p.active()
	if p.setting.zkfc[a] == original {
		return
	}
	from := time.Now()
	require.NoError(p.t, p.zkfc[a].signal(syscall.SIGUSR1))
	<-p.zkfc[a].ended()
	require.Zero(p.t, p.zkfc[a].exitCode(), p.zkfc[a].tail(2000))
	p.startZKFC(a)
	p.joined(a)
	p.progress()
	require.Equal(p.t, "active", p.state(a))
	require.Zero(p.t, p.watch.changes(0, from)+p.watch.changes(1, from), "somebody became active")
}

// crashZKFC is a controller that dies and is back before its session has ended. Ours goes on with the session; the original finds
// the lock taken, makes its NameNode stand by, and there is no active until its own old session has ended.
func (p *pair) crashZKFC() {
	p.t.Helper()
	a, from := p.active(), time.Now()
	p.zkfc[a].kill()
	p.startZKFC(a)
	p.joined(a)
	if p.setting.zkfc[a] == original {
		p.settled(p.active())
		return
	}
	p.progress()
	require.Equal(p.t, "active", p.state(a))
	require.Zero(p.t, p.watch.changes(0, from)+p.watch.changes(1, from), "somebody became active")
}

// failover asks somebody's haadmin to hand over in order, from the node that is active to the other one.
func (p *pair) failover(by maker) {
	p.t.Helper()
	a, began := p.active(), time.Now()
	p.zkfc[0].forget()
	p.zkfc[1].forget()
	code, out, errs := run(p.t, p.haadmin(by, "-failover", fmt.Sprintf("nn%d", a+1), fmt.Sprintf("nn%d", 2-a)))
	require.Zero(p.t, code, errs)
	require.Regexp(p.t, fmt.Sprintf(`^Failover to NameNode at \S+:%d successful\n$`, p.base+portRPC+1-a), out)
	require.Equal(p.t, "active", p.state(1-a), "it is done when haadmin says so")
	p.settled(1 - a)
	p.progress()
	p.t.Logf("%-28s from nn%d (%s) to nn%d (%s), %.1f s", "haadmin ("+string(by)+") -failover", a+1, p.setting.zkfc[a], 2-a, p.setting.zkfc[1-a],
		time.Since(began).Seconds())
}

//go:build hadoop && unix

package hadoop

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// third is the node nn3 in the arrays.
const third = 2

var leftElection = regexp.MustCompile(`Quitting master election for|Yielding from election`)

// Three NameNodes, the third one an observer for a while: no failover makes it active, haadmin refuses to, and as a standby again
// it is a candidate like the others.
func TestThreeNameNodes(t *testing.T) {
	settings := []setting{{zookeeper: ours, zkfc: [2]maker{original, ours}, third: ours}}
	if matrix() {
		settings = append(settings,
			setting{zookeeper: original, zkfc: [2]maker{ours, ours}, third: ours},
			setting{zookeeper: original, zkfc: [2]maker{ours, original}, third: original},
			setting{zookeeper: ours, zkfc: [2]maker{original, original}, third: original})
	}
	for _, s := range settings {
		t.Run(fmt.Sprintf("zookeeper=%s/%s+%s+%s", s.zookeeper, s.zkfc[0], s.zkfc[1], s.third), func(t *testing.T) {
			s.keys = map[string]string{"dfs.ha.namenodes.ns1": "nn1,nn2,nn3"}
			maps.Copy(s.keys, times())
			p := newPair(t, s)
			p.startThird()
			p.sameAnswers("active", "standby", "standby")
			p.observe()
			p.sameAnswers("active", "standby", "observer")
			p.refusesObserver()
			p.suffer(fault{"kill -9 of the NameNode", (*pair).killNameNode})
			p.sameAnswers("standby", "active", "observer")
			p.observerSurvivesItsController()
			p.transition(original, "-transitionToStandby")
			p.joined(third)
			p.sameAnswers("standby", "active", "standby")
			p.visitThird()
			p.judge()
		})
	}
}

// startThird starts nn3 and its controller. The DataNode is started anew, because it has to know nn3.
func (p *pair) startThird() {
	p.t.Helper()
	began := time.Now()
	p.t.Cleanup(func() { p.nn[third].kill() })
	require.NoError(p.t, p.nn[third].start())
	p.dn.kill()
	require.NoError(p.t, p.dn.start())
	p.serving(p.t, third)
	p.startZKFC(third)
	p.joined(third)
	p.progress()
	p.t.Logf("nn3 and its zkfc stand by after %.1f s", time.Since(began).Seconds())
}

// sameAnswers asks both haadmins for all states.
func (p *pair) sameAnswers(want ...string) {
	p.t.Helper()
	for _, by := range []maker{original, ours} {
		code, out, errs := run(p.t, p.haadmin(by, "-getAllServiceState"))
		require.Zero(p.t, code, errs)
		var got []string
		for line := range strings.Lines(out) {
			got = append(got, strings.Fields(line)[1])
		}
		require.Equal(p.t, want, got, "%s: %s", by, out)
	}
}

// transition changes the state of nn3 by hand, as an operator who answers the question.
func (p *pair) transition(by maker, command string) {
	p.t.Helper()
	p.zkfc[third].forget()
	cmd := p.haadmin(by, command, "--forcemanual", "nn3")
	cmd.Stdin = strings.NewReader("y\n")
	code, _, errs := run(p.t, cmd)
	require.Zero(p.t, code, errs)
}

// observe makes nn3 an observer; its controller leaves the election.
func (p *pair) observe() {
	p.t.Helper()
	p.transition(ours, "-transitionToObserver")
	eventually(p.t, "zkfc3 leaves the election", func() bool { return p.zkfc[third].said(leftElection) })
}

// refusesObserver asks for a failover to the observer.
func (p *pair) refusesObserver() {
	p.t.Helper()
	for _, by := range []maker{original, ours} {
		code, _, errs := run(p.t, p.haadmin(by, "-failover", "nn1", "nn3"))
		require.Equal(p.t, 255, code)
		require.Contains(p.t, errs, "is in observer state. Cannot be failover target", by)
	}
}

// observerSurvivesItsController restarts the zkfc of the observer. Ours finds an observer and keeps out of the election; the original
// tries to make it standby, which the NameNode refuses, and leaves. An observer it stays.
func (p *pair) observerSurvivesItsController() {
	p.t.Helper()
	require.NoError(p.t, p.zkfc[third].signal(syscall.SIGTERM))
	<-p.zkfc[third].ended()
	p.startZKFC(third)
	done := regexp.MustCompile(`entered state: SERVICE_HEALTHY`)
	if p.makerOf(third) == original {
		done = leftElection
	}
	eventually(p.t, "zkfc3 has seen the observer", func() bool { return p.zkfc[third].said(done) })
	p.sameAnswers("standby", "active", "observer")
	said := string(p.zkfc[third].since())
	require.NotRegexp(p.t, hasJoined, said)
	if p.makerOf(third) == ours {
		require.NotContains(p.t, said, "should become standby", "it asks for a place in the election")
	}
}

// visitThird makes nn3 active in order, lets it die, and ends with one of the other two active.
func (p *pair) visitThird() {
	p.t.Helper()
	code, out, errs := run(p.t, p.haadmin(ours, "-failover", "nn2", "nn3"))
	require.Zero(p.t, code, errs)
	require.Regexp(p.t, `^Failover to NameNode at \S+ successful\n$`, out)
	require.Equal(p.t, "active", p.state(third))
	p.progress()
	p.nn[third].kill()
	a := p.active()
	p.settled(a)
	p.progress()
	p.t.Logf("nn3 was active, died, and nn%d took over", a+1)
}

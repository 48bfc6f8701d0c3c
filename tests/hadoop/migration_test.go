//go:build hadoop && unix

package hadoop

import (
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// step is a step of docs/migrating-from-hadoop-zkfc.md, under the title that it has there.
type step struct {
	title string
	do    func(p *pair)
}

var migration = []step{
	{"Check the configuration", (*pair).checkConfiguration},
	{"Replace the zkfc of the standby", func(p *pair) { p.replace(1, ours) }},
	{"Verify", (*pair).verifySameAnswers},
	{"Try it", func(p *pair) {
		p.failover(original)
		p.failover(original)
	}},
	{"Look at it for a day", func(p *pair) {
		p.suffer(fault{"kill -9 of the NameNode", (*pair).killNameNode}) // what may happen meanwhile
		p.failover(original)
	}},
	{"Replace the other", func(p *pair) {
		p.failover(original)
		p.replace(0, ours)
		p.verifySameAnswers()
	}},
	{"Use the new haadmin", func(p *pair) {
		p.failover(ours)
		p.suffer(fault{"restart of zkfc", (*pair).restartZKFC})
		p.suffer(fault{"kill -9 of the NameNode", (*pair).killNameNode})
	}},
	{"Go back", func(p *pair) {
		p.replace(1-p.active(), original)
		p.verifySameAnswers()
		p.failover(original)
		p.replace(1-p.active(), original)
		p.failover(original)
	}},
}

// What docs/migrating-from-hadoop-zkfc.md tells to do, step by step, under a client that writes all the time.
func TestMigration(t *testing.T) {
	p := newPair(t, setting{zookeeper: original, zkfc: [2]maker{original, original}, keys: times()})
	for i, st := range migration {
		began := time.Now()
		st.do(p)
		p.progress()
		t.Logf("%d. %s: %.1f s", i+1, st.title, time.Since(began).Seconds())
	}
	p.judge()
}

// The page has these steps in this order, and no others.
func TestMigrationPageHasTheStepsOfTheTest(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "migrating-from-hadoop-zkfc.md"))
	require.NoError(t, err)
	var titles, want []string
	for _, m := range regexp.MustCompile(`(?m)^## \d+\. (.*)$`).FindAllSubmatch(page, -1) {
		titles = append(titles, string(m[1]))
	}
	for _, st := range migration {
		want = append(want, st.title)
	}
	require.Equal(t, want, titles)
}

// checkConfiguration runs zkfc check with the files of both nodes.
func (p *pair) checkConfiguration() {
	p.t.Helper()
	for i := range 2 {
		code, out, errs := run(p.t, p.ourCommand("zkfc", p.conf(p.nn[i].name), "check"))
		require.Zero(p.t, code, errs)
		require.Contains(p.t, out, "this node: ns1/"+p.nn[i].name+"\n")
		require.Contains(p.t, out, "\nno problems\n")
	}
}

// replace ends the zkfc of node i, which must stand by, and starts somebody else's. Nobody notices.
func (p *pair) replace(i int, by maker) {
	p.t.Helper()
	require.Equal(p.t, "standby", p.state(i))
	from := time.Now()
	require.NoError(p.t, p.zkfc[i].signal(syscall.SIGTERM))
	<-p.zkfc[i].ended()
	p.setting.zkfc[i] = by
	p.startZKFC(i)
	p.joined(i)
	require.Equal(p.t, "standby", p.state(i))
	require.Equal(p.t, "active", p.state(1-i))
	require.Zero(p.t, p.watch.changes(0, from)+p.watch.changes(1, from), "a failover happened")
}

// verifySameAnswers asks both haadmins what is shown to an operator.
func (p *pair) verifySameAnswers() {
	p.t.Helper()
	for _, args := range [][]string{{"-getAllServiceState"}, {"-getServiceState", "nn1"}, {"-checkHealth", "nn2"}} {
		code, out, errs := run(p.t, p.haadmin(original, args...))
		require.Zero(p.t, code, errs)
		ourCode, ourOut, ourErrs := run(p.t, p.haadmin(ours, args...))
		require.Zero(p.t, ourCode, ourErrs)
		require.Equal(p.t, out, ourOut, "%v", args)
	}
}

//go:build compat

package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// closed is an address at which nothing listens: what is compared is which node is meant, and how it is named.
const closed = "127.0.0.1:1"

// base are the properties of the usual pair.
var base = []string{
	"dfs.nameservices=ns1", "dfs.ha.namenodes.ns1=nn1,nn2", "dfs.namenode.rpc-address.ns1.nn1=" + closed,
	"dfs.namenode.rpc-address.ns1.nn2=localhost:2", "dfs.ha.fencing.methods=shell(/bin/true)", "ha.zookeeper.quorum=127.0.0.1:1",
}

// two are two nameservices, the second with three NameNodes, which all fail over by hand.
var two = append([]string{
	"dfs.nameservices=ns1, ns2", "dfs.ha.namenodes.ns2=a,b,c", "dfs.namenode.rpc-address.ns2.a=localhost:3",
	"dfs.namenode.rpc-address.ns2.b=127.0.0.1:4", "dfs.namenode.servicerpc-address.ns2.b=127.0.0.1:5", "dfs.namenode.rpc-address.ns2.c=localhost:6",
	"dfs.ha.automatic-failover.enabled.ns1=true", "dfs.ha.zkfc.port.ns1.nn2=7",
}, base[1:]...)

var resolved = []struct {
	name  string
	props []string
	calls []string
}{
	{"the usual pair", base, []string{
		"-getServiceState nn1", "-getServiceState nn2", "-getAllServiceState", "-checkHealth nn1", "-getServiceState nn3", "-failover nn1 nn2",
		"-failover nn1 nn1", "-failover nn1 nn9", "-transitionToActive nn1", "-transitionToStandby nn2", "-transitionToObserver nn1",
		"-transitionToActive --forceactive nn1", "-ns ns1 -getServiceState nn1", "-ns ns9 -getServiceState nn1", "-ns ns9 -getAllServiceState",
		"-ns -getServiceState nn1", "-failover --forcefence nn1", "-getServiceState -- nn1", "-getServiceState -x nn1", "-failover -nosuch nn1 nn2",
		"-help -failover", "-help failover", "-help nosuch", "-help -failover -x", "-transitionToActive", "-getServiceState", "-getServiceState nn1 nn2",
	}},
	{"several nameservices", two, []string{ // -getAllServiceState without -ns: the original looks which NameNodes are here
		"-getServiceState nn1", "-ns ns1 -getAllServiceState", "-ns ns2 -getAllServiceState", "-ns ns2 -getServiceState b", "-ns ns2 -getServiceState nn1",
		"-ns ns1 -failover nn1 nn2", "-ns ns1 -failover --forcefence nn1 nn2", "-ns ns2 -failover a b", "-ns ns2 -failover --forceactive b c", "-ns ns1 -transitionToStandby nn1",
		"-ns ns1 -transitionToActive nn2", "-ns ns2 -transitionToActive a", "-ns ns1 -failover nn1 nn1",
	}},
	{"dfs.nameservice.id among several", append([]string{"dfs.nameservice.id=ns2"}, two...), []string{"-getAllServiceState", "-getServiceState a", "-ns ns1 -getAllServiceState"}},
	{"nothing set", nil, []string{"-getServiceState nn1", "-getAllServiceState", "-failover nn1 nn2", "-ns ns1 -getServiceState nn1", "-ns ns1 -getAllServiceState", "-help"}},
	{"an address missing", append(base, "dfs.ha.namenodes.ns1=nn1,nn2,nn3"), []string{"-getServiceState nn1", "-getServiceState nn3", "-failover nn1 nn2", "-transitionToActive nn1"}},
	{"an address that is none", append(base, "dfs.namenode.rpc-address.ns1.nn2=localhost:port"), []string{"-getServiceState nn1", "-getServiceState nn2", "-failover nn1 nn2"}},
	{"an unknown host", append(base, "dfs.namenode.rpc-address.ns1.nn2=no-such-host.invalid:8020"), []string{"-getServiceState nn2"}},
	{"one NameNode", append(base, "dfs.ha.namenodes.ns1=nn1"), []string{"-getServiceState nn1", "-getAllServiceState", "-getServiceState nn2"}},
	{"a nameservice that is not named", append(base, "dfs.namenode.rpc-address.other.x=localhost:9"), []string{"-ns other -getServiceState x", "-ns other -getAllServiceState"}},
	{"the same address twice", append(base, "dfs.namenode.rpc-address.ns1.nn2="+closed), []string{"-failover nn1 nn2", "-getServiceState nn2"}},
	{"a lifeline address", append(base, "dfs.namenode.lifeline.rpc-address.ns1.nn1=localhost:11", "dfs.ha.automatic-failover.enabled=true"), []string{"-transitionToStandby nn1", "-failover nn2 nn1", "-getServiceState nn1"}},
	{"no fencing", base[:4], []string{"-failover nn1 nn2"}},
	{"fencing that cannot be read", append(base, "dfs.ha.fencing.methods=sshfence(a:b:c)"), []string{"-failover nn1 nn2", "-getServiceState nn1"}},
	{"fencing of one node", append(base, "dfs.ha.fencing.methods=bogus", "dfs.ha.fencing.methods.ns1.nn1=shell(/bin/true)"), []string{"-failover nn1 nn2", "-failover nn2 nn1"}},
	{"a port that is none", append(base, "dfs.ha.automatic-failover.enabled=true", "dfs.ha.zkfc.port=x"), []string{"-getServiceState nn1"}},
	{"a number that is none", append(base, "ha.failover-controller.cli-check.rpc-timeout.ms=soon"), []string{"-getServiceState nn1"}},
	{"no port", append(base, "dfs.namenode.rpc-address.ns1.nn1=localhost", "dfs.namenode.rpc-address.ns1.nn2=hdfs://localhost:2/x"), []string{"-getServiceState nn1", "-getServiceState nn2"}},
}

// elsewhere are lines that are not compared: of the Java platform and the logs (see internal/cli/haadmin/golden_test.go), and
// ours that tell key and file behind the original's words.
var elsewhere = regexp.MustCompile(`(?m)^-(jt|files|libjars|archives) <.*\n|^(\d\S+ \S+ )?(WARN|INFO|ERROR) .*\n|` +
	`^(\tat |\t\.\.\. |Caused by: |java\.).*\n|^haadmin: .*\n`)

func sameLines(text string) string { return elsewhere.ReplaceAllString(text, "") }

// TestNodesAreFoundAndNamedAsTheOriginalDoes holds haadmin against the original's on configurations where nothing answers.
func TestNodesAreFoundAndNamedAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for _, c := range resolved {
		t.Run(c.name, func(t *testing.T) {
			dir := properties(t, c.props...)
			for _, call := range c.calls {
				args := append([]string{"-D", "ipc.client.connect.retry.interval=1"}, strings.Fields(call)...) // it tries twice, and waits a second between
				theirs := j.ask(append([]string{"haadmin", dir}, args...)...)
				cmd := exec.Command(program(t, "haadmin"), append([]string{"-D", "holdfast.admin.failWhenDown=false"}, args...)...)
				cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+dir)
				code, out, errs := run(t, "", cmd)
				if e, thrown := theirs["exception"]; thrown { // the program ends with 1
					if code != 1 {
						t.Errorf("%s: there %s and exit code 1\nhere %d\n%s%s", call, e, code, out, errs)
					}
					continue
				}
				if theirs["rc"] != strconv.Itoa(code) || sameLines(theirs["out"]) != sameLines(out) || sameLines(theirs["err"]) != sameLines(errs) {
					t.Errorf("%s\nthere %s\n%s%shere  %d\n%s%s", call, theirs["rc"], sameLines(theirs["out"]), sameLines(theirs["err"]), code, sameLines(out), sameLines(errs))
				}
			}
		})
	}
}

// properties writes them into an hdfs-site.xml; later ones win.
func properties(t *testing.T, props ...string) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("<configuration>\n")
	for _, p := range props {
		k, v, _ := strings.Cut(p, "=")
		b.WriteString("<property><name>" + k + "</name><value>" + v + "</value></property>\n")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(b.String()+"</configuration>\n"), 0o600))
	return dir
}

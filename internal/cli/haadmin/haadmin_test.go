package haadmin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
)

func TestEndOfInputIsNo(t *testing.T) {
	l := newLab(t, true, "shell(exit 0)", [2]string{"active", "standby"}, "")
	code, stdout, stderr := l.run("", "-transitionToActive", "--forcemanual", "nn2")
	require.Equal(t, 255, code)
	require.Empty(t, stdout)
	require.Equal(t, 1, strings.Count(stderr, "(Y or N)"))
	require.Contains(t, stderr, "The end of standard input is taken as no")
	require.Contains(t, stderr, "ERROR ha.HAAdmin: Aborted")
	require.Equal(t, "standby", l.nodes[1].describe())

	code, _, _ = l.run("yes", "-transitionToStandby", "--forcemanual", "nn1")
	require.Zero(t, code, "an answer needs no end of the line")
	require.Equal(t, []string{"standby by 1"}, l.nodes[0].calls, "RequestByUserForced")
}

func TestNamesWithoutADash(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	code, stdout, _ := l.run("", "failover", "nn1", "nn2")
	require.Zero(t, code)
	require.Equal(t, "Failover from nn1 to nn2 successful\n", stdout)
	code, stdout, _ = l.run("", "-ns", "ns1", "getServiceState", "nn2")
	require.Zero(t, code)
	require.Equal(t, "active\n", stdout)
	_, same, _ := l.run("", "failover", "nn1", "--help")
	code, stdout, _ = l.run("", "help", "failover")
	require.Equal(t, stdout, same)
	require.Zero(t, code)
	require.Contains(t, stdout, "-failover [[--forcefence]")
}

func TestNodeDownIsAFailureUnlessAKeySaysOtherwise(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "down"}, "")
	code, stdout, stderr := l.run("", "-getAllServiceState")
	require.Equal(t, 255, code)
	require.Contains(t, stdout, "Failed to connect: ")
	require.Empty(t, stderr)
	code, same, _ := l.run("", "-D", "admin.failWhenDown=false", "-getAllServiceState")
	require.Zero(t, code)
	require.Equal(t, stdout, same)
	l.toHadoop(t, false)
	code, _, _ = l.run("", "-getAllServiceState")
	require.Equal(t, 255, code)
	code, _, _ = l.run("", "-D", "holdfast.admin.failWhenDown=false", "-getAllServiceState")
	require.Zero(t, code)
}

func TestStatesOfResourceManagers(t *testing.T) {
	l := newLab(t, true, "shell(exit 0)", [2]string{"active", "standby"}, "")
	rm := newLab(t, true, "shell(exit 0)", [2]string{"standby", "active"}, "")
	l.toHadoop(t, true)
	yarn := fmt.Sprintf("<configuration><property name='yarn.resourcemanager.ha.enabled' value='true'/><property name='yarn.resourcemanager.cluster-id' value='y1'/>"+
		"<property name='yarn.resourcemanager.ha.rm-ids' value='rm1,rm2'/><property name='yarn.resourcemanager.admin.address.rm1' value='127.0.0.1:%d'/>"+
		"<property name='yarn.resourcemanager.admin.address.rm2' value='127.0.0.1:%d'/></configuration>", rm.nodes[0].port, rm.nodes[1].port)
	file := filepath.Join(l.conf, "yarn-site.xml")
	require.NoError(t, os.WriteFile(file, []byte(yarn), 0o600))
	code, stdout, _ := l.run("", "-ns", "y1", "-getServiceState", "rm2")
	require.Zero(t, code)
	require.Equal(t, "active\n", stdout)
	code, stdout, _ = l.run("", "-ns", "y1", "-getAllServiceState")
	require.Zero(t, code)
	require.Regexp(t, `(?m)^\S+:\d+ +standby +\n\S+:\d+ +active +$`, stdout)
	code, _, _ = l.run("", "-ns", "y1", "-checkHealth", "rm1")
	require.Zero(t, code)
	code, stdout, _ = l.run("", "-getServiceState", "nn1")
	require.Zero(t, code, "the only nameservice is still meant")
	require.Equal(t, "active\n", stdout)

	code, _, stderr := l.run("y", "-ns", "y1", "-transitionToActive", "--forcemanual", "rm1")
	require.Equal(t, 255, code)
	require.Equal(t, "transitionToActive: y1 is a YARN cluster: its ResourceManagers elect by themselves, and only their states are read here; use yarn rmadmin\n", stderr)
	require.Equal(t, "standby", rm.nodes[0].describe())

	only := &lab{conf: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(only.conf, "core-site.xml"), []byte("<configuration/>"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(only.conf, "yarn-site.xml"), []byte(yarn), 0o600))
	for _, args := range [][]string{{"-getServiceState", "rm2"}, {"-ns", "y1", "-getServiceState", "rm2"}} {
		code, stdout, stderr = only.run("", args...)
		require.Zero(t, code, stderr)
		require.Equal(t, "active\n", stdout, "a machine without HDFS")
	}
	code, _, stderr = only.run("", "-getServiceState", "rm3")
	require.Equal(t, 255, code)
	require.Equal(t, "Illegal argument: Unable to determine service address for namenode 'rm3'\n", stderr)
	code, _, stderr = only.run("", "-transitionToStandby", "rm2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "y1 is a YARN cluster")

	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(yarn, "address.rm2", "address.rm3")), 0o600))
	code, _, stderr = l.run("", "-ns", "y1", "-getServiceState", "rm1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "yarn-site.xml:1: yarn.resourcemanager.ha.rm-ids: names rm2, which has no address; set yarn.resourcemanager.hostname.rm2")
}

func TestOptionsOfMapReduceAreRefused(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	l.toHadoop(t, false)
	code, _, stderr := l.run("", "-jt", "local", "-getServiceState", "nn1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "option -jt is for MapReduce jobs")
	code, stdout, _ := l.run("", "-fs", "hdfs://ns1", "-getServiceState", "nn1")
	require.Zero(t, code)
	require.Equal(t, "active\n", stdout)
}

func TestUnknownSettingIsRefused(t *testing.T) {
	l := newLab(t, true, "shell(exit 0)", [2]string{"active", "standby"}, "")
	code, _, stderr := l.run("", "-D", "ipc.client.connect.max.retries=0", "-getServiceState", "nn1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "-D ipc.client.connect.max.retries: unknown key")

	code, stdout, _ := l.run("", "-D", "failover.rpcDeadline=5s", "-Dlog.level=debug", "-getServiceState", "nn1")
	require.Zero(t, code)
	require.Equal(t, "active\n", stdout)
	code, _, stderr = l.run("", "-D")
	require.Equal(t, 255, code)
	require.Equal(t, "Operation failed: missing argument for option: D\n", stderr)
}

func TestUnhealthyNodeSaysWhy(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	l.nodes[1].sick = "The NameNode has no resources available"
	code, stdout, stderr := l.run("", "-checkHealth", "nn2")
	require.Equal(t, 255, code)
	require.Empty(t, stdout)
	require.Equal(t, "Health check failed: The NameNode has no resources available\n", stderr)

	code, _, stderr = l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Equal(t, "Failover failed: Can't failover to an unhealthy service\n", stderr)
	require.Equal(t, "active", l.nodes[0].describe())
}

func TestTargetThatIsNotReadyIsPromotedOnlyByForce(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	l.nodes[1].notReady = "still loading"
	code, _, stderr := l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "is not ready to become active: still loading")
	code, _, stderr = l.run("", "-failover", "-forceactive", "nn1", "nn2")
	require.Zero(t, code)
	require.Contains(t, stderr, "WARN ha.FailoverController: Service is not ready to become active, but forcing: still loading")
	require.Equal(t, "active", l.nodes[1].describe())
}

func TestHungNodeIsNotWaitedForForever(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	l.nodes[1].hang = true
	code, stdout, _ := l.run("", "-D", "failover.rpcDeadline=500ms", "-getAllServiceState")
	require.Equal(t, 255, code)
	require.Regexp(t, `(?m)^localhost:\d+ +active +$`, stdout)
	require.Contains(t, stdout, "Failed to connect: Call From ")
	require.Contains(t, stdout, "failed on socket timeout exception: java.net.SocketTimeoutException: ")
}

// tattle is a fencing method that writes down whom it is told to fence.
func tattle(t *testing.T) (method string, read func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fenced")
	return "'shell(echo " + env("target_namenodeid", "source_namenodeid", "dfs_nameservices") + " >> " + file + ")'", func() string {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			return ""
		}
		require.NoError(t, err)
		// cmd.exe echoes the blank before >>, and leaves variables that are not set as they are.
		return regexp.MustCompile(`%\w+% `).ReplaceAllString(strings.ReplaceAll(string(text), " \r\n", "\n"), "")
	}
}

// env names variables as this system's shell does.
func env(names ...string) string {
	var b []string
	for _, n := range names {
		if runtime.GOOS == "windows" {
			b = append(b, "%"+n+"%")
		} else {
			b = append(b, "$"+n)
		}
	}
	return strings.Join(b, " ")
}

func TestOnlyTheSourceIsFenced(t *testing.T) {
	method, fenced := tattle(t)
	l := newLab(t, false, method, [2]string{"active", "standby"}, "")
	code, stdout, _ := l.run("", "-failover", "--forcefence", "nn1", "nn2")
	require.Zero(t, code)
	require.Equal(t, "Failover from nn1 to nn2 successful\n", stdout)
	require.Equal(t, "nn1 nn1 ns1\n", fenced())
	require.Equal(t, "active", l.nodes[1].describe())
}

func TestSourceThatStepsDownIsNotFenced(t *testing.T) {
	method, fenced := tattle(t)
	l := newLab(t, false, method, [2]string{"active", "standby"}, "")
	code, _, _ := l.run("", "-failover", "nn1", "nn2")
	require.Zero(t, code)
	require.Empty(t, fenced())
}

func TestNoPromotionWithoutAFence(t *testing.T) {
	l := newLab(t, false, "shell(exit 1)", [2]string{"active", "standby"}, "")
	l.nodes[0].noStandby = target.Refused("not now")
	code, _, stderr := l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "standby (not now)\n")
	require.Contains(t, stderr, "ERROR ha.NodeFencer: Unable to fence service by any configured method.\nFailover failed: Unable to fence NameNode at localhost/127.0.0.1:")
	require.Empty(t, l.nodes[1].calls)

	l = newLab(t, false, "", [2]string{"active", "standby"}, "")
	code, _, stderr = l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "Illegal argument: failover requires a fencer\nhaadmin: nn1: no fencing method is configured")
	require.Equal(t, "active", l.nodes[0].describe(), "nothing was begun")
}

func TestFailedPromotionFailsBack(t *testing.T) {
	method, fenced := tattle(t)
	l := newLab(t, false, method, [2]string{"active", "standby"}, "")
	l.nodes[1].noActive = target.Refused("cannot replay")
	code, _, stderr := l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "active (cannot replay). Failing back.")
	require.Contains(t, stderr, "Failover failed: Unable to failover to NameNode at localhost/127.0.0.1:")
	require.Equal(t, "active", l.nodes[0].describe())
	require.Equal(t, "nn2 nn2 ns1\n", fenced(), "the node that may still become active")

	l.nodes[0].noActive = target.Refused("neither can I")
	code, _, stderr = l.run("", "-failover", "nn1", "nn2")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, ". Failback to NameNode at localhost/127.0.0.1:")
}

func TestBadConfigurationIsToldInFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "h.yaml")
	require.NoError(t, os.WriteFile(file, []byte("bogus: 1\nhealth: {interval: 3}\n"), 0o600))
	var errs strings.Builder
	code := Main(context.Background(), []string{"-config", file, "-getAllServiceState"}, cli.Streams{In: strings.NewReader(""), Out: &errs, Err: &errs})
	require.Equal(t, 255, code)
	for _, want := range []string{"h.yaml:1: bogus: unknown key", "h.yaml:2: health.interval:", "zookeeper.quorum: no server is named"} {
		require.Contains(t, errs.String(), want)
	}
}

func TestSeveralNameservicesWantNs(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"active", "standby"}, "")
	text, err := os.ReadFile(l.conf)
	require.NoError(t, err)
	head, fencing, _ := strings.Cut(string(text), "fencing:")
	_, nodes, _ := strings.Cut(head, "nodes:")
	require.NoError(t, os.WriteFile(l.conf, []byte(head+"- id: ns2\n  nodes:"+nodes+"fencing:"+fencing), 0o600))

	code, _, stderr := l.run("", "-getServiceState", "nn1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "Illegal argument: Unable to determine the name service ID.")
	require.Contains(t, stderr, "[ns1, ns2]. Please re-run with the -ns option.")
	code, stdout, _ := l.run("", "-ns", "ns2", "-getServiceState", "nn1")
	require.Zero(t, code)
	require.Equal(t, "active\n", stdout)
}

func TestErrorsAreWordedAsJavaDoes(t *testing.T) {
	j := asJava(context.DeadlineExceeded, "h", 1)
	require.Contains(t, j.Error(), " to h:1 failed on socket timeout exception: java.net.SocketTimeoutException: ")
	j = asJava(errors.New("odd"), "h", 1)
	require.Contains(t, j.Error(), `Failed on local exception: java.io.IOException: odd; Host Details : local host is: "`)
	require.True(t, strings.HasPrefix(j.trace(), "java.io.IOException: "))
}

func TestThreeNameNodesOneAnObserver(t *testing.T) {
	l := newLab(t, false, "shell(exit 0)", [2]string{"standby", "standby"}, "")
	more := newLab(t, false, "", [2]string{"observer", "standby"}, "")
	l.toHadoop(t, false)
	l.set(t, "dfs.nameservices=ns0,ns1", "dfs.ha.namenodes.ns0=x,y", "dfs.namenode.rpc-address.ns0.x=127.0.0.1:1", "dfs.namenode.rpc-address.ns0.y=127.0.0.1:2",
		"dfs.ha.namenodes.ns1=nn1,nn2,nn3", fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn3=127.0.0.1:%d", more.nodes[0].port))
	code, stdout, stderr := l.run("", "-ns", "ns1", "-getAllServiceState")
	require.Zero(t, code, stderr)
	require.Regexp(t, `(?m)^localhost:\d+ +standby +\nlocalhost:\d+ +standby +\nlocalhost:\d+ +observer +$`, stdout)
	code, _, stderr = l.run("", "-ns", "ns1", "-transitionToActive", "nn3")
	require.Equal(t, 255, code)
	require.Equal(t, "Operation failed: Cannot transition from 'observer' to 'active'\n", stderr)
	code, _, stderr = l.run("", "-ns", "ns1", "-failover", "nn1", "nn3")
	require.Equal(t, 255, code)
	require.Equal(t, "Failover failed: Can't failover to an observer service\n", stderr)
	code, _, stderr = l.run("", "-ns", "ns1", "-transitionToStandby", "nn3")
	require.Zero(t, code, stderr)
	code, _, stderr = l.run("", "-ns", "ns1", "-transitionToActive", "nn3")
	require.Zero(t, code, stderr)
	code, _, stderr = l.run("", "-ns", "ns1", "-transitionToActive", "nn1")
	require.Equal(t, 255, code)
	require.Contains(t, stderr, "transitionToActive: Node nn3 is already active\nUsage: haadmin")
	code, _, stderr = l.run("", "-ns", "ns1", "-transitionToObserver", "nn2")
	require.Zero(t, code, stderr)
	require.Equal(t, "observer", l.nodes[1].describe())
	code, stdout, _ = l.run("", "-ns", "ns1", "-failover", "nn3", "nn1")
	require.Zero(t, code)
	require.Equal(t, "Failover from nn3 to nn1 successful\n", stdout)
}

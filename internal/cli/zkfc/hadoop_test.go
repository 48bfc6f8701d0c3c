package zkfc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
)

// site is a configuration directory of Hadoop's with these properties besides those of a pair on this machine.
func site(t *testing.T, props ...string) string {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("<configuration>\n")
	for _, p := range append([]string{
		"ha.zookeeper.quorum=127.0.0.1:1", "dfs.nameservices=ns1", "dfs.ha.namenodes.ns1=nn1,nn2", "dfs.ha.automatic-failover.enabled=true",
		"dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:8020", "dfs.namenode.rpc-address.ns1.nn2=127.0.0.1:8021", "dfs.ha.zkfc.port=" + freePort(t),
	}, props...) {
		k, v, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>\n", k, v)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hdfs-site.xml"), []byte(b.String()+"</configuration>\n"), 0o600))
	return dir
}

func command(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestCheckShowsEverythingAtOnce(t *testing.T) {
	dir := site(t, "ha.zookeeper.acl=bogus", "ha.zookeeper.auth=digest:u:hush", "ha.health-monitor.sleep-after-disconnect.ms=5")
	code, out, errs := command("-conf", dir, "check")
	require.Equal(t, exitError, code)
	for _, want := range []string{
		"configuration: " + dir, "hdfs-site.xml:2", "10s", "core-default.xml", "without effect:", "hdfs-site.xml:11: ha.health-monitor.sleep-after-disconnect.ms",
	} {
		require.Contains(t, out, want)
	}
	for _, want := range []string{
		"several nodes have an address of this machine (ns1/nn1, ns1/nn2); set dfs.ha.namenode.id",
		`hdfs-site.xml:9: ha.zookeeper.acl: "bogus" is not scheme:id:perms`,
		"fencing: no fencing method is configured", "zkfc would exit with 4",
	} {
		require.Contains(t, errs, want)
	}
	require.NotContains(t, out+errs, "hush")

	code, out, errs = command("-conf", site(t, "dfs.ha.fencing.methods=shell(/bin/true)"), "-id", "nn1", "check")
	require.Zero(t, code, errs)
	require.Contains(t, out, "this node: ns1/nn1\n")
	require.Contains(t, out, "\nno problems\n")
	require.Empty(t, errs)

	code, _, errs = command("-conf", site(t, "dfs.ha.automatic-failover.enabled=false"), "-id", "nn1", "check")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "zkfc would exit with 5")
	code, _, errs = command("check", "-x")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "Bad argument: -x")
}

func TestCheckSaysWhenHealthIsCheckedMoreOftenThanConfigured(t *testing.T) {
	const fence = "dfs.ha.fencing.methods=shell(/bin/true)"
	dir := site(t, fence, "ha.health-monitor.rpc-timeout.ms=1000")
	code, out, errs := command("-conf", dir, "-id", "nn1", "check")
	require.Zero(t, code, errs)
	require.Contains(t, out, "\nhealth is checked every 250ms, a quarter of ha.health-monitor.rpc-timeout.ms of "+filepath.Join(dir, "hdfs-site.xml")+":10 (1s): "+
		"the 1s of ha.health-monitor.check-interval.ms of core-default.xml would be too seldom to know a hang in that time\n")

	code, out, errs = command("-conf", site(t, fence, "ha.health-monitor.rpc-timeout.ms=4000"), "-id", "nn1", "check")
	require.Zero(t, code, errs)
	require.NotContains(t, out, "health is checked every")
}

func TestCheckTellsWhatBecomesOfEachKey(t *testing.T) {
	code, out, _ := command("check", "--keys")
	require.Zero(t, code)
	for _, k := range haconfig.HadoopKeys() {
		require.Regexp(t, `(?m)^`+strings.ReplaceAll(k.Name, ".", `\.`)+` +`+string(k.Use)+` `, out)
	}
}

func TestLogHasTheOriginalsLayout(t *testing.T) {
	var b bytes.Buffer
	log := javaLog(&b, zap.InfoLevel)
	log.Info("Trying to make it active...")
	log.With(zap.String("peer", "x")).Named("NodeFencer").Warn("no", zap.Duration("took", time.Second))
	log.Named(program).Debug("hidden")
	log.Named("org.apache.hadoop.ha.ActiveStandbyElector").Error("Session expired.")
	const at = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} `
	require.Regexp(t, `^`+at+`INFO org\.apache\.hadoop\.ha\.ZKFailoverController: Trying to make it active\.\.\.\n`+
		at+`WARN org\.apache\.hadoop\.ha\.NodeFencer: no \{"peer":"x","took":"1s"\}\n`+
		at+`ERROR org\.apache\.hadoop\.ha\.ActiveStandbyElector: Session expired\.\n$`, b.String())
}

func TestPatienceWithZooKeeperMayEnd(t *testing.T) {
	code, _, errs := command("-conf", site(t, "dfs.ha.fencing.methods=shell(/bin/true)"), "-id", "nn1", "-D", "holdfast.controller.zookeeperPatience=100ms")
	require.Equal(t, exitNoZooKeeper, code)
	require.Contains(t, errs, "ERROR org.apache.hadoop.ha.ZKFailoverController: Unable to start failover controller. "+
		"Unable to connect to ZooKeeper quorum at 127.0.0.1:1. Please check the configured value for ha.zookeeper.quorum")
}

func TestOptionsOfMapReduceAreRefused(t *testing.T) {
	code, _, errs := command("-jt", "local", "-formatZK")
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "option -jt is for MapReduce jobs")
}

// hung shows no sign of life; slow is alive and takes its time to become standby.
type old struct {
	target.Service
	hung     bool
	late     bool          // it answers when nobody waits any more
	deadline time.Duration // what TransitionToStandby had
}

func (o *old) Status(ctx context.Context) (target.Status, error) {
	if o.hung {
		<-ctx.Done()
		return target.Status{}, ctx.Err()
	}
	if o.late {
		<-ctx.Done()
	}
	return target.Status{}, errors.New("still starting")
}

func (o *old) TransitionToStandby(ctx context.Context, _ target.RequestSource) error {
	at, _ := ctx.Deadline()
	o.deadline = time.Until(at)
	return nil
}

func TestHungNodeCostsOnlyTheProbe(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	silent := func(ctx context.Context) bool { <-ctx.Done(); return false } // a controller that is gone, too
	o := &old{hung: true}
	err := probed{o, time.Millisecond, silent}.TransitionToStandby(ctx, target.RequestByZKFC)
	require.ErrorContains(t, err, "no sign of life within 1ms")
	require.Zero(t, o.deadline, "it is not asked")
	o = &old{}
	require.NoError(t, probed{o, time.Minute, silent}.TransitionToStandby(ctx, target.RequestByZKFC))
	require.Greater(t, o.deadline, 30*time.Minute, "it has the whole deadline, whatever it answered")
	o = &old{hung: true}
	require.NoError(t, probed{o, 2 * time.Hour, silent}.TransitionToStandby(ctx, target.RequestByZKFC))
	require.NotZero(t, o.deadline, "a probe that is no shorter gains nothing")
}

// Nobody waits for what its own controller has waited for in vain. What lives is asked all the same, whatever its controller says.
func TestControllerOfAHungNodeSparesTheProbe(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for _, says := range []bool{true, false} {
		o := &old{hung: true}
		probe := 10 * time.Millisecond
		if says {
			probe = 30 * time.Minute
		}
		err := probed{o, probe, func(context.Context) bool { return says }}.TransitionToStandby(ctx, target.RequestByZKFC)
		require.Equal(t, says, errors.Is(err, errHangs), err)
		require.Equal(t, !says, errors.Is(err, context.DeadlineExceeded), err)
		require.Zero(t, o.deadline, "it is not asked")
	}
	o := &old{late: true}
	require.NoError(t, probed{o, time.Minute, func(context.Context) bool { return true }}.TransitionToStandby(ctx, target.RequestByZKFC))
	require.NotZero(t, o.deadline)
}

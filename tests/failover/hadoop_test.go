package failover

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	holdfast "github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
)

// A controller beside one node, configured by Hadoop's files alone: what it writes to ZooKeeper names the address as Java
// does, and its log has the original's layout.
func TestZKFCRunsFromHadoopsFiles(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	port, events := serve(t, nn), filepath.Join(t.TempDir(), "events")
	args := []string{
		"-conf", hadoopDir(t, addr, ""), "-D", fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:%d", port),
		"-D", "ha.zookeeper.session-timeout.ms=2000", "-D", "holdfast.controller.stateDir=" + t.TempDir(), "-events", events,
	}
	var out bytes.Buffer
	main := func(ctx context.Context, more ...string) int {
		return zkfc.Main(ctx, append(args, more...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
	}
	require.Zero(t, main(t.Context(), "-formatZK"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- main(ctx) }()
	require.Equal(t, "nn1", awaitEvent(t, events, holdfast.EventPromoteDone).Node)
	st, err := nn.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, target.Active, st.State)

	c, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer c.Close()
	lock, _, err := c.Get("/hadoop-ha/ns1/ActiveStandbyElectorLock")
	require.NoError(t, err)
	id, err := target.ParseNodeInfo(lock)
	require.NoError(t, err)
	require.Equal(t, "localhost", id.Host, "127.0.0.1 looked up backwards")
	require.Equal(t, port, id.Port)

	cancel()
	require.Zero(t, <-done, out.String())
	const at = `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO org\.apache\.hadoop\.`
	for _, line := range []string{
		`hdfs\.tools\.DFSZKFailoverController: Failover controller configured for NameNode NameNode at /127\.0\.0\.1:`,
		`ha\.ZKFailoverController: Trying to make NameNode at localhost/127\.0\.0\.1:\d+ active\.\.\.$`,
		`ha\.ZKFailoverController: Successfully transitioned NameNode at localhost/127\.0\.0\.1:\d+ to active state$`,
	} {
		require.Regexp(t, at+line, out.String())
	}
}

// hadoop-policy.xml decides who may call zkfc at all, before its own rule for administrators does.
func TestZKFCObeysHadoopsPolicy(t *testing.T) {
	t.Setenv("HADOOP_POLICYFILE", "")
	t.Setenv("HADOOP_USER_NAME", "hdfs")
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	dir, port, events := hadoopDir(t, addr, ""), free(t), filepath.Join(t.TempDir(), "events")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hadoop-policy.xml"),
		[]byte("<configuration><property><name>security.zkfc.protocol.acl</name><value>hdfs,ann</value></property></configuration>"), 0o600))
	args := []string{
		"-conf", dir, "-D", fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn1=127.0.0.1:%d", serve(t, nn)), "-D", fmt.Sprintf("dfs.ha.zkfc.port=%d", port),
		"-D", "dfs.cluster.administrators=eve", "-D", "holdfast.controller.stateDir=none", "-events", events, "-D", "hadoop.security.authorization=true",
	}
	out := &output{}
	main := func(ctx context.Context, more ...string) int {
		return zkfc.Main(ctx, append(args, more...), cli.Streams{In: strings.NewReader(""), Out: out, Err: out})
	}
	require.Zero(t, main(t.Context(), "-formatZK"), out)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- main(ctx) }()
	awaitEvent(t, events, holdfast.EventPromoteDone)
	for user, want := range map[string]string{
		"hdfs": "",
		"ann":  "Disallowed RPC access for ann",
		"eve":  "User eve (auth:SIMPLE) is not authorized for protocol interface org.apache.hadoop.ha.ZKFCProtocol: denied by configured ACL",
	} {
		z := target.NewZKFC(fmt.Sprintf("127.0.0.1:%d", port), target.HadoopOptions{User: user})
		err := z.GracefulFailover(ctx)
		require.NoError(t, z.Close())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, target.ErrRefused)
		require.EqualError(t, err, want)
	}
	cancel()
	require.Zero(t, <-done, out)
	require.Contains(t, out.String(), "Authorization failed for eve (auth:SIMPLE) at 127.0.0.1:")
}

package failover

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	holdfast "github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
	"github.com/holdfast-ha/holdfast/internal/freeport"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

// namenode is a service behind Hadoop RPC that does what it is told.
type namenode struct {
	mu    sync.Mutex
	state target.State
}

func (n *namenode) MonitorHealth(context.Context) error { return nil }

func (n *namenode) Status(context.Context) (target.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return target.Status{State: n.state, ReadyToBecomeActive: true}, nil
}

func (n *namenode) become(s target.State) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	return nil
}

func (n *namenode) TransitionToActive(context.Context, target.RequestSource) error {
	return n.become(target.Active)
}

func (n *namenode) TransitionToStandby(context.Context, target.RequestSource) error {
	return n.become(target.Standby)
}

func (n *namenode) TransitionToObserver(context.Context, target.RequestSource) error {
	return n.become(target.Observer)
}

func serve(t *testing.T, n target.HAServer) (port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := hadooprpc.NewServer(zap.NewNop(), hadooprpc.ServerOptions{})
	target.RegisterHAService(s, n)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() { require.NoError(t, s.Close()); require.NoError(t, <-done) })
	return ln.Addr().(*net.TCPAddr).Port
}

func free(t *testing.T) int {
	t.Helper()
	port, err := freeport.One()
	require.NoError(t, err)
	return port
}

type place struct {
	config, events, http, state string
	ports                       [2]int // of the controllers
}

func configure(t *testing.T, zoo string, rpc1, rpc2 int) place {
	t.Helper()
	dir := t.TempDir()
	p := place{config: filepath.Join(dir, "holdfast.yaml"), events: filepath.Join(dir, "events"), state: filepath.Join(dir, "state"), ports: [2]int{free(t), free(t)}}
	p.http = fmt.Sprintf("127.0.0.1:%d", free(t))
	require.NoError(t, os.WriteFile(p.config, []byte(fmt.Sprintf(`
zookeeper: {quorum: [%q]}
nameservices:
  - id: ns1
    nodes:
      - {id: nn1, host: 127.0.0.1, rpcPort: %d, zkfcPort: %d}
      - {id: nn2, host: 127.0.0.1, rpcPort: %d, zkfcPort: %d}
fencing: {methods: ["shell(exit 0)"]}
controller: {stateDir: %q}
`, zoo, rpc1, p.ports[0], rpc2, p.ports[1], p.state)), 0o600))
	return p
}

func (p place) zkfc(ctx context.Context, stdin string, args ...string) (int, string) {
	var out bytes.Buffer
	code := zkfc.Main(ctx, append([]string{"-config", p.config}, args...),
		cli.Streams{In: strings.NewReader(stdin), Out: io.Discard, Err: &out})
	return code, out.String()
}

func TestFormatZKAnswersAndExitCodes(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	p := configure(t, addr, 1, 2)
	for _, c := range []struct {
		args, stdin string
		code        int
		says        string
	}{
		{"-id nn1", "", 3, "Parent znode does not exist. Run with -formatZK flag to initialize ZooKeeper."},
		{"-formatZK", "", 0, "Successfully created /hadoop-ha/ns1 in ZK."},
		{"-formatZK -nonInteractive", "", 2, ""},
		{"-formatZK", "n\n", 2, "Proceed formatting /hadoop-ha/ns1? (Y or N) "},
		{"-formatZK", "", 2, "already exists"},
		{"-formatZK", "what\ny\n", 0, "Invalid input: what"},
		{"-formatZK -force", "", 0, "Successfully deleted /hadoop-ha/ns1 from ZK."},
		{"-formatZK -nonInteractive -force", "", 0, "Recursively deleting /hadoop-ha/ns1 from ZK..."},
		{"-D zookeeper.parentZnode=/a/b/c -formatZK", "", 0, "Successfully created /a/b/c/ns1 in ZK."},
	} {
		code, out := p.zkfc(t.Context(), c.stdin, strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, out)
		require.Contains(t, out, c.says, c.args)
	}
}

// awaitEvent reads an events file until an event of that name has been written.
func awaitEvent(t *testing.T, file, name string) holdfast.Event {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			var e holdfast.Event
			if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &e) == nil && e.Name == name {
				return e
			}
		}
		<-time.After(time.Millisecond)
	}
	require.FailNow(t, "no event "+name)
	return holdfast.Event{}
}

func TestZKFCMakesItsServiceActiveAndLeavesInOrderWhenStopped(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	p := configure(t, addr, serve(t, nn), free(t))
	code, out := p.zkfc(t.Context(), "", "-formatZK")
	require.Zero(t, code, out)

	ctx, cancel := context.WithCancel(t.Context())
	type result struct {
		code int
		out  string
	}
	done := make(chan result, 1)
	go func() {
		code, out := p.zkfc(ctx, "", "-id", "nn1", "-events", p.events, "-D", "controller.httpAddress="+p.http)
		done <- result{code, out}
	}()
	e := awaitEvent(t, p.events, holdfast.EventPromoteDone)
	require.Equal(t, "nn1", e.Node)
	require.Equal(t, "ns1/0x0", e.Correlation)
	st, _ := nn.Status(ctx)
	require.Equal(t, target.Active, st.State)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) string {
		resp, err := client.Get("http://" + p.http + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.Status + " " + string(b)
	}
	require.Contains(t, get("/healthz"), "200 OK")
	require.Contains(t, get("/status"), `"health":"SERVICE_HEALTHY"`)
	require.Contains(t, get("/metrics"), `zkfc_events_total{event="promote-done"} 1`)

	z := target.NewZKFC(fmt.Sprintf("127.0.0.1:%d", p.ports[0]), target.HadoopOptions{})
	defer z.Close()
	require.NoError(t, z.GracefulFailover(t.Context()), "it is active already")
	stranger := target.NewZKFC(fmt.Sprintf("127.0.0.1:%d", p.ports[0]), target.HadoopOptions{User: "mallory"})
	defer stranger.Close()
	require.ErrorIs(t, stranger.CedeActive(t.Context(), 1000), target.ErrRefused)

	cancel()
	r := <-done
	require.Zero(t, r.code, r.out)
	for _, phrase := range []string{
		"Entering state SERVICE_HEALTHY", "entered state: SERVICE_HEALTHY", "Session connected.",
		"Checking for any old active which needs to be fenced...", "No old node to fence",
		"Writing znode /hadoop-ha/ns1/ActiveBreadCrumb to indicate that the local node is the most recent active...",
		"Trying to make NameNode at /127.0.0.1:", "to active state", "Yielding from election", "STARTUP_MSG", "SHUTDOWN_MSG",
	} {
		require.Contains(t, r.out, phrase)
	}
	st, _ = nn.Status(t.Context())
	require.Equal(t, target.Active, st.State, "nobody can take over")
	c, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer c.Close()
	children, _, err := c.Children("/hadoop-ha/ns1")
	require.NoError(t, err)
	require.Equal(t, []string{"ActiveBreadCrumb"}, children, "who becomes active later asks it to stand down")
	files, err := os.ReadDir(p.state)
	require.NoError(t, err)
	require.Empty(t, files, "the session is over")
}

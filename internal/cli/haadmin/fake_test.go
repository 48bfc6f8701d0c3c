package haadmin

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody is a port at which nothing listens, with as many digits as those that the system hands out.
const nobody = 23027

// fakeNode is a NameNode as far as haadmin sees it.
type fakeNode struct {
	port, zkfcPort int

	mu        sync.Mutex
	state     target.State
	down      bool
	sick      string // why it is unhealthy
	notReady  string
	hang      bool  // getServiceStatus is not answered until the server closes
	noActive  error // answer to transitionToActive
	noStandby error // answer to transitionToStandby
	calls     []string
	seen      func(what string) // told of every call, if set
}

func (f *fakeNode) called(what string) {
	f.calls = append(f.calls, what)
	f.look(what)
}

func (f *fakeNode) look(what string) {
	if f.seen != nil {
		f.seen(what)
	}
}

func (f *fakeNode) MonitorHealth(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look("health")
	if f.sick != "" {
		return target.Unhealthy("%s", f.sick)
	}
	return nil
}

func (f *fakeNode) Status(ctx context.Context) (target.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look("status")
	if f.hang {
		<-ctx.Done()
		return target.Status{}, ctx.Err()
	}
	return target.Status{State: f.state, ReadyToBecomeActive: f.notReady == "", NotReadyReason: f.notReady}, nil
}

func (f *fakeNode) TransitionToActive(_ context.Context, src target.RequestSource) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called(fmt.Sprintf("active by %d", src))
	if f.state == target.Observer {
		return target.Refused("Cannot transition from 'observer' to 'active'")
	}
	if f.noActive != nil {
		return f.noActive
	}
	f.state = target.Active
	return nil
}

func (f *fakeNode) TransitionToStandby(_ context.Context, src target.RequestSource) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.called(fmt.Sprintf("standby by %d", src))
	if f.noStandby != nil {
		return f.noStandby
	}
	f.state = target.Standby
	return nil
}

func (f *fakeNode) TransitionToObserver(context.Context, target.RequestSource) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == target.Active {
		return target.Refused("Cannot transition from 'active' to 'observer'")
	}
	f.state = target.Observer
	return nil
}

func (f *fakeNode) set(state target.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = state
}

func (f *fakeNode) describe() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return "down"
	}
	return f.state.String()
}

// fakeZKFC is the controller beside a node.
type fakeZKFC struct{ mine, other *fakeNode }

func (z fakeZKFC) CedeActive(context.Context, int32) error { return nil }

func (z fakeZKFC) GracefulFailover(context.Context) error {
	at := fmt.Sprintf("NameNode at localhost/127.0.0.1:%d", z.mine.port)
	switch z.mine.describe() {
	case "down":
		return target.Refused("%s is not currently healthy. Cannot be failover target", at)
	case "observer":
		return target.Refused("%s is in observer state. Cannot be failover target", at)
	}
	if z.other.describe() == "active" {
		z.other.set(target.Standby)
	}
	z.mine.set(target.Active)
	return nil
}

// lab is a nameservice with two nodes and their controllers.
type lab struct {
	nodes [2]*fakeNode
	conf  string // path of the configuration
}

func newLab(t *testing.T, auto bool, methods string, states [2]string, zkfcDown string) *lab {
	t.Helper()
	l := &lab{}
	for i, s := range states {
		n := &fakeNode{port: nobody, zkfcPort: nobody + 1 + i}
		l.nodes[i] = n
		for _, st := range []target.State{target.Initializing, target.Active, target.Standby, target.Observer} {
			if st.String() == s {
				n.state = st
			}
		}
		if n.down = s == "down"; !n.down {
			n.port = serve(t, func(r target.Registrar) { target.RegisterHAService(r, n) })
		}
	}
	for i, n := range l.nodes {
		if zkfcDown != fmt.Sprintf("nn%d", i+1) {
			n.zkfcPort = serve(t, func(r target.Registrar) { target.RegisterZKFC(r, fakeZKFC{n, l.nodes[1-i]}) })
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "zookeeper: {quorum: 'localhost:2181'}\nnameservices:\n- id: ns1\n  automaticFailover: %t\n  nodes:\n", auto)
	for i, n := range l.nodes {
		fmt.Fprintf(&b, "  - {id: nn%d, host: localhost, rpcPort: %d, zkfcPort: %d}\n", i+1, n.port, n.zkfcPort)
	}
	fmt.Fprintf(&b, "fencing: {methods: [%s]}\n", methods)
	l.conf = filepath.Join(t.TempDir(), "holdfast.yaml")
	require.NoError(t, os.WriteFile(l.conf, []byte(b.String()), 0o600))
	return l
}

// toHadoop writes the same configuration in Hadoop's files, with addresses for names, as the recordings had it.
func (l *lab) toHadoop(t *testing.T, auto bool) {
	t.Helper()
	l.conf = t.TempDir()
	var b strings.Builder
	b.WriteString("<configuration>\n")
	set := func(name, value string) {
		fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>\n", name, value)
	}
	set("dfs.nameservices", "ns1")
	set("dfs.ha.namenodes.ns1", "nn1,nn2")
	set("dfs.ha.automatic-failover.enabled", fmt.Sprint(auto))
	set("dfs.ha.fencing.methods", "shell(exit 0)")
	for i, n := range l.nodes {
		set(fmt.Sprintf("dfs.namenode.rpc-address.ns1.nn%d", i+1), fmt.Sprint("127.0.0.1:", n.port))
		set(fmt.Sprintf("dfs.ha.zkfc.port.ns1.nn%d", i+1), fmt.Sprint(n.zkfcPort))
	}
	require.NoError(t, os.WriteFile(filepath.Join(l.conf, "hdfs-site.xml"), []byte(b.String()+"</configuration>"), 0o600))
}

func serve(t *testing.T, register func(target.Registrar)) int {
	t.Helper()
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := hadooprpc.NewServer(zap.NewNop(), hadooprpc.ServerOptions{})
	register(s)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, <-done)
	})
	return ln.Addr().(*net.TCPAddr).Port
}

// run runs haadmin in this process.
func (l *lab) run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = Main(context.Background(), append([]string{"-conf", l.conf}, args...), cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

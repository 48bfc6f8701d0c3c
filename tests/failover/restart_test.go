package failover

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	holdfast "github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/failover/elector"
	"github.com/holdfast-ha/holdfast/failover/target"
	"github.com/holdfast-ha/holdfast/internal/cli"
	"github.com/holdfast-ha/holdfast/internal/cli/zkfc"
)

// output is a log that may be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// daemon is a zkfc that runs in this process.
type daemon struct {
	events string
	out    *output
	cancel context.CancelCauseFunc
	done   chan int
}

func (p place) daemon(t *testing.T, node string, args ...string) *daemon {
	t.Helper()
	d := &daemon{events: filepath.Join(t.TempDir(), "events"), out: &output{}, done: make(chan int, 1)}
	ctx, cancel := context.WithCancelCause(t.Context())
	d.cancel = cancel
	// Nothing but what the test does may end a session or make a service sick, however slow the machine is.
	args = append([]string{
		"-config", p.config, "-id", node, "-events", d.events,
		"-D", "zookeeper.sessionTimeout=60s", "-D", "health.deadline=60s", "-D", "health.interval=250ms", "-D", "failover.gracefulFenceDeadline=60s", "-D", "failover.probeDeadline=60s",
	}, args...)
	go func() { d.done <- zkfc.Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: d.out, Err: d.out}) }()
	return d
}

func (d *daemon) stop(cause error) int {
	d.cancel(cause)
	return <-d.done
}

func (p place) sessionFile(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.state, "*.session"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

func TestRestartedZKFCResumesItsSessionAndKeepsItsRole(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	one, two := &namenode{state: target.Standby}, &namenode{state: target.Standby}
	p := configure(t, addr, serve(t, one), serve(t, two))
	code, out := p.zkfc(t.Context(), "", "-formatZK")
	require.Zero(t, code, out)
	first := p.daemon(t, "nn1")
	session := awaitEvent(t, first.events, holdfast.EventConnected).Detail
	awaitEvent(t, first.events, holdfast.EventPromoteDone)
	other := p.daemon(t, "nn2")
	awaitEvent(t, other.events, holdfast.EventStandbyDone)
	files, err := filepath.Glob(filepath.Join(p.state, "*nn1*"))
	require.NoError(t, err)
	st, err := os.Stat(files[0])
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "whoever reads it can take the lock")
	}

	require.Zero(t, first.stop(holdfast.ErrRestart), first.out)
	awaitEvent(t, first.events, holdfast.EventKept)
	became, _ := one.Status(t.Context())
	require.Equal(t, target.Active, became.State)
	again := p.daemon(t, "nn1")
	require.Equal(t, session, awaitEvent(t, again.events, holdfast.EventConnected).Detail, "the same session")
	awaitEvent(t, again.events, holdfast.EventPromoteDone)
	for _, d := range []*daemon{first, again} {
		text, err := os.ReadFile(d.events)
		require.NoError(t, err)
		require.NotContains(t, string(text), holdfast.EventStandbyDone, "it was never made standby")
	}
	text, err := os.ReadFile(other.events)
	require.NoError(t, err)
	require.NotContains(t, string(text), holdfast.EventLockLost, "the other controller noticed nothing")

	// A final stop: the other takes over, asks this one to cede, and nobody is fenced.
	require.Zero(t, again.stop(nil), again.out)
	awaitEvent(t, other.events, holdfast.EventPromoteDone)
	became, _ = one.Status(t.Context())
	require.Equal(t, target.Standby, became.State)
	text, err = os.ReadFile(other.events)
	require.NoError(t, err)
	require.NotContains(t, string(text), holdfast.EventFenceStart)
	files, err = filepath.Glob(filepath.Join(p.state, "*nn1*"))
	require.NoError(t, err)
	require.Empty(t, files, "that session is over")
	require.Zero(t, other.stop(nil), other.out)
}

func TestSessionFileThatIsOfNoUse(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"a session that has expired":  {`{"session":"0x123456789abcdef","password":"000102030405060708090a0b0c0d0e0f"}`, 0o600, "Session expired"},
		"damaged":                     {`{"session":"0x12`, 0o600, "not a session file"},
		"empty":                       {``, 0o600, "not a session file"},
		"a password of another kind":  {`{"session":"0x12","password":"00"}`, 0o600, "the password has not 16 bytes"},
		"no session":                  {`{"session":"0x0","password":"000102030405060708090a0b0c0d0e0f"}`, 0o600, "not a session file"},
		"one that others could write": {`{"session":"0x12","password":"000102030405060708090a0b0c0d0e0f"}`, 0o666, "others may read or write it"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.mode != 0o600 && runtime.GOOS == "windows" {
				return // there are no such modes
			}
			nn := &namenode{state: target.Standby}
			p := configure(t, addr, serve(t, nn), free(t))
			parent := fmt.Sprintf("zookeeper.parentZnode=/p%d", p.ports[0])
			code, out := p.zkfc(t.Context(), "", "-D", parent, "-formatZK")
			require.Zero(t, code, out)
			d := p.daemon(t, "nn1", "-D", parent)
			awaitEvent(t, d.events, holdfast.EventPromoteDone)
			file := p.sessionFile(t)
			require.Zero(t, d.stop(nil))
			require.NoError(t, os.WriteFile(file, []byte(c.text), c.mode))
			require.NoError(t, os.Chmod(file, c.mode))
			d = p.daemon(t, "nn1", "-D", parent)
			awaitEvent(t, d.events, holdfast.EventPromoteDone)
			require.Contains(t, d.out.String(), c.says)
			require.Zero(t, d.stop(nil))
			_, err := os.Stat(file)
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

// A controller without a place for its session waits for the old one to expire, and its service stays active.
func TestRestartWithoutASessionFileDemotesNobody(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	nn := &namenode{state: target.Standby}
	p := configure(t, addr, serve(t, nn), free(t))
	code, out := p.zkfc(t.Context(), "", "-formatZK")
	require.Zero(t, code, out)
	d := p.daemon(t, "nn1", "-D", "controller.stateDir=none")
	awaitEvent(t, d.events, holdfast.EventPromoteDone)
	require.Zero(t, d.stop(holdfast.ErrRestart))
	d = p.daemon(t, "nn1", "-D", "controller.stateDir=none")
	require.Eventually(t, func() bool { return strings.Contains(d.out.String(), "held by an earlier session of this node") },
		30*time.Second, 5*time.Millisecond)
	st, _ := nn.Status(t.Context())
	require.Equal(t, target.Active, st.State)
	conn, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Delete("/hadoop-ha/ns1/ActiveStandbyElectorLock", -1), "the old session ends")
	awaitEvent(t, d.events, holdfast.EventPromoteDone)
	text, err := os.ReadFile(d.events)
	require.NoError(t, err)
	require.NotContains(t, string(text), holdfast.EventStandbyDone)
	require.Zero(t, d.stop(nil))
}

// What is abandoned says nothing more to the server: a session that is closed would be a failover.
func TestAbandonedSessionLivesAndCanBeResumed(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	zoo := elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: time.Minute}
	connect := zoo.Resuming(filepath.Join(t.TempDir(), "deep", "down", "session"))
	open := func() (elector.Client, int64) {
		up := make(chan int64, 10)
		c, err := connect(func(e elector.Event) {
			if e, ok := e.(elector.Connected); ok {
				up <- e.Session
			}
		})
		require.NoError(t, err)
		return c, <-up
	}
	c, id := open()
	require.NoError(t, c.Create("/lock", []byte("x"), true))
	for range 3 {
		c.Abandon()
		var same int64
		c, same = open()
		require.Equal(t, id, same)
		l, err := c.Watch("/lock")
		require.NoError(t, err)
		require.Equal(t, id, l.Owner)
	}
	c.Close()
	conn, _, err := zk.Connect([]string{addr}, 2*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	ok, _, err := conn.Exists("/lock")
	require.NoError(t, err)
	require.False(t, ok, "closing is something else")
	c, next := open()
	require.NotEqual(t, id, next)
	c.Close()
}

// However many requests are under way, and whatever becomes of them: the end of a session does not wait for them.
func TestSessionEndsWhileRequestsAreUnderWay(t *testing.T) {
	addr, _ := server(t, t.TempDir(), 0)
	for name, end := range map[string]func(elector.Client){"closed": elector.Client.Close, "abandoned": elector.Client.Abandon} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				up := make(chan struct{}, 10)
				c, err := elector.ZooKeeper{Servers: []string{addr}, SessionTimeout: time.Minute}.Connect(func(e elector.Event) {
					if _, ok := e.(elector.Connected); ok {
						up <- struct{}{}
					}
				})
				require.NoError(t, err)
				<-up
				var busy, begun sync.WaitGroup
				for range 32 {
					begun.Add(1)
					busy.Go(func() {
						once := sync.OnceFunc(begun.Done)
						for err := error(nil); err == nil; once() {
							_, _, err = c.Get("/zookeeper")
						}
					})
				}
				begun.Wait()
				ended := make(chan struct{})
				go func() { end(c); close(ended) }()
				select {
				case <-ended:
				case <-time.After(time.Minute):
					require.FailNow(t, "it does not end")
				}
				busy.Wait()
			}
		})
	}
}

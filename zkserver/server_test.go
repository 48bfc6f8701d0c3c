package zkserver

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestMain(m *testing.M) {
	if argument := os.Getenv(crowdAddr); argument != "" {
		beCrowd(argument)
	}
	goleak.VerifyTestMain(m)
}

// running is a server for one test.
type running struct {
	*Server
	t    *testing.T
	cfg  config.Config
	logs *observer.ObservedLogs
}

func testConfig(t testing.TB) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.ClientPortAddress = "127.0.0.1"
	cfg.TickTime = 100 * time.Millisecond
	cfg.PreAllocSize = 64 << 10
	cfg.GatherAfter = 1 // tests ask for little: gathered or not, a client must see the same
	cfg.Commands = []string{"*"}
	return cfg
}

// start runs a server, and stops it at the end of the test.
func start(t *testing.T, change ...func(*config.Config)) *running {
	t.Helper()
	cfg := testConfig(t)
	for _, f := range change {
		f(&cfg)
	}
	return startWith(t, cfg)
}

func startWith(t *testing.T, cfg config.Config, options ...Option) *running {
	t.Helper()
	if cfg.ClientPort == 0 {
		cfg.ClientPort = freePorts(t, 1)[0] // a restart finds it free
	}
	core, logs := observer.New(zap.DebugLevel)
	s, err := New(cfg, append([]Option{WithLogger(zap.New(core))}, options...)...)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	r := &running{Server: s, t: t, cfg: cfg, logs: logs}
	t.Cleanup(r.stop)
	return r
}

func (r *running) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := r.Shutdown(ctx)
	if r.Err() == nil {
		require.NoError(r.t, err)
	}
}

// restart stops the server and starts another one on the same directory and port.
func (r *running) restart() *running {
	r.t.Helper()
	r.stop()
	return startWith(r.t, r.cfg)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// connect opens a session and waits for it.
func (r *running) connect() *zk.Conn {
	c, _ := r.connectEvents()
	return c
}

func (r *running) connectEvents() (*zk.Conn, <-chan zk.Event) {
	r.t.Helper()
	c, events, err := zk.Connect([]string{r.Addr().String()}, 2*time.Second, zk.WithLogger(quiet{}))
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	awaitState(r.t, events, zk.StateHasSession)
	return c, events
}

func awaitState(t *testing.T, events <-chan zk.Event, want zk.State) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case ev := <-events:
			if ev.State == want {
				return
			}
		case <-timeout:
			require.FailNow(t, "no such state", want.String())
		}
	}
}

func awaitEvent(t *testing.T, ch <-chan zk.Event) zk.Event {
	t.Helper()
	select {
	case ev := <-ch:
		return ev
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no event came")
		return zk.Event{}
	}
}

var open = zk.WorldACL(zk.PermAll)

func TestEveryOperation(t *testing.T) {
	r := start(t)
	c := r.connect()

	path, err := c.Create("/a", []byte("one"), 0, open)
	require.NoError(t, err)
	require.Equal(t, "/a", path)
	_, err = c.Create("/a", nil, 0, open)
	require.Equal(t, zk.ErrNodeExists, err)
	_, err = c.Create("/no/child", nil, 0, open)
	require.Equal(t, zk.ErrNoNode, err)

	data, stat, err := c.Get("/a")
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.Equal(t, int32(0), stat.Version)
	require.Equal(t, int32(3), stat.DataLength)

	stat, err = c.Set("/a", []byte("three"), 0)
	require.NoError(t, err)
	require.Equal(t, int32(1), stat.Version)
	_, err = c.Set("/a", nil, 0)
	require.Equal(t, zk.ErrBadVersion, err)

	seq, err := c.Create("/a/s-", nil, zk.FlagSequence, open)
	require.NoError(t, err)
	require.Equal(t, "/a/s-0000000000", seq)
	seq, err = c.Create("/a/s-", nil, zk.FlagSequence, open)
	require.NoError(t, err)
	require.Equal(t, "/a/s-0000000001", seq)
	names, stat, err := c.Children("/a")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"s-0000000000", "s-0000000001"}, names)
	require.Equal(t, int32(2), stat.NumChildren)
	require.Equal(t, int32(2), stat.Cversion)
	require.Equal(t, zk.ErrNotEmpty, c.Delete("/a", -1))

	require.NoError(t, c.Delete("/a/s-0000000000", 0))
	require.Equal(t, zk.ErrNoNode, c.Delete("/a/s-0000000000", 0))

	ok, _, err := c.Exists("/nowhere")
	require.NoError(t, err)
	require.False(t, ok)
	ok, stat, err = c.Exists("/a")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, int32(1), stat.NumChildren)
	require.Equal(t, int32(3), stat.Cversion)
	require.Greater(t, stat.Pzxid, stat.Mzxid)

	acl, _, err := c.GetACL("/a")
	require.NoError(t, err)
	require.Equal(t, open, acl)
	_, err = c.SetACL("/a", zk.WorldACL(zk.PermRead), 0)
	require.NoError(t, err)
	_, err = c.Set("/a", nil, -1)
	require.Equal(t, zk.ErrNoAuth, err)

	synced, err := c.Sync("/a")
	require.NoError(t, err)
	require.Equal(t, "/a", synced)

	_, err = c.CreateTTL("/ttl", nil, zk.FlagTTL, open, time.Minute)
	require.Error(t, err, "extendedTypesEnabled is off")
	_, err = c.CreateContainer("/box", nil, 4, open)
	require.NoError(t, err)
}

func TestMultiHappensWholeOrNotAtAll(t *testing.T) {
	c := start(t).connect()
	res, err := c.Multi(&zk.CreateRequest{Path: "/m", Acl: open}, &zk.CreateRequest{Path: "/m/x", Acl: open},
		&zk.SetDataRequest{Path: "/m", Data: []byte("d"), Version: 0}, &zk.CheckVersionRequest{Path: "/m", Version: 1},
		&zk.DeleteRequest{Path: "/m/x", Version: -1})
	require.NoError(t, err)
	require.Len(t, res, 5)
	require.Equal(t, "/m", res[0].String)
	require.Equal(t, int32(1), res[2].Stat.Version)

	res, err = c.Multi(&zk.CreateRequest{Path: "/m/y", Acl: open}, &zk.CheckVersionRequest{Path: "/m", Version: 7})
	require.Equal(t, zk.ErrBadVersion, err)
	require.Len(t, res, 2)
	ok, _, err := c.Exists("/m/y")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestDigestAuthentication(t *testing.T) {
	r := start(t)
	c := r.connect()
	require.NoError(t, c.AddAuth("digest", []byte("ann:secret")))
	_, err := c.Create("/mine", []byte("x"), 0, zk.DigestACL(zk.PermAll, "ann", "secret"))
	require.NoError(t, err)
	_, _, err = c.Get("/mine")
	require.NoError(t, err)
	other := r.connect()
	_, _, err = other.Get("/mine")
	require.Equal(t, zk.ErrNoAuth, err)
	_, _, err = other.GetACL("/mine")
	require.Equal(t, zk.ErrNoAuth, err)
}

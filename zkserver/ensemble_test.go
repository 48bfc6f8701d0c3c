package zkserver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/freeport"
	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/zab"
)

// ensemble is several servers in one process, on loopback, each with a disk in memory that can lose its power.
type ensemble struct {
	t           *testing.T
	members     []*member
	joiners     int    // of the last members, who are not in the configuration of the others at first
	lastCounter uint32 // of each epoch; 0: all that there are
	returnAfter time.Duration
	clock       clock.Clock // nil: the system's
	change      func(*config.Config)
	groups      int // of writers
}

// member is one server of it, running or not.
type member struct {
	*Server // nil while it is down
	e       *ensemble
	id      quorum.Sid
	mem     *vfs.Mem
	off     *atomic.Bool // the disk of the running server has lost its power
	fault   atomic.Pointer[func(vfs.Call) error]
	logs    *observer.ObservedLogs
	server  config.Server
}

// newEnsemble makes voters 1 to n and observers behind them; none runs yet.
func newEnsemble(t *testing.T, voters, observers int, change func(*config.Config)) *ensemble {
	t.Helper()
	e := &ensemble{t: t, change: change}
	all := freePorts(t, 3*(voters+observers))
	for id := 1; id <= voters+observers; id++ {
		ports := all[3*id-3 : 3*id]
		e.members = append(e.members, &member{e: e, id: quorum.Sid(id), mem: vfs.NewMem(), server: config.Server{
			ID: quorum.Sid(id), Addresses: []config.Address{{Host: "127.0.0.1", QuorumPort: ports[0], ElectionPort: ports[1]}},
			Observer: id > voters, ClientHost: "127.0.0.1", ClientPort: ports[2],
		}})
	}
	t.Cleanup(func() {
		for _, m := range e.members {
			m.stop()
		}
	})
	return e
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports, err := freeport.Take(n)
	require.NoError(t, err)
	return ports
}

// config is that of one member.
func (m *member) config() config.Config {
	cfg := config.Default()
	cfg.DataDir = filepath.Join("/", "data")
	cfg.ClientPortAddress, cfg.ClientPort = "127.0.0.1", m.server.ClientPort
	cfg.TickTime, cfg.InitLimit, cfg.ConnectLimit, cfg.SyncLimit = 200*time.Millisecond, 25, 25, 10
	cfg.PreAllocSize = -1
	cfg.GatherAfter = 1
	cfg.Commands = []string{"*"}
	cfg.MyID = m.id
	for i, o := range m.e.members {
		if i < len(m.e.members)-m.e.joiners || o == m {
			cfg.Servers = append(cfg.Servers, o.server)
		}
	}
	if m.e.change != nil {
		m.e.change(&cfg)
	}
	return cfg
}

// start runs a server on its disk.
func (m *member) start() {
	t := m.e.t
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	off := &atomic.Bool{}
	m.off, m.logs = off, logs
	fs := vfs.Inject(m.mem, func(c vfs.Call) error {
		if off.Load() {
			return errPower
		}
		if f := m.fault.Load(); f != nil {
			return (*f)(c)
		}
		return nil
	})
	options := []Option{WithLogger(zap.New(core)), WithFS(fs), WithLastCounter(m.e.lastCounter)}
	if m.e.returnAfter > 0 {
		options = append(options, WithReturnAfter(m.e.returnAfter))
	}
	if m.e.clock != nil {
		options = append(options, WithClock(m.e.clock))
	}
	s, err := New(m.config(), options...)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	m.Server = s
}

var errPower = errors.New("no power")

// stop ends a server in order.
func (m *member) stop() {
	if m.Server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := m.Shutdown(ctx)
	if m.Err() == nil {
		require.NoError(m.e.t, err)
	}
	m.Server = nil
}

// kill ends a server as a power cut does: what was not synced is lost.
func (m *member) kill() {
	m.off.Store(true)
	disk := m.mem.CrashClone(vfs.Crash{})
	m.fail(errPower)
	m.stop()
	m.mem = disk
}

// startAll starts those that do not run and waits until all serve.
func (e *ensemble) startAll() {
	e.t.Helper()
	for _, m := range e.members {
		if m.Server == nil {
			m.start()
		}
	}
	e.await("all serve", func() bool {
		for _, m := range e.members {
			if !m.serves() {
				return false
			}
		}
		return true
	})
}

// await polls until a condition holds.
func (e *ensemble) await(what string, cond func() bool) {
	e.t.Helper()
	ok := func() bool {
		deadline, ticker := time.NewTimer(15*time.Second), time.NewTicker(5*time.Millisecond)
		defer deadline.Stop()
		defer ticker.Stop()
		for {
			if cond() {
				return true
			}
			select {
			case <-deadline.C:
				return false
			case <-ticker.C:
			}
		}
	}()
	if !ok {
		e.t.Log(e.story())
		require.FailNow(e.t, "never: "+what)
	}
}

// story is the last lines of all logs.
func (e *ensemble) story() string {
	var b strings.Builder
	for _, m := range e.members {
		if m.logs == nil {
			continue
		}
		all := m.logs.All()
		for _, l := range all[max(0, len(all)-60):] {
			fmt.Fprintf(&b, "%s server %d %s %s %v\n", l.Time.Format("05.000"), m.id, l.Level, l.Message, l.ContextMap())
		}
	}
	return b.String()
}

// leader waits for the one that leads.
func (e *ensemble) leader() (leader *member) {
	e.t.Helper()
	e.await("a leader", func() bool {
		leader = nil
		for _, m := range e.members {
			if m.Server != nil && m.role() == zab.Leading && m.serves() {
				leader = m
			}
		}
		return leader != nil
	})
	return leader
}

func (m *member) role() (r zab.Role) {
	m.onCore(func() { r = m.core.replica.Node().Status().Role })
	return r
}

func (e *ensemble) followers() (list []*member) {
	for _, m := range e.members {
		if m.Server != nil && m.role() == zab.Following {
			list = append(list, m)
		}
	}
	return list
}

func (m *member) addr() string { return fmt.Sprintf("127.0.0.1:%d", m.server.ClientPort) }

// connect opens a session at one server, or at any of several.
func (e *ensemble) connect(members ...*member) *zk.Conn {
	e.t.Helper()
	var addrs []string
	for _, m := range members {
		addrs = append(addrs, m.addr())
	}
	c, events, err := zk.Connect(addrs, 4*time.Second, zk.WithLogger(quiet{}))
	require.NoError(e.t, err)
	e.t.Cleanup(c.Close)
	awaitState(e.t, events, zk.StateHasSession)
	return c
}

// same waits until all that run have the same history, and compares their trees.
func (e *ensemble) same() {
	e.t.Helper()
	var running []*member
	for _, m := range e.members {
		if m.Server != nil {
			running = append(running, m)
		}
	}
	e.await("equal zxids", func() bool {
		for _, m := range running {
			if m.zxid() != running[0].zxid() || !m.serves() {
				return false
			}
		}
		return true
	})
	want := running[0].dump()
	for _, m := range running[1:] {
		require.Equal(e.t, want, m.dump(), "server %d", m.id)
		require.Zero(e.t, m.DigestMismatches(), "server %d", m.id)
	}
}

func (m *member) zxid() zab.Zxid {
	m.treeMu.RLock()
	defer m.treeMu.RUnlock()
	return m.tree.LastZxid()
}

// dump is the tree, without what servers may differ in.
func (m *member) dump() string {
	r := running{Server: m.Server, t: m.e.t}
	var b strings.Builder
	for line := range strings.Lines(r.dumpTree()) {
		if !strings.HasPrefix(line, "/zookeeper/config ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// logged tells whether a line like that was written by the running server.
func (m *member) logged(message string, reason string) bool {
	for _, l := range m.logs.All() {
		r, _ := l.ContextMap()["reason"].(string)
		if strings.Contains(l.Message, message) && strings.Contains(r, reason) {
			return true
		}
	}
	return false
}

// mustHaveLogged fails the test when logged is false.
func (m *member) mustHaveLogged(message, reason string) {
	m.e.t.Helper()
	if !m.logged(message, reason) {
		m.e.t.Log(m.e.story())
		require.FailNow(m.e.t, "no line "+message+": "+reason)
	}
}

func TestEnsembleReplicates(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	leader := e.leader()
	require.Len(t, e.followers(), 2)
	for i, m := range e.members {
		c := e.connect(m)
		_, err := c.Create(fmt.Sprintf("/by%d", i), []byte("x"), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		_, err = c.Create(fmt.Sprintf("/e%d", i), nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	e.same()
	require.Equal(t, leader, e.leader())
}

//go:build compat

package compat

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// server is a coordination server of either make, on a data directory.
type server struct {
	*daemon
	addr string
}

// zooCfg writes a zoo.cfg for a server on dir and returns its path and the client address.
func zooCfg(t *testing.T, dir string) (path, addr string) {
	t.Helper()
	port := freePort(t)
	path = filepath.Join(t.TempDir(), "zoo.cfg")
	text := fmt.Sprintf("tickTime=2000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"+
		"maxClientCnxns=0\n4lw.commands.whitelist=*\n", dir, port)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path, fmt.Sprintf("127.0.0.1:%d", port)
}

func startOriginal(t *testing.T, dir string) server {
	t.Helper()
	cfg, addr := zooCfg(t, dir)
	d := start(t, "original", zookeeper.server(t, cfg))
	return server{d, addr}
}

func startOurs(t *testing.T, dir string) server {
	t.Helper()
	cfg, addr := zooCfg(t, dir)
	return server{start(t, "zkserver", exec.Command(program(t, "zkserver"), "start-foreground", cfg)), addr}
}

// connect opens a session and waits until it is there. A server that is asked too early closes the connection (an
// original's port is open before it serves), and the client then waits a second.
func (s server) connect(t *testing.T) *zk.Conn {
	t.Helper()
	eventually(t, "the server serves", func() bool { return strings.Contains(word(s.addr, "srvr"), "Mode: ") })
	c, events, err := zk.Connect([]string{s.addr}, 10*time.Second, zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	timeout := time.After(60 * time.Second)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return c
			}
		case <-timeout:
			require.FailNow(t, "no session at "+s.addr)
		}
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// populate makes a tree with something of everything that is kept on disk, and returns the connection, whose session
// owns ephemerals.
func populate(t *testing.T, s server) *zk.Conn {
	t.Helper()
	c := s.connect(t)
	all := zk.WorldACL(zk.PermAll)
	create := func(path, data string, flags int32, acl []zk.ACL) string {
		p, err := c.Create(path, []byte(data), flags, acl)
		require.NoError(t, err, path)
		return p
	}
	create("/app", "root of the app", 0, all)
	for i := range 40 {
		create(fmt.Sprintf("/app/n%d", i), strings.Repeat("x", i*7), 0, all)
	}
	for range 5 {
		create("/app/seq-", "s", zk.FlagSequence, all)
		create("/app/eph-", "e", zk.FlagSequence|zk.FlagEphemeral, all)
	}
	create("/app/empty", "", 0, zk.DigestACL(zk.PermAll, "user", "secret"))
	create("/app/read-only", "r", 0, zk.WorldACL(zk.PermRead))
	_, err := c.Set("/app/n3", []byte("changed"), 0)
	require.NoError(t, err)
	_, err = c.Set("/app/n3", []byte("changed again"), 1)
	require.NoError(t, err)
	_, err = c.SetACL("/app/n4", zk.WorldACL(zk.PermRead|zk.PermWrite), 0)
	require.NoError(t, err)
	require.NoError(t, c.Delete("/app/n5", 0))
	require.ErrorIs(t, c.Delete("/app/n5", 0), zk.ErrNoNode)
	_, err = c.Multi(
		&zk.CreateRequest{Path: "/app/multi", Data: []byte("m"), Acl: all},
		&zk.SetDataRequest{Path: "/app/n6", Data: []byte("by multi"), Version: 0},
		&zk.DeleteRequest{Path: "/app/n7", Version: -1},
		&zk.CheckVersionRequest{Path: "/app/n8", Version: 0},
	)
	require.NoError(t, err)
	_, err = c.Multi(&zk.CreateRequest{Path: "/app/never", Acl: all}, &zk.CheckVersionRequest{Path: "/app/n8", Version: 9})
	require.Error(t, err)
	return c
}

// dump writes down the whole tree: path, data, ACL and Stat of each znode.
func dump(t *testing.T, c *zk.Conn) string {
	t.Helper()
	require.NoError(t, c.AddAuth("digest", []byte("user:secret")))
	var lines []string
	var walk func(path string)
	walk = func(path string) {
		data, stat, err := c.Get(path)
		require.NoError(t, err, path)
		acl, _, err := c.GetACL(path)
		require.NoError(t, err, path)
		lines = append(lines, fmt.Sprintf("%s %q %v %+v", path, data, acl, *stat))
		children, _, err := c.Children(path)
		require.NoError(t, err, path)
		sort.Strings(children)
		for _, child := range children {
			walk(strings.TrimSuffix(path, "/") + "/" + child)
		}
	}
	walk("/")
	return strings.Join(lines, "\n")
}

func TestOriginalServerOpensWhatZkserverWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startOurs(t, dir)
	c := populate(t, first)
	before := dump(t, c)
	first.kill()

	second := startOriginal(t, dir)
	require.Equal(t, before, dump(t, second.connect(t)))
}

func TestZkserverOpensWhatTheOriginalServerWrote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startOriginal(t, dir)
	c := populate(t, first)
	before := dump(t, c)
	first.kill()

	second := startOurs(t, dir)
	require.Equal(t, before, dump(t, second.connect(t)))
}

// The data directory changes hands several times, with writes and a kill -9 each time, so that snapshots and logs of both
// makes lie side by side.
func TestDataDirectoryChangesHands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startOurs(t, dir)
	populate(t, s).Close()
	gone := s.connect(t)
	eventually(t, "its ephemerals have gone", func() bool { // a client that closes does not wait for that for ever
		names, _, err := gone.Children("/app")
		require.NoError(t, err)
		return !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "eph-") })
	})
	gone.Close()
	for i, next := range []func(*testing.T, string) server{startOriginal, startOurs, startOriginal, startOurs} {
		c := s.connect(t)
		_, err := c.Create(fmt.Sprintf("/round-%d", i), []byte("r"), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		before := dump(t, c)
		c.Close()
		s.kill()
		s = next(t, dir)
		c = s.connect(t)
		require.Equal(t, before, dump(t, c), "after handing over %d", i)
		c.Close()
	}
}

// script is what the original's command line client is asked to do, on a fresh server of each make.
var script = []string{
	"create /a hello", "create /a again", "create /a/b/c x", "create /a/b world", "create -s /a/s- x", "create -s /a/s- x",
	"create -e /a/e x", "create /a/e/child x", "ls /", "ls -s /a", "ls -R /a", "get /a", "get -s /a/b", "get /nope",
	"set /a/b new", "set -v 7 /a/b newer", "set -s -v 1 /a/b newest", "stat /a", "stat /nope", "getAcl /a", "getAcl -s /a/b",
	"setAcl /a/b world:anyone:r", "set /a/b refused", "delete /a", "delete -v 9 /a/b", "delete /a/b", "sync /a",
	"deleteall /a", "ls /", "ls /zookeeper", "quit",
}

// Session ids, times and the noise of the client's start differ from run to run.
var varies = []struct{ re, with string }{
	{`(?m)^(.*)time = .*$`, "${1}time = T"},
	{`ephemeralOwner = 0x[0-9a-f]{3,}`, "ephemeralOwner = SESSION"},
	{`127\.0\.0\.1:\d+`, "ADDR"},
	{`sessionid:? ?=? ?0x[0-9a-f]+`, "SESSION"},
	{`(?m)^.*(INFO|WARN|DEBUG) .*\n`, ""},
	{`(?m)^(log4j|SLF4J).*\n`, ""},
	{`(?m)^\w+ \d+, \d+,? \d+:\d+:\d+\s[AP]M org\.jline.*\n(WARNING: .*\n)?`, ""},                       // jline without a terminal
	{`(?m)^(Exception in thread .*|\S*(Exception|Error)\b.*|Caused by: .*)\n(\t(at|\.\.\.) .*\n)+`, ""}, // stack traces of the client
}

func TestOriginalCommandLineClientOnZkserver(t *testing.T) {
	t.Parallel()
	transcript := func(s server) string {
		s.connect(t).Close() // it serves; the same number of sessions on both sides, so that zxids are equal
		cmd := zookeeper.java(t, "", "org.apache.zookeeper.ZooKeeperMain", "-server", s.addr)
		_, stdout, stderr := run(t, strings.Join(script, "\n")+"\n", cmd)
		text := cliEvent.ReplaceAllString(stdout, "") + "\n---- stderr\n" + stderr // events come when they come
		for _, v := range varies {
			text = regexp.MustCompile(v.re).ReplaceAllString(text, v.with)
		}
		return text
	}
	want := transcript(startOriginal(t, t.TempDir()))
	got := transcript(startOurs(t, t.TempDir()))
	require.Contains(t, want, "cZxid = 0x")
	require.Equal(t, want, got)
}

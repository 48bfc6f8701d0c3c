package zkserver

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/internal/clock"
	"github.com/holdfast-ha/holdfast/internal/jute"
	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

// countAll switches the statistics on, for every request.
func countAll(c *config.Config) { c.PathStats.Enabled, c.PathStats.SampleRate = true, 1 }

type pathCount struct {
	Path     string
	Requests int64
}

type topPaths struct {
	Depth     int
	TopReads  []pathCount `json:"top_reads"`
	TopWrites []pathCount `json:"top_writes"`
	Error     *string
}

func (r *running) topPaths(query string) (top topPaths, status int) {
	r.t.Helper()
	resp, text := r.ask("GET", "/commands/path_stats"+query, "", nil)
	require.NoError(r.t, json.Unmarshal(text, &top))
	return top, resp.StatusCode
}

func TestRequestsAreCountedByPath(t *testing.T) {
	r := start(t, withAdmin, countAll, func(c *config.Config) { c.ExtendedTypes = true })
	c := r.connect()
	acl := zk.WorldACL(zk.PermAll)
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b/c/d/e"} {
		_, err := c.Create(path, nil, 0, acl)
		require.NoError(t, err)
	}
	_, err := c.CreateTTL("/ttl", nil, zk.FlagTTL, acl, time.Hour)
	require.NoError(t, err)
	sequential, err := c.Create("/s-", nil, zk.FlagSequence, acl)
	require.NoError(t, err)
	_, _, err = c.Get("/a/b/c/d/e")
	require.NoError(t, err)
	_, _, err = c.Exists("/a/b/c/d/e")
	require.NoError(t, err)
	_, _, err = c.Children("/a")
	require.NoError(t, err)
	_, _, err = c.GetACL("/a")
	require.NoError(t, err)
	_, err = c.Set("/a", nil, -1)
	require.NoError(t, err)
	_, err = c.SetACL("/a", acl, -1)
	require.NoError(t, err)
	_, err = c.Sync("/a")
	require.NoError(t, err)
	_, err = c.Multi(&zk.SetDataRequest{Path: "/a", Version: -1}, &zk.CreateRequest{Path: "/m", Acl: acl}, &zk.DeleteRequest{Path: "/m", Version: -1})
	require.NoError(t, err)

	// What was refused does not count, as with the original.
	_, _, err = c.Get("/none")
	require.ErrorIs(t, err, zk.ErrNoNode)
	_, err = c.Set("/none", nil, -1)
	require.ErrorIs(t, err, zk.ErrNoNode)
	_, err = c.Multi(&zk.SetDataRequest{Path: "/a", Version: -1}, &zk.CreateRequest{Path: "/a", Acl: acl})
	require.ErrorIs(t, err, zk.ErrNodeExists)

	// Those that the other client does not know.
	w := r.raw(zkclient.Handshake{})
	require.Equal(t, zkproto.ErrOK, w.ask(zkproto.OpGetAllChildrenNumber, jute.AppendString(nil, "/a")).Err)
	require.Equal(t, zkproto.ErrOK, w.ask(zkproto.OpGetData, readBody("/a/b", true)).Err)
	watched := (&zkproto.WatchesRequest{Path: "/a/b", Type: zkproto.WatcherData}).AppendTo(nil)
	require.Equal(t, zkproto.ErrOK, w.ask(zkproto.OpCheckWatches, watched).Err)
	require.Equal(t, zkproto.ErrOK, w.ask(zkproto.OpRemoveWatches, watched).Err)
	require.Equal(t, zkproto.ErrNoWatcher, w.ask(zkproto.OpCheckWatches, watched).Err)
	multi := zkproto.MultiHeader{Type: zkproto.OpGetData}.AppendTo(nil)
	multi = append(multi, readBody("/a", false)...)
	multi = zkproto.MultiHeader{Type: zkproto.OpGetChildren}.AppendTo(multi)
	multi = zkproto.MultiEnd().AppendTo(append(multi, readBody("/none", false)...))
	require.Equal(t, zkproto.ErrOK, w.ask(zkproto.OpMultiRead, multi).Err)

	top, status := r.topPaths("")
	require.Equal(t, 200, status)
	require.Equal(t, 4, top.Depth, "as in the log")
	require.Equal(t, []pathCount{{"/a", 4}, {"/a/b", 3}, {"/a/b/c/d", 2}}, top.TopReads)
	require.Equal(t, []pathCount{{"/a", 5}, {"/a/b/c/d", 2}, {"/m", 2}, {"/a/b", 1}, {"/a/b/c", 1}, {sequential, 1}, {"/ttl", 1}}, top.TopWrites)
	top, _ = r.topPaths("?depth=9")
	require.Equal(t, 6, top.Depth)
	require.Contains(t, top.TopReads, pathCount{"/a/b/c/d/e", 2})
	top, _ = r.topPaths("?op=exists&depth=1")
	require.Equal(t, []pathCount{{"/a", 1}}, top.TopReads)
	require.Empty(t, top.TopWrites)
	top, status = r.topPaths("?op=multi")
	require.Equal(t, 400, status)
	require.Contains(t, *top.Error, `"multi" is none; give one of check, checkWatches, create, `)
}

func TestPathStatsAreSwitchedByAReload(t *testing.T) {
	r := start(t, withAdmin)
	c := r.connect()
	get := func() {
		_, _, err := c.Children("/")
		require.NoError(t, err)
	}
	get()
	top, status := r.topPaths("")
	require.Equal(t, 503, status)
	require.Contains(t, *top.Error, "set pathStats.enabled=true")

	next := r.cfg
	countAll(&next)
	changed, waiting, err := r.Reload(next)
	require.NoError(t, err)
	require.Equal(t, []string{"pathStats.enabled and its like"}, changed)
	require.Empty(t, waiting)
	get()
	top, _ = r.topPaths("")
	require.Equal(t, []pathCount{{"/", 1}}, top.TopReads)

	_, _, err = r.Reload(next) // again, with the same settings: nothing begins anew
	require.NoError(t, err)
	get()
	top, _ = r.topPaths("")
	require.Equal(t, []pathCount{{"/", 2}}, top.TopReads)

	next.PathStats.MaxDepth = 2
	_, _, err = r.Reload(next)
	require.NoError(t, err)
	top, _ = r.topPaths("")
	require.Empty(t, top.TopReads)
	require.Equal(t, 2, top.Depth)

	_, _, err = r.Reload(r.cfg)
	require.NoError(t, err)
	_, status = r.topPaths("")
	require.Equal(t, 503, status)
}

// The lines are the original's, but for a stray %n in it: "path : requests", at most topPathMax of them, the paths cut to four parts.
func TestTopPathsAreLogged(t *testing.T) {
	cfg := testConfig(t)
	countAll(&cfg)
	cfg.PathStats.SlotDuration, cfg.PathStats.InitialDelay, cfg.PathStats.Delay, cfg.PathStats.TopPathMax = 24*time.Hour, time.Minute, time.Hour, 2
	now := clock.NewFake(time.Now())
	r := startWith(t, cfg, WithClock(now))
	c := r.raw(zkclient.Handshake{})
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b/c/d/e", "/x"} {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpCreate, createBody(path, nil, 0)).Err)
	}
	require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpExists, readBody("/", false)).Err)
	for range 3 {
		require.Equal(t, zkproto.ErrOK, c.ask(zkproto.OpSync, jute.AppendString(nil, "/a/odd\nline")).Err)
	}
	lines := func() (told []string) {
		for _, l := range r.logs.FilterLevelExact(zap.InfoLevel).All() {
			if strings.HasPrefix(l.Message, "Here are") || strings.Contains(l.Message, " : ") {
				told = append(told, l.Message)
			}
		}
		return told
	}
	await(t, func() bool { now.Advance(time.Minute); return len(lines()) >= 5 }, "the first time")
	require.Equal(t, []string{
		"Here are the top Read paths:", "/ : 1",
		"Here are the top Write paths:", `/a/odd\nline : 3`, "/a/b/c/d : 2",
	}, lines()[:5])
	await(t, func() bool { now.Advance(time.Hour); return len(lines()) >= 10 }, "and again")
}

// While they are off a request costs nothing for them.
func TestPathStatsThatAreOffCostNothing(t *testing.T) {
	r := start(t)
	path := []byte("/a/path/of/more/than/thirty-two/bytes")
	require.Zero(t, testing.AllocsPerRun(100, func() { r.countPath(zkproto.OpGetData, path) }))
}

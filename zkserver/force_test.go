package zkserver

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/vfs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
	"github.com/holdfast-ha/holdfast/zkserver/store"
)

const zooCfg = "/conf/zoo.cfg"

func readAll(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(b)
}

// Two of three are lost for good: the third goes on with everything it had.
func TestForceNewCluster(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.startAll()
	w := e.write(2)
	w.more(30)
	w.stop()
	m := e.followers()[0]
	zxid := m.zxid()
	cfg := m.config()
	cfg.Source = zooCfg

	_, err := ForceNewCluster(cfg, true, WithFS(m.mem))
	require.ErrorContains(t, err, "in use by another server")
	for _, o := range e.members {
		o.stop()
	}
	require.NoError(t, m.mem.MkdirAll("/conf"))
	text := "# ours\ntickTime=200\n" + strings.TrimSuffix(cfg.Text(), "version=0")
	require.NoError(t, store.WriteFile(m.mem, zooCfg, []byte(text)))

	plan, err := ForceNewCluster(cfg, false, WithFS(m.mem))
	require.NoError(t, err)
	require.Equal(t, text, readAll(t, m.mem, zooCfg), "nothing is done yet")
	require.Equal(t, zxid, plan.LastZxid)
	require.True(t, plan.Standalone)
	require.Len(t, plan.After.Servers, 1)

	done, err := ForceNewCluster(cfg, true, WithFS(m.mem))
	require.NoError(t, err)
	require.Equal(t, plan, done)
	require.Greater(t, done.Epoch, zxid.Epoch())
	require.Equal(t, "# ours\ntickTime=200\ndynamicConfigFile="+filepath.ToSlash(done.DynamicFile)+"\n", readAll(t, m.mem, zooCfg))
	require.Equal(t, "server."+m.id.String()+"="+m.server.String(), readAll(t, m.mem, done.DynamicFile))

	for _, standalone := range []bool{true, false} {
		cfg.Members, cfg.StandaloneEnabled, cfg.ReconfigEnabled, cfg.SkipACL = done.After, standalone, !standalone, true
		require.Equal(t, !standalone, cfg.Distributed())
		s, err := New(cfg, WithFS(m.mem))
		require.NoError(t, err)
		require.NoError(t, s.Start())
		m.Server = s
		e.await("it serves alone", m.serves)
		for _, path := range w.acked {
			require.True(t, m.has(path))
		}
		c := e.connect(m)
		_, err = c.Create("/alone"+map[bool]string{true: "1", false: "2"}[standalone], nil, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		if !standalone {
			e.grows(m, done.After, w.acked)
		}
		m.stop()
	}
}

// grows lets a server that was lost, and comes back empty, join the new ensemble.
func (e *ensemble) grows(m *member, alone config.Members, acked []string) {
	t := e.t
	o := e.members[0]
	if o == m {
		o = e.members[1]
	}
	o.mem = vfs.NewMem()
	e.change = func(c *config.Config) {
		c.ReconfigEnabled = true
		c.Servers = append(slices.Clone(alone.Servers), o.server)
	}
	o.start()
	e.await("it follows without a vote", o.serves)
	_, err := e.connect(m).IncrementalReconfig([]string{fmt.Sprintf("server.%d=%s", o.id, &o.server)}, nil, -1)
	require.NoError(t, err)
	e.await("both know of both", func() bool { return m.knows(m.id, o.id) && o.knows(m.id, o.id) })
	for _, path := range acked {
		require.True(t, o.has(path))
	}
	o.stop()
}

func TestForceNewClusterRefuses(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	good := e.members[0].config()
	good.Source = zooCfg
	for want, change := range map[string]func(*config.Config){
		"nothing to repair":            func(c *config.Config) { c.Servers = c.Servers[:1] },
		"was not read from a file":     func(c *config.Config) { c.Source = "" },
		"data of this server cannot":   func(*config.Config) {},
		"there is no line server.9":    func(c *config.Config) { c.MyID = quorum.Sid(9) },
		"tickTime: must be 1 ms or mo": func(c *config.Config) { c.TickTime = 0 },
	} {
		cfg := good
		change(&cfg)
		_, err := ForceNewCluster(cfg, true, WithFS(vfs.NewMem()))
		require.ErrorContains(t, err, want)
	}
}

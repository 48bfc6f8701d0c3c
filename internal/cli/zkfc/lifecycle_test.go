package zkfc

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/failover"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/internal/hadooprpc"
)

func TestAdministratorsOfHadoopsFiles(t *testing.T) {
	for list, want := range map[string]hadooprpc.ACL{
		"*":              {All: true, Users: []string{"*"}},
		" ":              {},
		"ann,*":          {Users: []string{"ann", "*"}},
		"* ops":          {Users: []string{"*"}, Groups: []string{"ops"}},
		"ann,bob ops,hr": {Users: []string{"ann", "bob"}, Groups: []string{"ops", "hr"}},
		" ops":           {Groups: []string{"ops"}},
	} {
		cfg, err := haconfig.Load(haconfig.Options{Files: []string{site(t, "dfs.ha.namenode.id=nn1", "dfs.cluster.administrators="+list)}})
		require.NoError(t, err)
		got := admins(cfg.Controller)
		require.Equal(t, want.All, got.All, list)
		require.ElementsMatch(t, want.Users, got.Users, list)
		require.ElementsMatch(t, want.Groups, got.Groups, list)
	}
}

func TestWhatASignalMeans(t *testing.T) {
	term := errors.New("terminated signal received") // as package signal words it
	for name, c := range map[string]struct {
		cause  error
		onTerm string
		keep   bool
	}{
		"SIGTERM":                     {term, "handover", false},
		"SIGTERM, to be kept":         {term, "keep", true},
		"SIGINT":                      {errors.New("interrupt signal received"), "keep", false},
		"a restart, said by a caller": {failover.ErrRestart, "handover", true},
	} {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, stop := restartable(parent, c.onTerm)
		require.NoError(t, ctx.Err())
		cancel(c.cause)
		<-ctx.Done()
		require.Equal(t, c.keep, errors.Is(context.Cause(ctx), failover.ErrRestart), name)
		require.Equal(t, c.cause.Error(), context.Cause(ctx).Error(), name)
		require.Equal(t, errors.Is(c.cause, term), terminated(ctx), "%s: the exit code is the signal's", name)
		stop()
	}
}

func TestPlaceOfTheSession(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/hdfs")
	t.Setenv("USERPROFILE", "/home/hdfs")
	require.Equal(t, filepath.Join("/home/hdfs", ".local", "state", "holdfast"), defaultStateDir())
	t.Setenv("XDG_STATE_HOME", "/state")
	require.Equal(t, filepath.Join("/state", "holdfast"), defaultStateDir())
	t.Setenv("STATE_DIRECTORY", "/var/lib/holdfast"+string(filepath.ListSeparator)+"/other")
	require.Equal(t, "/var/lib/holdfast", defaultStateDir())

	load := func(set ...string) *setup {
		cfg, err := haconfig.Load(haconfig.Options{Files: []string{site(t, append([]string{"dfs.ha.namenode.id=nn1", "dfs.ha.zkfc.port=8019"}, set...)...)}})
		require.NoError(t, err)
		ns, node, err := place(cfg, false)
		require.NoError(t, err)
		require.Empty(t, cfg.ForNode(ns, node))
		return &setup{cfg: cfg, ns: ns, node: node}
	}
	one := load().sessionFile()
	require.Equal(t, filepath.FromSlash("/var/lib/holdfast"), filepath.Dir(one))
	require.Regexp(t, `^zkfc-ns1-nn1-[0-9a-f]{12}\.session$`, filepath.Base(one))
	require.Empty(t, load("holdfast.controller.stateDir=none").sessionFile())
	require.Equal(t, one, load().sessionFile())
	for _, other := range []string{"ha.zookeeper.quorum=elsewhere:2181", "ha.zookeeper.parent-znode=/other", "dfs.ha.zkfc.port=7777"} {
		require.NotEqual(t, one, load(other).sessionFile(), other)
	}
}

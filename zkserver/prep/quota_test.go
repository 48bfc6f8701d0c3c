package prep

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// quotaEnv has a quota on /q, whose subtree has two znodes and two bytes.
func quotaEnv(t *testing.T, c Config, limits string) *env {
	t.Helper()
	e := newEnv(c)
	for _, p := range []string{"/q", "/q/a", "/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits", "/zookeeper/quota/q/zookeeper_stats"} {
		require.Equal(t, zkproto.ErrOK, e.create(p, zkproto.ModePersistent).Err, p)
	}
	require.Equal(t, zkproto.ErrOK, e.do(alice, zkproto.OpSetData, setData("/zookeeper/quota/q/zookeeper_limits", limits, -1)).Err)
	return e
}

func (e *env) stats() string {
	data, _, _, _ := e.tree.Get("/zookeeper/quota/q/zookeeper_stats")
	return string(data)
}

func TestQuotaStatisticsFollowTheSubtree(t *testing.T) {
	e := quotaEnv(t, Config{}, "count=3,bytes=10")
	require.Equal(t, []string{"/q"}, e.tree.Quotas())
	require.Equal(t, "count=2,bytes=2", e.stats())
	e.create("/q/b", zkproto.ModePersistent)
	e.create("/qq", zkproto.ModePersistent) // not below /q
	require.Equal(t, "count=3,bytes=3", e.stats())
	e.do(alice, zkproto.OpSetData, setData("/q/b", "12345678", -1))
	require.Equal(t, "count=3,bytes=10", e.stats())
	e.do(alice, zkproto.OpSetData, setData("/q", "", -1))
	e.do(alice, zkproto.OpDelete, pathVersion("/q/b", -1))
	require.Equal(t, "count=2,bytes=1", e.stats())
	e.create("/q/e", zkproto.ModeEphemeral)
	require.Equal(t, "count=3,bytes=2", e.stats())
	e.do(alice, zkproto.OpCloseSession, nil)
	require.Equal(t, "count=2,bytes=1", e.stats())
	_, stat, _, _ := e.tree.Get("/zookeeper/quota/q/zookeeper_stats")
	require.Zero(t, stat.Version, "nobody set them")
	require.Equal(t, stat.Czxid, stat.Mzxid)

	e.tree.RebuildQuotas()
	require.Equal(t, "count=2,bytes=1", e.stats())
	e.do(bob, zkproto.OpDelete, pathVersion("/zookeeper/quota/q/zookeeper_limits", -1))
	e.do(bob, zkproto.OpCreate, createBody(zkproto.OpCreate, "/q/later", 0, zkproto.WorldAll(), 0))
	require.Empty(t, e.tree.Quotas())
	require.Equal(t, "count=2,bytes=1", e.stats(), "without limits nothing is counted")
}

func TestQuotasAreEnforced(t *testing.T) {
	const ok, exceeded = zkproto.ErrOK, zkproto.ErrQuotaExceeded
	for limits, want := range map[string]struct {
		create, set zkproto.Error // of a third znode, of data with 7 bytes more
		told        string
	}{
		"count=2,bytes=2":                             {ok, ok, "[{/q count 3 2 false} {/q bytes 3 2 false} {/q bytes 9 2 false}]"},
		"count=-1,bytes=-1=;countHardLimit=2":         {exceeded, ok, "[{/q count 3 2 true}]"},
		"count=-1,bytes=-1=;byteHardLimit=5":          {ok, exceeded, "[{/q bytes 9 5 true}]"},
		"count=1,bytes=1=;byteHardLimit=9":            {ok, ok, "[{/q count 3 1 false}]"},
		"count=-1,bytes=-1":                           {ok, ok, "[]"},
		"byteHardLimit=,countHardLimit=2;nonsense=12": {exceeded, ok, "[{/q count 3 2 true}]"},
	} {
		for _, enforce := range []bool{true, false} {
			t.Run(fmt.Sprint(limits, enforce), func(t *testing.T) {
				told := []Exceeded{}
				e := quotaEnv(t, Config{EnforceQuota: enforce, OnQuota: func(x Exceeded) { told = append(told, x) }}, limits)
				_, created := e.prepare(alice, zkproto.OpCreate, createBody(zkproto.OpCreate, "/q/b", 0, zkproto.WorldAll(), 0))
				_, set := e.prepare(alice, zkproto.OpSetData, setData("/q/a", "12345678", -1))
				if !enforce {
					want.create, want.set = ok, ok
				}
				require.Equal(t, []zkproto.Error{want.create, want.set}, []zkproto.Error{errorOf(created), errorOf(set)})
				require.Equal(t, want.told, fmt.Sprint(told))
			})
		}
	}
}

func errorOf(txn zkproto.Txn) zkproto.Error {
	if e, ok := txn.(*zkproto.ErrorTxn); ok {
		return e.Err
	}
	return zkproto.ErrOK
}

// The deepest quota counts alone, and a quota within a multi sees only what is applied.
func TestDeepestQuotaCounts(t *testing.T) {
	e := quotaEnv(t, Config{EnforceQuota: true}, "count=-1,bytes=-1=;countHardLimit=2")
	for _, p := range []string{"/zookeeper/quota/q/a", "/zookeeper/quota/q/a/zookeeper_limits", "/zookeeper/quota/q/a/zookeeper_stats"} {
		require.Equal(t, zkproto.ErrOK, e.create(p, zkproto.ModePersistent).Err, p)
	}
	require.Equal(t, zkproto.ErrQuotaExceeded, e.create("/q/b", zkproto.ModePersistent).Err)
	require.Equal(t, zkproto.ErrOK, e.create("/q/a/b", zkproto.ModePersistent).Err)
	require.Equal(t, "count=2,bytes=2", e.stats())
	r := e.do(alice, zkproto.OpMulti, multi(zkproto.MultiOp{
		Type:   zkproto.OpCreate,
		Create: zkproto.CreateRequest{Path: "/q/c", ACL: zkproto.WorldAll()},
	}))
	require.Equal(t, zkproto.ErrQuotaExceeded, r.Multi[0].Err)
}

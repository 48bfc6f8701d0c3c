package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/quorum"
)

// four are three voters and an observer, as a server that is what role says sees them.
func four(role Role) *Ensemble {
	e := &Ensemble{
		ID: 1, Role: role, Phase: "broadcast", Serving: true, Since: time.Unix(1700000000, 0), Leader: 3, Master: 3, Epoch: 1,
		Heard: time.Unix(1700000059, 0), InitLimit: 10, SyncLimit: 5, ClientAddr: "0.0.0.0:3101",
	}
	for id := quorum.Sid(1); id <= 4; id++ {
		e.Members.Servers = append(e.Members.Servers, config.Server{
			ID: id, Addresses: []config.Address{{Host: "127.0.0.1", QuorumPort: 3200 + int(id), ElectionPort: 3300 + int(id)}}, Observer: id == 4,
		})
	}
	switch role {
	case Leading:
		e.ID, e.HasQuorum, e.PendingSyncs, e.Proposals = 3, true, 2, ProposalSizes{48, 40, 88}
		for _, id := range []quorum.Sid{1, 2, 4} {
			e.Learners = append(e.Learners, Learner{
				ID: id, Addr: "127.0.0.1:43928", Observer: id == 4, Synced: id != 2, Established: e.Since, Heard: e.Heard,
				LastZxid: 0x100000000, Queued: int64(id), QueuedBytes: 10 * int64(id), Received: 99, Sent: 101, Requests: 7, SyncMode: "diff",
			})
		}
	case Observing:
		e.ID = 4
	case Looking, ReadOnly:
		e.Phase, e.Leader, e.Serving = "election", quorum.None, role == ReadOnly
	}
	return e
}

// The layouts are those that an ensemble of four originals gave.
func TestLayoutsOfAnEnsemble(t *testing.T) {
	for _, role := range []Role{Leading, Following, Observing, ReadOnly} {
		src := &fixed{ensemble: four(role)}
		w, _ := NewWords(src, NewTraceMask(), []string{"*"})
		var all strings.Builder
		for _, word := range []string{"srvr", "conf", "isro", "mntr"} {
			got, _ := w.Answer(word, nil)
			got, _, _ = strings.Cut(got, "zk_watch_bytes") // the rest is that of any server
			fmt.Fprintf(&all, "== %s\n%s\n", word, got)
		}
		h := NewHTTP(nil, src, &nobody{}, NewTraceMask(), Options{URL: "/commands"}).Handler()
		for _, name := range []string{"leader", "observers", "learners", "voting_view", "zabstate", "is_read_only", "configuration"} {
			code, _, body := request(h, "GET", "/commands/"+name)
			require.Equal(t, 200, code)
			fmt.Fprintf(&all, "== %s\n%s\n", name, body)
		}
		golden(t, "ensemble_"+role.Mode()+".txt", all.String())
		_, _, body := request(h, "GET", "/commands/srvr")
		require.Equal(t, role == Leading, strings.Contains(body, `"proposal_stats" : {`+"\n    \"last_buffer_size\" : 48,"), body)
	}
}

// While there is no leader most words only say so, as those of the original do.
func TestWordsWhileNothingIsServed(t *testing.T) {
	src := &fixed{silent: true, ensemble: four(Looking)}
	w, _ := NewWords(src, NewTraceMask(), []string{"*"})
	answered := map[string]string{"ruok": "imok", "isro": "null", "gtmk": "306", "stmk": "1", "hash": notServing}
	for _, word := range slices.Sorted(maps.Keys(commands)) {
		got, ok := w.Answer(word, []byte{0, 0, 0, 0, 0, 0, 0, 1}[:ArgumentSize(word)])
		require.True(t, ok)
		switch want, is := answered[word]; {
		case word == "envi":
			require.Contains(t, got, "zookeeper.version=")
		case is && word != "gtmk": // its mask may be set already
			require.Equal(t, want, got, word)
		case !is:
			require.Equal(t, "This ZooKeeper instance is not currently serving requests\n", got, word)
		}
	}
	require.False(t, src.statsReset || src.cnxnsReset)

	op := &nobody{}
	h := NewHTTP(nil, src, op, NewTraceMask(), Options{URL: "/commands", Limits: Limits{Snapshot: true, Restore: true}}).Handler()
	for _, name := range primaryNames {
		code, _, body := request(h, "GET", "/commands/"+name)
		require.Equal(t, 200, code, name)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		if slices.Contains([]string{"environment", "get_trace_mask", "path_stats", "set_trace_mask", "system_properties", "zabstate"}, name) {
			require.NotEqual(t, notServing, got["error"], name)
			continue
		}
		require.Equal(t, map[string]any{"command": name, "error": notServing}, got)
	}
	require.Zero(t, op.snapshots+op.restores)
	_, _, body := request(h, "GET", "/commands/zabstate")
	require.Contains(t, body, `"zabstate" : "election"`)
}

func TestHealthOfAnEnsemble(t *testing.T) {
	now := time.Unix(1700000060, 0)
	for _, c := range []struct {
		name           string
		change         func(*Ensemble)
		role           Role
		ready, quorum  bool
		readyWhy, qWhy string
	}{
		{"leader", nil, Leading, true, true, "clients are served by this leader", "leader of epoch 1 for 1m0s, 2 of 3 voters are up to date, missing: 2"},
		{
			"leader without a quorum", func(e *Ensemble) { e.Learners[0].Synced, e.HasQuorum, e.Serving = false, false, false }, Leading, false, false,
			"clients are not answered for 1m0s: not up to date yet", "not up to date yet: leader of epoch 1 for 1m0s, 1 of 3 voters are up to date, missing: 1, 2",
		},
		{"follower", nil, Following, true, true, "clients are served by this follower", "follower of server 3 in epoch 1 for 1m0s, last heard of it 1s ago"},
		{
			"follower that gets a snapshot", func(e *Ensemble) { e.Serving, e.Phase, e.Why = false, "synchronization", "SNAP of 3 MiB under way" }, Following, false, false,
			"clients are not answered for 1m0s: SNAP of 3 MiB under way", "follower of server 3, in synchronization for 1m0s: SNAP of 3 MiB under way",
		},
		{"observer", nil, Observing, true, true, "clients are served by this observer", "observer of server 3 in epoch 1 for 1m0s, last heard of it 1s ago"},
		{
			"looking", func(e *Ensemble) { e.Since = now.Add(-90 * time.Millisecond) }, Looking, false, false,
			"clients are not answered for 90ms: looking for a leader", "looking for a leader for 90ms (3 voters, 2 needed)",
		},
		{
			"read-only", func(e *Ensemble) { e.Why = "servers 2 and 3 do not answer" }, ReadOnly, false, false,
			"only reads of clients that allow it are answered: servers 2 and 3 do not answer for 1m0s", "servers 2 and 3 do not answer for 1m0s (3 voters, 2 needed)",
		},
	} {
		e := four(c.role)
		if c.change != nil {
			c.change(e)
		}
		require.Equal(t, Check{"serving", c.ready, c.readyWhy}, e.Serves(now), c.name)
		require.Equal(t, Check{"quorum", c.quorum, c.qWhy}, e.QuorumCheck(now), c.name)
	}
}

func TestMetricsByKey(t *testing.T) {
	src := &fixed{ensemble: four(Leading)}
	m := src.Metrics()
	written := obs.NewSummarySet("write_per_namespace", "help", obs.Basic, 1)
	written.GetBytes([]byte("b")).Add(4)
	written.Get("a").Add(6)
	ack := obs.NewSummarySet("ack_latency", "help", obs.Advanced, 1)
	ack.Get("2").Add(3)
	over := obs.NewCounterSet("quota_exceeded_error_per_namespace", "help")
	over.Get("a").Add(5)
	m.SummarySets = map[string]*obs.SummarySet{"write_per_namespace": written, "ack_latency": ack}
	m.CounterSets = map[string]*obs.CounterSet{"quota_exceeded_error_per_namespace": over}
	w, _ := NewWords(src, NewTraceMask(), []string{"mntr"})
	text, _ := w.Answer("mntr", nil)
	_, sets, _ := strings.Cut(text, "zk_p999_write_commitproc_time_ms\t0\n")
	require.Equal(t, "zk_avg_a_write_per_namespace\t6.0\nzk_min_a_write_per_namespace\t6\nzk_max_a_write_per_namespace\t6\n"+
		"zk_cnt_a_write_per_namespace\t1\nzk_sum_a_write_per_namespace\t6\nzk_avg_b_write_per_namespace\t4.0\nzk_min_b_write_per_namespace\t4\n"+
		"zk_max_b_write_per_namespace\t4\nzk_cnt_b_write_per_namespace\t1\nzk_sum_b_write_per_namespace\t4\nzk_avg_2_ack_latency\t3.0\n"+
		"zk_min_2_ack_latency\t3\nzk_max_2_ack_latency\t3\nzk_cnt_2_ack_latency\t1\nzk_sum_2_ack_latency\t3\nzk_p50_2_ack_latency\t3\n"+
		"zk_p95_2_ack_latency\t3\nzk_p99_2_ack_latency\t3\nzk_p999_2_ack_latency\t3\n", sets)
	require.Contains(t, text, "zk_revalidate_count\t0\nzk_a_quota_exceeded_error_per_namespace\t5\n")

	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(src))
	families, err := r.Gather()
	require.NoError(t, err)
	labels := map[string][]string{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				labels[f.GetName()] = append(labels[f.GetName()], l.GetName()+"="+l.GetValue())
			}
		}
	}
	require.Equal(t, []string{"key=a", "key=b"}, labels["write_per_namespace"])
	require.Equal(t, []string{"key=2"}, labels["ack_latency"])
	require.Equal(t, []string{"key=a"}, labels["quota_exceeded_error_per_namespace"])
	require.Equal(t, []string{"sid=1", "sid=2", "sid=4"}, labels["holdfast_learner_queued_packets"])
}

// How a learner got its data is told until it has them, as by the original.
func TestPeerState(t *testing.T) {
	for _, c := range []struct {
		ensemble Ensemble
		want     string
	}{
		{Ensemble{Role: Following, Phase: "synchronization", SyncMode: "diff"}, "following - synchronization - diff"},
		{Ensemble{Role: Following, Phase: "broadcast", SyncMode: "snap"}, "following - broadcast"},
		{Ensemble{Role: Observing, Phase: "broadcast"}, "observing - broadcast"},
		{Ensemble{Role: Leading, Phase: "broadcast"}, "leading - broadcast"},
	} {
		require.Equal(t, c.want, c.ensemble.peerState())
	}
}

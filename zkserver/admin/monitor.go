package admin

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/holdfast-ha/holdfast/internal/obs"
)

// Metrics are the values behind mntr, the command monitor and Prometheus, by the original's names.
type Metrics struct {
	// Counters only grow (until srst).
	Counters map[string]func() int64
	// Summaries with their minimum, maximum, mean and quantiles.
	Summaries map[string]*obs.Summary
	// CounterSets and SummarySets are the same, one for each key: the first part of a path, or a learner's id.
	CounterSets map[string]*obs.CounterSet
	SummarySets map[string]*obs.SummarySet
}

// The original's names, in the order in which mntr of release 3.9.5 prints them (that of its hash maps). All are printed,
// since scripts look for them. Those that Metrics lacks are 0, as they are on a single original server: they are about
// transports (netty_*, tls_*, unsuccessful_handshake), stages of its pipeline (*commit_proc*, requests_in_session_queue,
// reads_*_session_queue, …) and means (response_packet_*cache*: replies are not cached; *dead_watchers*; jvm_pause_time_ms)
// that do not exist here.
var (
	counterNames = strings.Fields(`watch_bytes stale_requests_dropped throttled_ops insecure_admin_count connection_rejected
		sessionless_connections_expired dead_watchers_queued stale_requests connection_drop_count response_packet_cache_hits
		bytes_received_count add_dead_watcher_stall_time request_throttle_wait_count
		requests_not_forwarded_to_commit_processor response_packet_cache_misses prep_processor_request_queued stale_replies
		response_bytes ensemble_auth_fail diff_count connection_revalidate_count quit_leading_due_to_disloyal_voter
		unrecoverable_error_count unsuccessful_handshake commit_count outstanding_changes_queued request_commit_queued
		ensemble_auth_skip skip_learner_request_to_next_processor_count proposal_count large_requests_rejected
		outstanding_changes_removed restore_error_count cnxn_closed_without_zk_server_running looking_count
		snapshot_rate_limited_count learner_proposal_received_count digest_mismatches_count dead_watchers_cleared
		ensemble_auth_success learner_commit_received_count snapshot_error_count connection_request_count
		response_packet_get_children_cache_misses snap_count stale_sessions_expired restore_rate_limited_count
		response_packet_get_children_cache_hits sync_processor_request_queued tls_handshake_exceeded revalidate_count`)
	basicNames = strings.Fields(`socket_closing_time proposal_process_time leader_unavailable_time node_created_watch_count
		session_queues_drained write_commit_proc_req_queued connection_token_deficit read_commit_proc_req_queued
		node_deleted_watch_count startup_txns_load_time sync_processor_queue_size follower_sync_time
		prep_processor_queue_size fsynctime inflight_snap_count reads_issued_from_session_queue restore_time
		learner_request_processor_queue_size snapshottime unavailable_time startup_txns_loaded
		reads_after_write_in_session_queue requests_in_session_queue write_commit_proc_issued prep_process_time
		pending_session_queue_size time_waiting_empty_pool_in_commit_processor_read_ms commit_process_time dbinittime
		inflight_diff_count netty_queued_buffer_capacity election_time commit_commit_proc_req_queued
		sync_processor_batch_size node_children_watch_count write_batch_time_in_commit_processor read_commit_proc_issued
		concurrent_request_processing_in_commit_processor observer_sync_time node_changed_watch_count sync_process_time
		startup_snap_load_time`)
	advancedNames = strings.Fields(`prep_processor_queue_time_ms jvm_pause_time_ms close_session_prep_time
		read_commitproc_time_ms updatelatency local_write_committed_time_ms request_throttle_queue_time_ms readlatency
		quorum_ack_latency om_commit_process_time_ms read_final_proc_time_ms commit_propagation_latency
		dead_watchers_cleaner_latency write_final_proc_time_ms proposal_ack_creation_latency proposal_latency
		om_proposal_process_time_ms sync_processor_queue_and_flush_time_ms propagation_latency
		server_write_committed_time_ms sync_processor_queue_time_ms sync_processor_queue_flush_time_ms
		write_commitproc_time_ms`)
)

// javaFloat is a number that the original keeps as a double.
type javaFloat float64

func (f javaFloat) String() string { return javaDouble(float64(f)) }

// MarshalJSON implements json.Marshaler.
func (f javaFloat) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

// gauges are the first lines of mntr, in the order of the original's leader. Some are told in some roles only.
func gauges(st *Status) []field {
	e, leads := st.Ensemble, st.leading()
	if e == nil {
		e = &Ensemble{}
	}
	all := []struct {
		key   string
		value any
		told  bool
	}{
		{"version", st.Version, true},
		{"server_state", st.mode(), true},
		{"peer_state", e.peerState(), st.quorumServer()},
		{"observer_master_id", int64(e.Master), e.Role == Observing},
		{"ephemerals_count", st.Ephemerals, true},
		{"num_alive_connections", st.ConnectionCount, true},
		{"avg_latency", javaFloat(milliseconds(st.LatencyAvg)), true},
		{"min_proposal_size", e.Proposals.Min, leads},
		{"outstanding_requests", st.Outstanding, true},
		{"znode_count", st.Nodes, true},
		{"global_sessions", st.Sessions, true},
		{"non_mtls_remote_conn_count", st.PlainRemote, true},
		{"last_client_response_size", st.LastResponse, true},
		{"packets_sent", st.Sent, true},
		{"packets_received", st.Received, true},
		{"max_proposal_size", e.Proposals.Max, leads},
		{"max_client_response_size", st.MaxResponse, true},
		{"synced_followers", e.syncedFollowers(), leads},
		{"connection_drop_probability", javaFloat(st.DropProbability), true},
		{"watch_count", st.Watches, true},
		{"synced_non_voting_followers", e.nonVotingFollowers(), leads},
		{"synced_observers", e.syncedObservers(), leads || e.ObserverMaster},
		{"auth_failed_count", st.AuthFailed, true},
		{"min_latency", st.LatencyMin.Milliseconds(), true},
		{"max_file_descriptor_count", st.MaxFiles, true},
		{"approximate_data_size", st.DataSize, true},
		{"open_file_descriptor_count", st.OpenFiles, true},
		{"last_proposal_size", e.Proposals.Last, leads},
		{"pending_syncs", e.PendingSyncs, leads},
		{"leader_uptime", st.Now.Sub(e.Since).Milliseconds(), leads},
		{"local_sessions", st.LocalSessions, true},
		{"uptime", st.Uptime.Milliseconds(), true},
		{"max_latency", st.LatencyMax.Milliseconds(), true},
		{"outstanding_tls_handshake", st.Handshakes, true},
		{"learners", len(e.Learners), leads},
		{"min_client_response_size", st.MinResponse, true},
		{"non_mtls_local_conn_count", st.PlainLocal, true},
		{"quorum_size", len(e.Members.Voters()), st.quorumServer()},
	}
	told := make([]field, 0, len(all))
	for _, g := range all {
		if g.told {
			told = append(told, field{g.key, g.value})
		}
	}
	return told
}

// empty is a summary of nothing.
var empty = obs.NewSummary("none", "none", obs.Basic)

func (m *Metrics) summary(name string) *obs.Summary {
	if s := m.Summaries[name]; s != nil {
		return s
	}
	return empty
}

func (m *Metrics) counter(name string) int64 {
	if f := m.Counters[name]; f != nil {
		return f()
	}
	return 0
}

// monitor is everything mntr tells, in its order.
func monitor(s Source) []field {
	st, m := s.Status(false), s.Metrics()
	fields := gauges(&st)
	for _, q := range quotaGauges {
		for _, namespace := range slices.Sorted(maps.Keys(st.Quotas)) {
			quota := st.Quotas[namespace]
			fields = append(fields, field{namespace + "_" + q.name, q.value(&quota)})
		}
	}
	for _, name := range counterNames {
		fields = append(fields, field{name, m.counter(name)})
	}
	for _, name := range slices.Sorted(maps.Keys(m.CounterSets)) {
		m.CounterSets[name].Each(func(key string, n *atomic.Int64) { fields = append(fields, field{key + "_" + name, n.Load()}) })
	}
	for _, name := range basicNames {
		fields = addSummary(fields, name, m.summary(name), obs.Basic)
	}
	for _, name := range advancedNames {
		fields = addSummary(fields, name, m.summary(name), obs.Advanced)
	}
	for _, detail := range []obs.Detail{obs.Basic, obs.Advanced} {
		for _, name := range slices.Sorted(maps.Keys(m.SummarySets)) {
			if m.SummarySets[name].Detail() == detail {
				m.SummarySets[name].Each(func(key string, sum *obs.Summary) { fields = addSummary(fields, key+"_"+name, sum, detail) })
			}
		}
	}
	return fields
}

// addSummary appends the lines of a summary.
func addSummary(to []field, name string, sum *obs.Summary, detail obs.Detail) []field {
	to = append(to, field{"avg_" + name, javaFloat(sum.Avg())}, field{"min_" + name, int64(sum.Min())},
		field{"max_" + name, int64(sum.Max())}, field{"cnt_" + name, sum.Count()}, field{"sum_" + name, int64(sum.Sum())})
	if detail == obs.Basic {
		return to
	}
	return append(to, field{"p50_" + name, int64(sum.Quantile(0.5))}, field{"p95_" + name, int64(sum.Quantile(0.95))},
		field{"p99_" + name, int64(sum.Quantile(0.99))}, field{"p999_" + name, int64(sum.Quantile(0.999))})
}

func mntr(w io.Writer, s Source) {
	for _, f := range monitor(s) {
		fmt.Fprintf(w, "zk_%s\t%v\n", f.key, f.value)
	}
}

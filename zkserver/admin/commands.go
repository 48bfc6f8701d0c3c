package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// httpCommand is a command of the HTTP server.
type httpCommand struct {
	name string // the primary one
	auth bool   // asks for all permissions on the root
	post bool   // changes much: POST only
	any  bool   // needs no server that serves
	run  func(h *HTTP, w http.ResponseWriter, r *http.Request, c *httpCommand)
}

// fields makes a command of what returns the fields of its answer.
func fields(f func(h *HTTP) object) func(*HTTP, http.ResponseWriter, *http.Request, *httpCommand) {
	return func(h *HTTP, w http.ResponseWriter, _ *http.Request, c *httpCommand) {
		respond(w, http.StatusOK, c.name, f(h), "")
	}
}

// httpCommands are all commands by each of their names, and primaryNames their first names in order.
var httpCommands, primaryNames = func() (map[string]*httpCommand, []string) {
	m, primary := map[string]*httpCommand{}, []string{}
	for _, c := range []struct {
		names string
		auth  bool
		post  bool
		any   bool
		run   func(*HTTP, http.ResponseWriter, *http.Request, *httpCommand)
	}{
		{names: "configuration conf config", run: fields((*HTTP).configuration)},
		{names: "connection_stat_reset crst", run: fields(func(h *HTTP) object { h.src.ResetConnections(); return nil })},
		{names: "connections cons", run: fields((*HTTP).connections)},
		{names: "dirs", run: fields(func(h *HTTP) object {
			st := h.src.Status(false)
			return object{{"datadir_size", st.DataDirSize}, {"logdir_size", st.LogDirSize}}
		})},
		{names: "dump", run: fields((*HTTP).dump)},
		{names: "environment env envi", any: true, run: fields(func(*HTTP) object { return environment() })},
		{names: "get_trace_mask gtmk", any: true, run: fields(func(h *HTTP) object { return object{{"tracemask", h.traceMask.mask.Load()}} })},
		{names: "hash", run: fields((*HTTP).hash)},
		{names: "initial_configuration icfg", run: fields(func(h *HTTP) object {
			return object{{"initial_configuration", withoutSecrets(h.src.Status(false).InitialConfig)}}
		})},
		{names: "is_read_only isro", run: fields(func(h *HTTP) object { return object{{"read_only", h.src.State() == ServingReads}} })},
		{names: "last_snapshot lsnp", run: fields((*HTTP).lastSnapshot)},
		{names: "leader lead", run: fields((*HTTP).leader)},
		{names: "learners", run: fields((*HTTP).learnersView)},
		{names: "monitor mntr", run: fields(func(h *HTTP) object { return monitor(h.src) })},
		{names: "observer_connection_stat_reset orst", run: fields(func(h *HTTP) object { h.src.ResetObservers(); return nil })},
		{names: "observers obsr", run: fields((*HTTP).observers)},
		{names: "path_stats", any: true, run: (*HTTP).pathStats},
		{names: "restore rest", auth: true, post: true, run: (*HTTP).restore},
		{names: "ruok", run: fields(func(*HTTP) object { return nil })},
		{names: "server_stats srvr", run: fields(func(h *HTTP) object { return h.serverStats(false) })},
		{names: "set_trace_mask stmk", any: true, run: (*HTTP).setTraceMask},
		{names: "shed_connections shed", auth: true, post: true, run: (*HTTP).shedConnections},
		{names: "snapshot snap", auth: true, run: (*HTTP).snapshot},
		{names: "stat_reset srst", run: fields(func(h *HTTP) object { h.src.ResetStats(); return nil })},
		{names: "stats stat", run: fields(func(h *HTTP) object { return h.serverStats(true) })},
		{names: "system_properties sysp", any: true, run: fields((*HTTP).settings)},
		{names: "voting_view", run: fields((*HTTP).votingView)},
		{names: "watch_summary wchs", run: fields((*HTTP).watchSummary)},
		{names: "watches wchc", run: fields((*HTTP).watches)},
		{names: "watches_by_path wchp", run: fields((*HTTP).watchesByPath)},
		{names: "zabstate", any: true, run: fields((*HTTP).zabState)},
	} {
		names := strings.Fields(c.names)
		primary = append(primary, names[0])
		for _, n := range names {
			m[n] = &httpCommand{name: names[0], auth: c.auth, post: c.post, any: c.any, run: c.run}
		}
	}
	slices.Sort(primary)
	return m, primary
}()

func (h *HTTP) configuration() object {
	st := h.src.Status(false)
	return object{
		{"client_port", st.ClientPort},
		{"data_dir", st.DataDir},
		{"data_log_dir", st.LogDir},
		{"tick_time", st.TickTime.Milliseconds()},
		{"max_client_cnxns", st.MaxClientCnxns},
		{"min_session_timeout", st.MinTimeout.Milliseconds()},
		{"max_session_timeout", st.MaxTimeout.Milliseconds()},
		{"server_id", int64(st.serverID())},
		{"client_port_listen_backlog", st.ListenBacklog},
	}
}

// connectionInfo is a connection as JSON shows it.
func connectionInfo(list []Connection, brief bool) []object {
	out := make([]object, 0, len(list))
	for i := range list {
		c := &list[i]
		o := object{
			{"remote_socket_address", c.Addr},
			{"interest_ops", c.interest()},
			{"outstanding_requests", c.Queued},
			{"packets_received", c.Received},
			{"packets_sent", c.Sent},
		}
		if !brief {
			o = append(o,
				field{"session_id", int64(c.Session)},
				field{"last_operation", c.LastOp},
				field{"established", c.Opened.UnixMilli()},
				field{"session_timeout", c.Timeout},
				field{"last_cxid", c.LastXid},
				field{"last_zxid", int64(c.LastZxid)},
				field{"last_response_time", c.LastResponse},
				field{"last_latency", c.LastLatency.Milliseconds()},
				field{"min_latency", c.MinLatency.Milliseconds()},
				field{"avg_latency", c.AvgLatency.Milliseconds()},
				field{"max_latency", c.MaxLatency.Milliseconds()})
		}
		out = append(out, o)
	}
	return out
}

func (h *HTTP) connections() object {
	st := h.src.Status(true)
	return object{{"connections", connectionInfo(st.plain(), false)}, {"secure_connections", connectionInfo(st.secure(), false)}}
}

func (h *HTTP) dump() object {
	st := h.src.Status(true)
	expiries := object{}
	for _, e := range st.SessionExpiries {
		expiries = append(expiries, field{strconv.FormatInt(e.Millis, 10), e.Sessions})
	}
	ephemerals := map[string][]string{}
	for id, paths := range st.EphemeralPaths {
		ephemerals[strconv.FormatInt(int64(id), 10)] = paths
	}
	return object{{"expiry_time_to_session_ids", expiries}, {"session_id_to_ephemeral_paths", ephemerals}}
}

func (h *HTTP) hash() object {
	list := []object{}
	for _, d := range h.src.Digests() {
		list = append(list, object{{"zxid", int64(d.Zxid)}, {"digest", d.Digest}, {"digest_version", d.Version}})
	}
	return object{{"digests", list}}
}

func (h *HTTP) lastSnapshot() object {
	st := h.src.Status(false)
	zxid, at := fmt.Sprintf("%x", uint64(st.LastSnapshot)), int64(-1)
	if st.LastSnapshot != NoSnapshot {
		at = st.LastSnapshotTime.Unix()
	}
	return object{{"zxid", zxid}, {"timestamp", at}}
}

func (h *HTTP) serverStats(connections bool) object {
	st := h.src.Status(connections)
	sizes := object{{"last_buffer_size", st.LastResponse}, {"min_buffer_size", st.MinResponse}, {"max_buffer_size", st.MaxResponse}}
	o := object{
		{"version", st.Version},
		{"read_only", st.readOnly()},
		{"server_stats", object{
			{"packets_sent", st.Sent},
			{"packets_received", st.Received},
			{"fsync_threshold_exceed_count", st.SlowSyncs},
			{"client_response_stats", sizes},
			{"data_dir_size", st.DataDirSize},
			{"log_dir_size", st.LogDirSize},
			{"provider_null", false},
			{"last_processed_zxid", int64(st.LastZxid)},
			{"outstanding_requests", st.Outstanding},
			{"server_state", st.mode()},
			{"avg_latency", javaFloat(milliseconds(st.LatencyAvg))},
			{"max_latency", st.LatencyMax.Milliseconds()},
			{"min_latency", st.LatencyMin.Milliseconds()},
			{"num_alive_client_connections", st.ConnectionCount},
			{"uptime", st.Uptime.Milliseconds()},
			{"auth_failed_count", st.AuthFailed},
			{"non_mtlsremote_conn_count", st.PlainRemote},
			{"non_mtlslocal_conn_count", st.PlainLocal},
		}},
		{"client_response", sizes},
	}
	if st.leading() {
		p := &st.Ensemble.Proposals
		o = append(o, field{"proposal_stats", object{{"last_buffer_size", p.Last}, {"min_buffer_size", p.Min}, {"max_buffer_size", p.Max}}})
	}
	o = append(o, field{"node_count", st.Nodes})
	if connections {
		o = append(o, field{"connections", connectionInfo(st.plain(), true)}, field{"secure_connections", connectionInfo(st.secure(), true)})
	}
	return o
}

func (h *HTTP) setTraceMask(w http.ResponseWriter, r *http.Request, c *httpCommand) {
	q := r.URL.Query()
	mask, err := strconv.ParseInt(q.Get("traceMask"), 10, 64)
	switch {
	case !q.Has("traceMask"):
		respond(w, http.StatusOK, c.name, object{{"error", "setTraceMask requires long traceMask argument"}}, "")
	case err != nil:
		respond(w, http.StatusOK, c.name, object{{"error", "setTraceMask requires long traceMask argument, got " + q.Get("traceMask")}}, "")
	default:
		h.traceMask.mask.Store(mask)
		respond(w, http.StatusOK, c.name, object{{"tracemask", mask}}, "")
	}
}

func (h *HTTP) watchSummary() object {
	st := h.src.Status(false)
	return object{{"num_connections", st.Watchers}, {"num_paths", st.WatchPaths}, {"num_total_watches", st.DataWatches}}
}

func (h *HTTP) watches() object {
	m := map[string][]string{}
	for id, paths := range watchesBySession(h.src.Watching()) {
		m[strconv.FormatInt(int64(id), 10)] = paths
	}
	return object{{"session_id_to_watched_paths", m}}
}

func (h *HTTP) watchesByPath() object {
	return object{{"path_to_session_ids", watchesByPath(h.src.Watching())}}
}

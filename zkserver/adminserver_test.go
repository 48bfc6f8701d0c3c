package zkserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkclient"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/admin"
	"github.com/holdfast-ha/holdfast/zkserver/auth"
	"github.com/holdfast-ha/holdfast/zkserver/config"
	"github.com/holdfast-ha/holdfast/zkserver/pipeline"
)

func withAdmin(c *config.Config) {
	c.AdminEnabled, c.AdminPort, c.AdminRateLimit = true, 0, 0
}

// ask sends a request to the admin server; header is that of Authorization, empty for none.
func (r *running) ask(method, path, header string, body []byte) (*http.Response, []byte) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.AdminAddr().String()+path, bytes.NewReader(body))
	require.NoError(r.t, err)
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp, got
}

// Clients that are shed keep their sessions: they come back here or elsewhere.
func TestConnectionsAreShedOverHTTP(t *testing.T) {
	r := start(t, withAdmin, func(c *config.Config) { c.MaxSessionTimeout = time.Minute }) // nobody pings
	clients := make([]*raw, 8)
	for i := range clients {
		clients[i] = r.raw(zkclient.Handshake{Timeout: 30 * time.Second})
	}
	idle, err := net.Dial("tcp", r.Addr().String()) // no client yet: it is left alone
	require.NoError(t, err)
	defer idle.Close()
	await(t, func() bool { return r.port.Count() == 9 }, "all are accepted")

	for body, reason := range map[string]string{
		"": "body is required", "{": "Invalid JSON", `{"percentage": "x"}`: "Invalid JSON", "{}": "Missing required field: percentage",
		`{"percentage": 101}`: "between 0 and 100", `{"percentage": -1}`: "between 0 and 100", `{"percentage": 2.5}`: "whole number",
		`{"x": "` + strings.Repeat("x", 1<<20) + `"}`: "too large",
	} {
		resp, text := r.ask("POST", "/commands/shed_connections", "digest u:p", []byte(body))
		require.Equal(t, 400, resp.StatusCode, body)
		require.Contains(t, string(text), reason)
	}
	resp, _ := r.ask("GET", "/commands/shed", "digest u:p", nil)
	require.Equal(t, 405, resp.StatusCode)
	resp, _ = r.ask("POST", "/commands/shed", "", []byte(`{"percentage": 100}`))
	require.Equal(t, 401, resp.StatusCode)

	left := 8
	for _, step := range []struct{ percentage, shed int }{{0, 0}, {25, 2}, {50, 3}, {100, 3}, {100, 0}} {
		resp, text := r.ask("POST", "/commands/shed", "digest u:p", fmt.Appendf(nil, `{"percentage": %d}`, step.percentage))
		require.Equal(t, 200, resp.StatusCode)
		require.JSONEq(t, fmt.Sprintf(`{"connections_shed": %d, "percentage_requested": %d, "command": "shed_connections", "error": null}`,
			step.shed, step.percentage), string(text))
		left -= step.shed
		await(t, func() bool { return r.port.Count() == left+1 }, "they are closed, and no others")
	}
	require.Equal(t, 8, r.Status(false).Sessions)
}

func TestSnapshotAndRestoreOverHTTP(t *testing.T) {
	r := start(t, withAdmin)
	c := r.connect()
	acl := zk.WorldACL(zk.PermAll)
	for i := range 300 {
		_, err := c.Create(fmt.Sprintf("/n%03d", i), []byte("before"), 0, acl)
		require.NoError(t, err)
	}
	_, err := c.Create("/mine", nil, zk.FlagEphemeral, acl)
	require.NoError(t, err)
	resp, snap := r.ask("GET", "/commands/snapshot?streaming=true", "digest u:p", nil)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, []string{fmt.Sprint(len(snap))}, resp.Header["Snapshot_size"])
	require.Equal(t, []string{r.Status(false).LastZxid.String()}, resp.Header["Last_zxid"])
	require.Equal(t, "ZKSN", string(snap[:4]))

	require.NoError(t, c.Delete("/n000", -1))
	_, err = c.Set("/n001", []byte("after"), -1)
	require.NoError(t, err)
	_, err = c.Create("/late", nil, 0, acl)
	require.NoError(t, err)
	last := r.Status(false).LastZxid

	// What is no whole snapshot changes nothing.
	damaged := bytes.Clone(snap)
	damaged[len(damaged)/2] ^= 1
	for _, bad := range [][]byte{nil, []byte("no snapshot"), snap[:len(snap)/2], damaged, {0x1f, 0x8b, 1, 2}} {
		refused, text := r.ask("POST", "/commands/restore", "digest u:p", bad)
		require.Equal(t, http.StatusBadRequest, refused.StatusCode, string(text))
		require.Contains(t, string(text), "nothing was changed")
	}
	ok, _, err := c.Exists("/late")
	require.NoError(t, err)
	require.True(t, ok)

	resp, text := r.ask("POST", "/commands/restore", "digest u:p", snap)
	require.Equal(t, 200, resp.StatusCode, string(text))
	require.JSONEq(t, fmt.Sprintf(`{"last_zxid":%d,"command":"restore","error":null}`, int64(last)), string(text))
	check := func(r *running) {
		fresh := r.connect()
		there, _, failure := fresh.Exists("/n000")
		require.NoError(t, failure)
		require.True(t, there)
		data, _, failure := fresh.Get("/n001")
		require.NoError(t, failure)
		require.Equal(t, "before", string(data))
		there, _, failure = fresh.Exists("/late")
		require.NoError(t, failure)
		require.False(t, there)
		require.Zero(t, r.DigestMismatches())
	}
	check(r)
	// The session that was in the snapshot goes on, and so do zxids.
	_, err = c.Create("/new", nil, 0, acl)
	require.NoError(t, err)
	ok, _, err = c.Exists("/mine")
	require.NoError(t, err)
	require.True(t, ok)
	require.Greater(t, r.Status(false).LastZxid, last)
	r = r.restart()
	check(r)
	ok, _, err = r.connect().Exists("/new")
	require.NoError(t, err)
	require.True(t, ok)
	require.Zero(t, r.DigestMismatches())
}

func TestSnapshotAndRestoreAskForAllPermissions(t *testing.T) {
	r := start(t, withAdmin, func(c *config.Config) { c.SuperDigest = auth.Digest("super:pw") })
	c := r.connect()
	require.NoError(t, c.AddAuth("digest", []byte("all:p")))
	acl := append(zk.DigestACL(zk.PermAll, "all", "p"), zk.DigestACL(zk.PermRead|zk.PermWrite|zk.PermCreate|zk.PermDelete, "most", "p")...)
	acl = append(acl, zk.WorldACL(zk.PermAdmin)...)
	_, err := c.SetACL("/", acl, -1)
	require.NoError(t, err)
	for _, tt := range []struct {
		header string
		status int
		reason string
	}{
		{"", 401, "Auth info is missing for the command"},
		{"digest", 401, "Not authenticated"},
		{"digest u:p x", 401, "Not authenticated"},
		{"nosuch u:p", 401, "Not authenticated"},
		{"x509", 401, "Not authenticated"},
		{"Basic YWxsOnA=", 401, "Not authenticated"},
		{"ip", 403, "Not authorized"},
		{"digest u:p", 403, "Not authorized"},
		{"digest all:wrong", 403, "Not authorized"},
	} {
		for path, method := range map[string]string{"/commands/snapshot": "GET", "/commands/snap": "GET", "/commands/restore": "POST", "/commands/rest": "POST"} {
			resp, text := r.ask(method, path, tt.header, []byte("x"))
			require.Equal(t, tt.status, resp.StatusCode, "%s %s", path, tt.header)
			var got struct{ Error string }
			require.NoError(t, json.Unmarshal(text, &got))
			require.Equal(t, tt.reason, got.Error)
		}
	}
	for _, header := range []string{"digest all:p", "digest super:pw"} {
		resp, _ := r.ask("GET", "/commands/snapshot?streaming=false", header, nil)
		require.Equal(t, 200, resp.StatusCode, header)
	}
	// "most" has every permission but one by its own name, and the last one as everybody has it: together they are all.
	resp, _ := r.ask("GET", "/commands/snapshot?streaming=false", "digest most:p", nil)
	require.Equal(t, 200, resp.StatusCode)
	_, err = c.SetACL("/", acl[:2], -1)
	require.NoError(t, err)
	resp, _ = r.ask("GET", "/commands/snapshot?streaming=false", "digest most:p", nil)
	require.Equal(t, 403, resp.StatusCode, "each permission is asked for (CVE-2025-58457)")
}

func TestAdminRateLimitAndSwitches(t *testing.T) {
	r := start(t, withAdmin, func(c *config.Config) { c.AdminRateLimit = time.Hour })
	resp, _ := r.ask("GET", "/commands/snapshot?streaming=false", "ip", nil)
	require.Equal(t, 200, resp.StatusCode)
	resp, _ = r.ask("GET", "/commands/snapshot?streaming=false", "ip", nil)
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	resp, _ = r.ask("POST", "/commands/restore", "ip", []byte("x"))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	resp, _ = r.ask("POST", "/commands/restore", "ip", []byte("x"))
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	resp, _ = r.ask("GET", "/commands/restore", "ip", nil)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	resp, _ = r.ask("PUT", "/commands/ruok", "", nil)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)

	off := start(t, withAdmin, func(c *config.Config) { c.AdminSnapshot, c.AdminRestore = false, false })
	resp, _ = off.ask("GET", "/commands/snapshot", "ip", nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	resp, _ = off.ask("POST", "/commands/restore", "ip", nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
}

func TestRestoreWhileClientsWrite(t *testing.T) {
	r := start(t, withAdmin)
	c := r.connect()
	_, err := c.Create("/counter", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, snap := r.ask("GET", "/commands/snapshot", "ip", nil)
	for range 3 {
		done := make(chan error)
		for range 4 {
			w := r.connect()
			go func() {
				var err error
				for err == nil {
					_, err = w.Set("/counter", []byte("x"), -1)
				}
				done <- err
			}()
		}
		resp, text := r.ask("POST", "/commands/restore", "ip", snap)
		require.Equal(t, 200, resp.StatusCode, string(text))
		for range 4 {
			require.Error(t, <-done, "the connection ends, and the session is not in the snapshot")
		}
	}
	require.NoError(t, r.Err())
	require.Zero(t, r.DigestMismatches())
	require.Zero(t, r.restart().DigestMismatches())
}

func TestHealth(t *testing.T) {
	r := start(t, withAdmin)
	for _, path := range []string{"/livez", "/readyz", "/quorumz"} {
		resp, text := r.ask("GET", path, "", nil)
		require.Equal(t, 200, resp.StatusCode, string(text))
		require.Equal(t, "ok\n", string(text))
		resp, text = r.ask("GET", path+"?format=json", "", nil)
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		var h struct {
			OK     bool
			Checks []struct{ Name, Reason string }
		}
		require.NoError(t, json.Unmarshal(text, &h))
		require.True(t, h.OK)
		for _, c := range h.Checks {
			require.NotEmpty(t, c.Reason)
		}
	}
	_, text := r.ask("GET", "/readyz?verbose", "", nil)
	require.Regexp(t, `(?s)^\[\+\]core: .*\[\+\]serving: .*\[\+\]log: .*\[\+\]disk: .*\[\+\]load: .*ok\n$`, string(text))
	r.beat.Store(0)
	h := operator{r.Server}.Live()
	require.False(t, h.OK)
	r.fail(io.ErrShortWrite)
	resp, text := r.ask("GET", "/readyz", "", nil)
	require.Equal(t, 503, resp.StatusCode)
	require.Contains(t, string(text), "[-]log: short write\n")
	require.True(t, strings.HasSuffix(string(text), "failed\n"))
	resp, _ = r.ask("GET", "/quorumz", "", nil)
	require.Equal(t, 503, resp.StatusCode)
}

func TestTheDefaultAdminPortMayBeTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	cfg := testConfig(t)
	cfg.AdminEnabled, cfg.AdminPort = true, taken.Addr().(*net.TCPAddr).Port
	r := startWith(t, cfg)
	require.Nil(t, r.AdminAddr())
	require.Equal(t, 1, r.logs.FilterMessageSnippet("the HTTP commands are not served").Len())

	cfg.DataDir, cfg.AdminExplicit = t.TempDir(), true
	s, err := New(cfg)
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(), "choose another admin.serverPort")
}

func TestMetricsHaveTheOriginalsTypes(t *testing.T) {
	r := start(t)
	c, events := r.connectEvents()
	_ = events
	_, _, watch, err := c.ExistsW("/a")
	require.NoError(t, err)
	_, err = c.Create("/a", []byte("x"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	<-watch
	_, err = c.Create("/zookeeper/quota/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, err = c.Create("/zookeeper/quota/a/zookeeper_limits", []byte("count=7,bytes=-1=;countHardLimit=9"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, err = c.Create("/zookeeper/quota/a/zookeeper_stats", []byte("count=0,bytes=0"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	families, err := r.Registry().Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	openFiles, _ := admin.OpenFiles() // not every system tells
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()+" "+f.GetType().String()] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetSummary().GetSampleCount())
	}
	for name, least := range map[string]float64{
		"znode_count GAUGE": 6, "packets_received GAUGE": 3, "num_alive_connections GAUGE": 1, "global_sessions GAUGE": 1,
		"updatelatency SUMMARY": 2, "readlatency SUMMARY": 1, "fsynctime SUMMARY": 2, "propagation_latency SUMMARY": 2,
		"node_created_watch_count SUMMARY": 1, "sync_processor_batch_size SUMMARY": 1, "dbinittime SUMMARY": 1,
		"watch_bytes COUNTER": 30, "bytes_received_count COUNTER": 30, "response_bytes COUNTER": 30, "connection_request_count COUNTER": 1,
		"outstanding_changes_queued COUNTER": 2, "sync_processor_request_queued COUNTER": 2, "max_client_response_size GAUGE": 16,
		"holdfast_last_zxid GAUGE": 2, "holdfast_disk_free_bytes GAUGE": 1, "holdfast_zxid_counter_remaining GAUGE": 1 << 30,
		"process_open_fds GAUGE": float64(min(1, max(0, openFiles))), "go_goroutines GAUGE": 1, "approximate_data_size GAUGE": 1, "uptime GAUGE": 0,
		"election_time SUMMARY": 0, "learner_commit_received_count COUNTER": 0,
	} {
		got, ok := values[name]
		require.True(t, ok, name)
		require.GreaterOrEqual(t, got, least, name)
	}
	text := httptest.NewRecorder()
	promhttp.HandlerFor(r.Registry(), promhttp.HandlerOpts{}).ServeHTTP(text, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, text.Body.String(), "readlatency{quantile=\"0.99\"}")
	require.Contains(t, text.Body.String(), "quota_count_limit_per_namespace{key=\"a\"} 9\n")
	require.Contains(t, text.Body.String(), "quota_bytes_limit_per_namespace{key=\"a\"} -1\n")
	require.Contains(t, text.Body.String(), "quota_count_usage_per_namespace{key=\"a\"} 1\n")
	require.Contains(t, text.Body.String(), "election_time{quantile=\"0.5\"} NaN")

	quiet := start(t, func(c *config.Config) { c.MetricsNoRuntime = true })
	families, err = quiet.Registry().Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.False(t, strings.HasPrefix(f.GetName(), "go_"), f.GetName())
	}
}

func TestPingsAreNotTheLastOperationOfAClient(t *testing.T) {
	l := neverAsked
	l.set(&pipeline.Item{Op: zkproto.OpGetData, Xid: 7}, 3, 10)
	l.set(&pipeline.Item{Op: zkproto.OpPing, Xid: zkproto.XidPing}, 4, 20)
	require.Equal(t, int32(7), l.xid)
	require.Equal(t, zkproto.OpPing, l.op)
	require.Equal(t, zkproto.Zxid(4), l.zxid)
}

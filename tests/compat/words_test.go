//go:build compat

package compat

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// watched is a server of either make that operators look at.
type watched struct {
	server
	admin string // host:port of its HTTP commands
}

func startWatched(t *testing.T, ours bool) watched {
	t.Helper()
	cfg, addr := zooCfg(t, t.TempDir())
	text, err := os.ReadFile(cfg)
	require.NoError(t, err)
	port := freePort(t)
	settings := strings.Replace(string(text), "admin.enableServer=false", fmt.Sprintf("admin.serverPort=%d\nadmin.serverAddress=127.0.0.1", port), 1)
	require.NoError(t, os.WriteFile(cfg, []byte(settings), 0o644))
	cmd := exec.Command(program(t, "zkserver"), "start-foreground", cfg)
	if !ours {
		cmd = zookeeper.server(t, cfg)
	}
	return watched{server{start(t, map[bool]string{true: "zkserver", false: "original"}[ours], cmd), addr}, fmt.Sprintf("127.0.0.1:%d", port)}
}

// live gives the server something to tell of: znodes, an ephemeral, watches that have fired and that have not, errors, and
// enough transactions for an entry of the digest log.
func (s watched) live(t *testing.T) {
	t.Helper()
	// A connection that comes while the original starts can stay without an answer, so ask for its state first.
	eventually(t, "the server serves", func() bool { return strings.Contains(word(s.addr, "srvr"), "Mode: ") })
	c, events, err := zk.Connect([]string{s.addr}, 40*time.Second, zk.WithLogger(quiet{})) // so long that no ping disturbs the counts
	require.NoError(t, err)
	t.Cleanup(c.Close)
	eventually(t, "there is a session", func() bool { return (<-events).State == zk.StateHasSession })
	all := zk.WorldACL(zk.PermAll)
	for path, flags := range map[string]int32{"/a": 0, "/eph": zk.FlagEphemeral, "/q": zk.FlagSequence} {
		_, err := c.Create(path, []byte("hello"), flags, all)
		require.NoError(t, err)
	}
	_, err = c.Create("/a/b", []byte("x"), 0, all)
	require.NoError(t, err)
	_, _, changed, err := c.GetW("/a")
	require.NoError(t, err)
	for i := range 140 {
		_, err = c.Set("/a", fmt.Appendf(nil, "%d", i), -1)
		require.NoError(t, err)
	}
	<-changed
	require.NoError(t, c.Delete("/a/b", -1))
	for _, path := range []string{"/a", "/eph", "/later"} {
		_, _, _, err = c.ExistsW(path)
		require.NoError(t, err)
	}
	_, _, _, err = c.ChildrenW("/a")
	require.NoError(t, err)
	_, _, err = c.Get("/nosuch")
	require.ErrorIs(t, err, zk.ErrNoNode)
}

func (s watched) word(t *testing.T, word string) string {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = nc.Write([]byte(word))
	require.NoError(t, err)
	b, err := io.ReadAll(nc)
	require.NoError(t, err)
	return string(b)
}

func (s watched) http(t *testing.T, method, path, authorization string) string {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.admin+path, http.NoBody)
	require.NoError(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return fmt.Sprintf("%d %s\n%s", resp.StatusCode, kind, b)
}

// volatile are the values that two runs of the same server differ in.
var volatile = []struct{ pattern, with string }{
	{`3\.9\.\d+-[0-9a-zA-Z.]+, built on [^\n"]+`, "VERSION"},
	{`127\.0\.0\.1:\d+`, "ADDR"},
	{`0x[0-9a-f]{12,}`, "SESSION"},
	{`\b\d{16,19}\b`, "SESSION"}, // the same in decimal
	{`[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]+ \d{4}`, "DATE"},
	{`(est|lresp|llat|minlat|avglat|maxlat)=\d+`, "$1=N"},
	{`Latency min/avg/max: \d+/[\d.]+/\d+`, "Latency min/avg/max: N/N/N"},
	{`(?m)^(Sent|Received): \d+`, "$1: N"}, // the original counts the pieces in which it answers words
	{`(dataDirSize=|dataLogSize=|dir_size: |_size" : )\d+`, "${1}N"},
	{`(clientPort=|"client_port" : )\d+`, "${1}N"},
	{`(dataDir|dataLogDir)=/.*`, "$1=DIR"},
	{`"(data_dir|data_log_dir)" : ".*"`, `"$1" : "DIR"`},
	{`"(established|last_response_time|\w+_latency|uptime|timestamp|packets_sent|packets_received)" : [\d.]+`, `"$1" : N`},
	{`(?m)^([0-9a-f]+): -?\d+$`, "$1: DIGEST"},
	{`"digest" : -?\d+`, `"digest" : DIGEST`},
	{`"(\d+)" : \[ SESSION \]`, `"TIME" : [ SESSION ]`},
	{`Session Sets \(\d+\)`, "Session Sets (N)"}, // the original tells of the sets it has emptied, too
	{`(?m)^0 expire at DATE:\n`, ""},
	{`(?m)^ +"\d+" : \[ \],?\n`, ""},
	{`"initial_configuration" : ".*"`, `"initial_configuration" : "TEXT"`},
}

func normal(s string) string {
	for _, v := range volatile {
		s = regexp.MustCompile(v.pattern).ReplaceAllString(s, v.with)
	}
	if before, conns, ok := strings.Cut(s, "Connections Sets ("); ok { // the original tells of those that were closed lately, too
		list := regexp.MustCompile(`\tip: .*`).FindAllString(conns, -1)
		slices.Sort(list)
		s = before + strings.Join(list, "\n")
	}
	return regexp.MustCompile(`(?m)(^ /ADDR.*\n)+`).ReplaceAllStringFunc(s, func(lines string) string {
		list := strings.SplitAfter(lines, "\n")
		slices.Sort(list) // the original keeps connections in a hash set
		return strings.Join(list, "")
	})
}

// anyOrder sorts lines: the original's fields of server_stats come as its JVM lists the methods.
func anyOrder(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], ",")
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// keys are what comes before the separator on each line.
func keys(text, separator string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if key, _, ok := strings.Cut(line, separator); ok {
			list = append(list, key)
		}
	}
	return list
}

func bothWatched(t *testing.T) (original, ours watched) {
	t.Helper()
	original, ours = startWatched(t, false), startWatched(t, true)
	original.live(t)
	ours.live(t)
	return original, ours
}

func TestFourLetterWordsLookTheSame(t *testing.T) {
	t.Parallel()
	original, ours := bothWatched(t)
	for _, word := range []string{
		"srvr", "stat", "conf", "cons", "dirs", "dump", "wchs", "wchc", "wchp", "hash", "isro", "ruok",
		"ruok\n", "gtmk", "stmk\x00\x00\x00\x00\x00\x00\x01\x00", "gtmk", "crst", "cons", "srst",
	} {
		require.Equal(t, normal(original.word(t, word)), normal(ours.word(t, word)), "%q", word)
	}
	theirs, mine := keys(original.word(t, "envi"), "="), keys(ours.word(t, "envi"), "=")
	require.Equal(t, append(theirs, "go.version"), mine)
}

// exactValues are lines of mntr that must agree to the last digit.
var exactValues = regexp.MustCompile(`(?m)^zk_(server_state|ephemerals_count|num_alive_connections|outstanding_requests|znode_count|` +
	`global_sessions|watch_count|approximate_data_size|local_sessions|connection_drop_probability|auth_failed_count|` +
	`connection_request_count|cnt_node_\w+|sum_node_\w+|cnt_updatelatency|snapshot_\w+|` +
	`digest_mismatches_count|stale_sessions_expired|connection_rejected|cnt_propagation_latency)\t.*$`)

func TestMntrHasTheSameKeysAndValues(t *testing.T) {
	t.Parallel()
	original, ours := bothWatched(t)
	theirs, mine := original.word(t, "mntr"), ours.word(t, "mntr")
	perNamespace := regexp.MustCompile(`(?m)^zk_\w+_per_namespace\t.*\n`) // in no particular order
	sets := func(s string) []string {
		lines := perNamespace.FindAllString(regexp.MustCompile(`_q\d{10}_`).ReplaceAllString(s, "_q_"), -1)
		slices.Sort(lines)
		return lines
	}
	require.Equal(t, sets(theirs), sets(mine))
	theirs, mine = perNamespace.ReplaceAllString(theirs, ""), perNamespace.ReplaceAllString(mine, "")
	require.Equal(t, keys(theirs, "\t"), keys(mine, "\t"))
	require.Equal(t, exactValues.FindAllString(theirs, -1), exactValues.FindAllString(mine, -1))
	shape := func(s string) string {
		s = regexp.MustCompile(`(?m)\t-?\d+$`).ReplaceAllString(s, "\tINT")
		return regexp.MustCompile(`(?m)\t\d+\.\d{1,4}$`).ReplaceAllString(s, "\tFLOAT")
	}
	require.Equal(t, shape(normal(theirs)), shape(normal(mine)))
}

func TestHTTPCommandsLookTheSame(t *testing.T) {
	t.Parallel()
	original, ours := bothWatched(t)
	for _, path := range strings.Fields(`configuration conf config connections cons dirs dump get_trace_mask gtmk hash
		initial_configuration icfg is_read_only isro last_snapshot lsnp leader lead observers obsr
		observer_connection_stat_reset orst ruok server_stats srvr stats stat set_trace_mask set_trace_mask?traceMask=x
		set_trace_mask?traceMask=7 stmk voting_view watch_summary wchs watches wchc watches_by_path wchp zabstate snapshot snap
		restore nosuch connection_stat_reset crst stat_reset srst`) {
		theirs, mine := normal(original.http(t, "GET", "/commands/"+path, "")), normal(ours.http(t, "GET", "/commands/"+path, ""))
		if strings.Contains(theirs, `"server_stats" : {`) {
			theirs, mine = anyOrder(theirs), anyOrder(mine)
		}
		require.Equal(t, theirs, mine, path)
	}
	for _, authorization := range []string{"digest", "nosuch u:p", "digest u:p x"} {
		require.Equal(t, original.http(t, "GET", "/commands/snapshot", authorization),
			ours.http(t, "GET", "/commands/snapshot", authorization), authorization)
	}
	jsonKeys := func(s string) []string {
		return regexp.MustCompile(`(?m)^ +"[^"]+" :`).FindAllString(regexp.MustCompile(`(?m)^.*_per_namespace".*\n`).ReplaceAllString(s, ""), -1)
	}
	require.Equal(t, jsonKeys(original.http(t, "GET", "/commands/monitor", "")), jsonKeys(ours.http(t, "GET", "/commands/mntr", "")))
	theirs := original.http(t, "GET", "/commands/", "")
	_, theirs, _ = strings.Cut(theirs, "\n")
	_, mine, _ := strings.Cut(ours.http(t, "GET", "/commands", ""), "\n")
	for _, name := range []string{"learners", "path_stats", "shed_connections"} { // two are ours, one the original's from 3.10 on
		link := fmt.Sprintf("<a href=\"/commands/%[1]s\">%[1]s</a>\n<br/>\n", name)
		require.Contains(t, mine, link)
		mine = strings.Replace(mine, link, "", 1)
	}
	require.Equal(t, theirs, mine)
}

// A snapshot taken over HTTP from one make is a data directory's snapshot for the other, and can be restored by it.
func TestSnapshotsOverHTTPChangeHands(t *testing.T) {
	t.Parallel()
	original, ours := bothWatched(t)
	for _, way := range []struct{ from, to watched }{{original, ours}, {ours, original}} {
		_, snap, ok := strings.Cut(way.from.http(t, "GET", "/commands/snapshot", "digest u:p"), "\n")
		require.True(t, ok)
		require.True(t, strings.HasPrefix(snap, "ZKSN"))
		file := filepath.Join(t.TempDir(), "snapshot")
		require.NoError(t, os.WriteFile(file, []byte(snap), 0o600))
		body, err := os.Open(file)
		require.NoError(t, err)
		req, err := http.NewRequest("POST", "http://"+way.to.admin+"/commands/restore", body)
		require.NoError(t, err)
		req.Header.Set("Authorization", "digest u:p")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
		require.Contains(t, string(text), `"last_zxid" : `)
		c := way.to.connect(t)
		data, _, err := c.Get("/a")
		require.NoError(t, err)
		require.Equal(t, "139", string(data))
	}
}

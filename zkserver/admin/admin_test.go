package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/obs"
	"github.com/holdfast-ha/holdfast/internal/zkproto"
	"github.com/holdfast-ha/holdfast/zkserver/pathstats"
)

// fixed is a server that never changes.
type fixed struct {
	statsReset, cnxnsReset bool
	metrics                Metrics
	silent                 bool
	ensemble               *Ensemble
	text                   string // of zoo.cfg, in the place of the usual one; and no properties
}

func (f *fixed) State() State {
	switch {
	case f.silent:
		return NotServing
	case f.ensemble != nil && f.ensemble.Role == ReadOnly:
		return ServingReads
	default:
		return Serving
	}
}
func (f *fixed) ResetObservers() {}

func (f *fixed) ResetStats()       { f.statsReset = true }
func (f *fixed) ResetConnections() { f.cnxnsReset = true }

func (f *fixed) Metrics() *Metrics {
	if f.metrics.Counters == nil {
		f.metrics.Counters = map[string]func() int64{"watch_bytes": func() int64 { return 77 }}
		fsync := obs.NewLatency("fsynctime", "help", obs.Basic)
		fsync.Observe(1500 * time.Microsecond)
		reads := obs.NewLatency("readlatency", "help", obs.Advanced)
		reads.ObserveN(2*time.Millisecond, 3)
		f.metrics.Summaries = map[string]*obs.Summary{"fsynctime": &fsync.Summary, "readlatency": &reads.Summary}
	}
	return &f.metrics
}

func (f *fixed) Watching() []Watching {
	return []Watching{{0x1002, "/b"}, {0x1001, "/b"}, {0x1002, "/a"}}
}

func (f *fixed) TopPaths(q PathQuery) (TopPaths, error) {
	switch q.Op {
	case "off":
		return TopPaths{}, ErrPathStatsOff
	case "nosuch":
		return TopPaths{}, fmt.Errorf("%w: it is none", ErrNoSuchOp)
	}
	return TopPaths{
		SampleRate: 0.25, Window: 15 * time.Minute, Depth: max(4, q.Depth),
		Reads: []pathstats.Count{{Path: "/a", Requests: 7}, {Path: "/b/*", Requests: 2}},
	}, nil
}

func (f *fixed) Digests() []Digest {
	return []Digest{{Zxid: 0x80, Version: 2, Digest: 1371985504}, {Zxid: 0x100, Version: 2, Digest: -5}}
}

func (f *fixed) Status(details bool) Status {
	s := Status{
		Version: "3.9.5-abc, built on 2026-01-01", LatencyMax: 12 * time.Millisecond, LatencyAvg: 1234567 * time.Nanosecond,
		Received: 10, Sent: 9, Outstanding: 1, LastZxid: 0x100000002, Nodes: 7, Ephemerals: 2, DataSize: 99, Watches: 4, DataWatches: 3,
		Watchers: 2, WatchPaths: 2, Sessions: 2, ConnectionCount: 2, Uptime: time.Minute, DataDirSize: 100, LogDirSize: 200,
		ClientPort: 2181, SecurePort: -1, DataDir: "/d/version-2", LogDir: "/l/version-2", TickTime: 2 * time.Second, MinTimeout: 4 * time.Second,
		MaxTimeout: 40 * time.Second, MaxClientCnxns: 60, ListenBacklog: -1, OpenFiles: 5, MaxFiles: 1024, LastResponse: 16,
		MinResponse: 16, MaxResponse: 93, LastSnapshot: 0x12, LastSnapshotTime: time.Unix(1700000000, 0),
		Now: time.Unix(1700000060, 0), Ensemble: f.ensemble,
		InitialConfig: "clientPort=2181\nssl.keyStore.password=geheim\nsnapCount : 7\n",
		Properties:    map[string]string{"zookeeper.snapCount": "5", "jute.maxbuffer": "0x400000", "zookeeper.ssl.quorum.keyStore.password": "geheim"},
	}
	if f.text != "" {
		s.InitialConfig, s.Properties = f.text, nil
	}
	if details {
		at := time.UnixMilli(1700000000000).UTC()
		s.Connections = []Connection{{Addr: "127.0.0.1:5000", Received: 1, LastXid: -1, Expires: at}, {
			Addr: "127.0.0.1:5001", Session: 0x1002, Queued: 1,
			Received: 9, Sent: 8, LastOp: "PING", Opened: at, Timeout: 4000, LastXid: 26, LastZxid: 0x12,
			LastResponse: 1700000000123, MaxLatency: 3 * time.Millisecond, Expires: at.Add(30 * time.Second),
		}}
		s.SessionExpiries = []Expiry{
			{At: at, Millis: 4000, Sessions: []zkproto.SessionID{0x1001, 0x1002}},
			{At: at.Add(2 * time.Second), Millis: 6000, Sessions: []zkproto.SessionID{0x1003}},
		}
		s.EphemeralPaths = map[zkproto.SessionID][]string{0x1002: {"/a", "/b"}}
	}
	return s
}

// golden compares with a file of testdata. To renew the files after an intended change run the tests with
// HOLDFAST_REWRITE=1, and read the difference.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("HOLDFAST_REWRITE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, name)
}

// The layouts are the original's.
func TestLayouts(t *testing.T) {
	w, unknown := NewWords(&fixed{}, NewTraceMask(), []string{"*"})
	require.Empty(t, unknown)
	for _, word := range []string{"srvr", "stat", "mntr", "conf", "cons", "wchs", "wchc", "wchp", "dirs", "isro", "ruok", "hash", "gtmk"} {
		got, ok := w.Answer(word, nil)
		require.True(t, ok)
		golden(t, word+".txt", got)
	}
}

func TestDump(t *testing.T) {
	w, _ := NewWords(&fixed{}, NewTraceMask(), []string{"dump"})
	got, ok := w.Answer("dump", nil)
	require.True(t, ok)
	connections := func(seconds int64) string { return time.Unix(seconds, 0).Format(javaDate) } // in local time, as the original
	require.Equal(t, `SessionTracker dump:
Session Sets (2)/(3):
2 expire at Tue Nov 14 22:13:20 UTC 2023:
	0x1001
	0x1002
1 expire at Tue Nov 14 22:13:22 UTC 2023:
	0x1003
ephemeral nodes dump:
Sessions with Ephemerals (1):
0x1002:
	/a
	/b
Connections dump:
Connections Sets (2)/(2):
1 expire at `+connections(1700000010)+`:
	ip: /127.0.0.1:5000 sessionId: 0x0
1 expire at `+connections(1700000040)+`:
	ip: /127.0.0.1:5001 sessionId: 0x1002
`, got)
}

func TestWhitelist(t *testing.T) {
	src := &fixed{}
	w, unknown := NewWords(src, NewTraceMask(), nil)
	require.Empty(t, unknown)
	require.Len(t, commands, 18)
	for word := range commands {
		got, ok := w.Answer(word, nil)
		require.True(t, ok)
		if word != "srvr" {
			require.Equal(t, word+" is not executed because it is not in the whitelist.\n", got)
		}
	}
	require.False(t, src.statsReset)
	_, ok := w.Answer("what", nil)
	require.False(t, ok, "not a word: the bytes are a frame")

	w, unknown = NewWords(src, NewTraceMask(), []string{"srst", "rouk", "crst"})
	require.Equal(t, []string{`"rouk"`}, unknown)
	got, _ := w.Answer("srst", nil)
	require.Equal(t, "Server stats reset.\n", got)
	got, _ = w.Answer("crst", nil)
	require.Equal(t, "Connection stats reset.\n", got)
	require.True(t, src.statsReset && src.cnxnsReset)
}

func TestTraceMask(t *testing.T) {
	w, _ := NewWords(&fixed{}, NewTraceMask(), []string{"gtmk", "stmk"})
	got, _ := w.Answer("stmk", []byte{0, 0, 0, 0, 0, 0, 1, 0})
	require.Equal(t, "256", got)
	got, _ = w.Answer("gtmk", nil)
	require.Equal(t, "256", got)
	require.Equal(t, 8, ArgumentSize("stmk"))
	require.Zero(t, ArgumentSize("gtmk"))
}

func TestEnvironment(t *testing.T) {
	w, _ := NewWords(&fixed{}, NewTraceMask(), []string{"envi"})
	got, _ := w.Answer("envi", nil)
	require.Regexp(t, `^Environment:\nzookeeper.version=3\.9\.\d+-.*\nhost.name=.+\njava.version=<NA>\n`, got)
}

func FuzzWords(f *testing.F) {
	f.Add("ruok", []byte{})
	f.Add("stmk", []byte{0, 0, 0, 0, 0, 0, 1, 0})
	f.Add("stmk", []byte{1})
	f.Add("srvr\n", []byte(nil))
	w, _ := NewWords(&fixed{}, NewTraceMask(), []string{"*"})
	f.Fuzz(func(t *testing.T, word string, arg []byte) {
		text, ok := w.Answer(word, arg)
		require.Equal(t, Known(word), ok)
		require.True(t, ok || text == "")
	})
}

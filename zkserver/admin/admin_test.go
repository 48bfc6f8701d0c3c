package admin

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// fixed is a server that never changes.
type fixed struct{ statsReset, cnxnsReset bool }

func (f *fixed) ResetStats()       { f.statsReset = true }
func (f *fixed) ResetConnections() { f.cnxnsReset = true }

func (f *fixed) Status(details bool) Status {
	s := Status{
		Version: "3.9.4-abc, built on 2025-01-01", Mode: "standalone", LatencyMax: 12 * time.Millisecond, LatencyAvg: 1234 * time.Microsecond,
		Received: 10, Sent: 9, Outstanding: 1, LastZxid: 0x100000002, Nodes: 7, Ephemerals: 2, DataSize: 99, Watches: 3, Watchers: 2,
		WatchPaths: 1, Sessions: 2, ConnectionCount: 2, Uptime: time.Minute, DataDirSize: 100, LogDirSize: 200, ClientPort: 2181,
		DataDir: "/d/version-2", LogDir: "/l/version-2", TickTime: 2 * time.Second, MinTimeout: 4 * time.Second, MaxTimeout: 40 * time.Second,
		MaxClientCnxns: 60, OpenFiles: 5, MaxFiles: 1024, Extra: []Value{{"op_count_total", int64(4)}, {"avg_fsynctime", 0.25}},
	}
	if details {
		s.Connections = []Connection{{Addr: "127.0.0.1:5000", Received: 1, LastXid: -1}, {
			Addr: "127.0.0.1:5001", Session: 0x1002, Queued: 1,
			Received: 9, Sent: 8, LastOp: "PING", Opened: time.UnixMilli(1700000000000), Timeout: 4000, LastXid: 26, LastZxid: 0x12,
			LastResponse: 1700000000123, MaxLatency: 3 * time.Millisecond,
		}}
		s.SessionTimeouts = map[zkproto.SessionID]int32{0x1002: 4000, 0x1001: 4000, 0x1003: 6000}
		s.EphemeralPaths = map[zkproto.SessionID][]string{0x1002: {"/a", "/b"}}
	}
	return s
}

// The layouts are the original's. To renew the files after an intended change: go test ./zkserver/admin -run Layouts with
// HOLDFAST_REWRITE=1, and read the difference.
func TestLayouts(t *testing.T) {
	w, err := NewWords(&fixed{}, []string{"*"})
	require.NoError(t, err)
	for _, word := range []string{"srvr", "stat", "mntr", "conf", "cons", "dump", "wchs", "dirs", "isro", "ruok"} {
		got, ok := w.Answer(word)
		require.True(t, ok)
		file := filepath.Join("testdata", word+".txt")
		if os.Getenv("HOLDFAST_REWRITE") != "" {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got, word)
	}
}

func TestWhitelist(t *testing.T) {
	src := &fixed{}
	w, err := NewWords(src, nil)
	require.NoError(t, err)
	for word := range commands {
		got, ok := w.Answer(word)
		require.True(t, ok)
		if word != "srvr" {
			require.Equal(t, word+" is not executed because it is not in the whitelist.\n", got)
		}
	}
	require.False(t, src.statsReset)
	_, ok := w.Answer("what")
	require.False(t, ok, "not a word: the bytes are a frame")

	w, err = NewWords(src, []string{"srst", "crst", "wchp"})
	require.NoError(t, err)
	got, _ := w.Answer("srst")
	require.Equal(t, "Server stats reset.\n", got)
	got, _ = w.Answer("crst")
	require.Equal(t, "Connection stats reset.\n", got)
	require.True(t, src.statsReset && src.cnxnsReset)
	got, _ = w.Answer("wchp")
	require.Equal(t, "wchp is not supported by this server.\n", got)
	_, err = NewWords(src, []string{"rouk"})
	require.ErrorContains(t, err, `there is no four-letter word "rouk"`)
}

func TestEnvironment(t *testing.T) {
	w, err := NewWords(&fixed{}, []string{"envi"})
	require.NoError(t, err)
	got, _ := w.Answer("envi")
	require.Regexp(t, `^Environment:\nzookeeper.version=3\.9\.\d+-.*\nhost.name=.+\n`, got)
}

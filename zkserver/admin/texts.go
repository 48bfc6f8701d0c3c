package admin

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-ha/holdfast/internal/zkproto"
)

// compatible is the release of the original whose protocol and behaviour the server has.
const compatible = "3.9.4"

// Version is how the server introduces itself, in the original's form: release-revision, built on date. The release is
// the one of the original that it behaves like.
func Version() string {
	revision, date := "holdfast", "an unknown day"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = "holdfast." + s.Value[:min(12, len(s.Value))]
			case "vcs.time":
				date = s.Value
			}
		}
	}
	return compatible + "-" + revision + ", built on " + date
}

func mntr(w io.Writer, s Source) {
	st := s.Status(false)
	values := []Value{
		{"version", st.Version},
		{"server_state", st.Mode},
		{"avg_latency", float64(st.LatencyAvg.Microseconds()) / 1000},
		{"max_latency", st.LatencyMax.Milliseconds()},
		{"min_latency", st.LatencyMin.Milliseconds()},
		{"packets_received", st.Received},
		{"packets_sent", st.Sent},
		{"num_alive_connections", st.ConnectionCount},
		{"outstanding_requests", st.Outstanding},
		{"uptime", st.Uptime.Milliseconds()},
		{"znode_count", st.Nodes},
		{"watch_count", st.Watches},
		{"ephemerals_count", st.Ephemerals},
		{"approximate_data_size", st.DataSize},
		{"global_sessions", st.Sessions},
		{"local_sessions", 0},
	}
	if st.OpenFiles >= 0 {
		values = append(values, Value{"open_file_descriptor_count", st.OpenFiles}, Value{"max_file_descriptor_count", st.MaxFiles})
	}
	values = append(values, Value{"connection_drop_probability", 0.0}, Value{"auth_failed_count", st.AuthFailed},
		Value{"connection_rejected", st.RejectedConnections}, Value{"fsync_threshold_exceed_count", st.SlowSyncs})
	for _, v := range append(values, st.Extra...) {
		fmt.Fprintf(w, "zk_%s\t%s\n", v.Key, v.text())
	}
}

func (v Value) text() string {
	if f, ok := v.Value.(float64); ok {
		return javaDouble(f)
	}
	return fmt.Sprint(v.Value)
}

// javaDouble prints a number as Java's Double.toString does for usual sizes: always with a fraction.
func javaDouble(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	for i := range len(s) {
		if s[i] == '.' {
			return s
		}
	}
	return s + ".0"
}

func conf(w io.Writer, s Source) {
	st := s.Status(false)
	fmt.Fprintf(w, "clientPort=%d\nsecureClientPort=-1\n", st.ClientPort)
	fmt.Fprintf(w, "dataDir=%s\ndataDirSize=%d\n", st.DataDir, st.DataDirSize)
	fmt.Fprintf(w, "dataLogDir=%s\ndataLogSize=%d\n", st.LogDir, st.LogDirSize)
	fmt.Fprintf(w, "tickTime=%d\nmaxClientCnxns=%d\n", st.TickTime.Milliseconds(), st.MaxClientCnxns)
	fmt.Fprintf(w, "minSessionTimeout=%d\nmaxSessionTimeout=%d\n", st.MinTimeout.Milliseconds(), st.MaxTimeout.Milliseconds())
	fmt.Fprintf(w, "clientPortListenBacklog=-1\nserverId=0\n")
}

func dump(w io.Writer, s Source) {
	st := s.Status(true)
	fmt.Fprintln(w, "SessionTracker dump:")
	byTimeout := map[int32][]zkproto.SessionID{}
	for id, timeout := range st.SessionTimeouts {
		byTimeout[timeout] = append(byTimeout[timeout], id)
	}
	fmt.Fprintf(w, "Session Sets (%d)/(%d):\n", len(byTimeout), len(st.SessionTimeouts))
	for _, timeout := range slices.Sorted(maps.Keys(byTimeout)) {
		fmt.Fprintf(w, "%d with a timeout of %d ms:\n", len(byTimeout[timeout]), timeout)
		slices.Sort(byTimeout[timeout])
		for _, id := range byTimeout[timeout] {
			fmt.Fprintf(w, "\t%s\n", id)
		}
	}
	fmt.Fprintln(w, "ephemeral nodes dump:")
	fmt.Fprintf(w, "Sessions with Ephemerals (%d):\n", len(st.EphemeralPaths))
	for _, id := range slices.Sorted(maps.Keys(st.EphemeralPaths)) {
		fmt.Fprintf(w, "%s:\n", id)
		for _, path := range st.EphemeralPaths[id] {
			fmt.Fprintf(w, "\t%s\n", path)
		}
	}
	fmt.Fprintln(w, "Connections dump:")
	fmt.Fprintf(w, "Connections Sets (1)/(%d):\n", len(st.Connections))
	for _, c := range st.Connections {
		fmt.Fprintf(w, "\tip: /%s sessionId: %s\n", c.Addr, c.Session)
	}
}

func envi(w io.Writer, _ Source) {
	host, err := os.Hostname()
	if err != nil {
		host = "<NA>"
	}
	name, home := "<NA>", "<NA>"
	if u, err := user.Current(); err == nil {
		name, home = u.Username, u.HomeDir
	}
	dir, _ := os.Getwd()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	fmt.Fprintln(w, "Environment:")
	for _, e := range [][2]string{
		{"zookeeper.version", Version()},
		{"host.name", host},
		{"go.version", runtime.Version()},
		{"os.name", runtime.GOOS},
		{"os.arch", runtime.GOARCH},
		{"user.name", name},
		{"user.home", home},
		{"user.dir", dir},
		{"cpus", strconv.Itoa(runtime.GOMAXPROCS(0))},
		{"pid", strconv.Itoa(os.Getpid())},
		{"memory.heap", strconv.FormatUint(mem.HeapAlloc>>20, 10) + "MB"},
		{"memory.total", strconv.FormatUint(mem.Sys>>20, 10) + "MB"},
		{"time", time.Now().UTC().Format(time.RFC3339)},
	} {
		fmt.Fprintf(w, "%s=%s\n", e[0], e[1])
	}
}
